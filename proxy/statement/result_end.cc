#include "proxy/statement/result_end.h"

#include <array>

#include "protocol/eof_packet.h"
#include "protocol/result_set_end.h"
#include "protocol/text_resultset.h"
#include "proxy/session/session_tracking.h"
#include "proxy/statement/exchange_run.h"

namespace causeway::proxy {

using protocol::ScanEvent;
using protocol::ScanStep;

namespace {

void append_row(protocol::TextResultSetWriter& writer, const NameAndValue& row, bool binary) {
  constexpr std::array<protocol::TextColumn, 2> kTexts{};
  const std::array<protocol::TextValue, 2> values = {row.first, row.second};
  if (binary) {
    writer.binary_row(kTexts, values);
  } else {
    writer.row(values);
  }
}

}  // namespace

void append_result_end(protocol::Buffer& out, const ResultEnd& end, uint8_t sequence_id,
                       protocol::CapabilityFlags capabilities) {
  if (end.rows != nullptr) {
    protocol::TextResultSetWriter writer(out, capabilities, sequence_id);
    for (const NameAndValue& row : *end.rows)
      append_row(writer, row, end.binary);
    sequence_id = writer.next_sequence_id();
  }
  if (end.ends_rows) {
    protocol::append_result_set_end(out, end.ok, sequence_id, capabilities);
  } else {
    protocol::append_ok_packet(out, end.ok, sequence_id, end.header, capabilities);
  }
}

// LAST_INSERT_ID() as far as an answer tells it.
void ExchangeRun::note_last_insert_id(const ScanStep& scan, uint64_t last_insert_id) {
  const routing::Statement& statement = *command_.statement;
  LastInsertId& id = *session_.state.last.insert_id;
  const bool inserted = scan.event == ScanEvent::kOk && last_insert_id != 0;
  if (inserted) id.value = last_insert_id;
  // The rows of INSERT ... RETURNING end without an insert id.
  const bool returning =
      scan.event == ScanEvent::kResultSetEnd && statement.cls == routing::StatementClass::kDml;
  const bool may_have_set =
      placement_.ahead.tell_last_insert_id && on_writer() &&
      (statement.mentions.last_insert_id || statement.calls_procedure || statement.compound || returning);
  if (!inserted && !may_have_set) return;
  id.certain = false;
  connection_.state.last_insert_id = session_.state.last.insert_id;
}

// What it says of the session is taken over; it is rewritten in place where the client must see something
// else.
void ExchangeRun::on_result_end(const ScanStep& scan, size_t& packet_bytes) {
  connection_.state.status = scan.status_flags;
  const bool ends_rows = scan.packet_payload[0] == protocol::kResultSetEndHeader;
  const auto parsed = ends_rows
                          ? protocol::parse_result_set_end(scan.packet_payload, connection_.capabilities)
                          : protocol::parse_ok_packet(scan.packet_payload, connection_.capabilities);
  const bool is_eof = ends_rows && scan.packet_payload.size() == protocol::kEofPayloadBytes;
  result_.without_trackers = is_eof;
  if (!parsed) return;
  ResultEnd end{.ok = *parsed, .header = scan.packet_payload[0], .ends_rows = ends_rows};
  protocol::OkPacket& ok = end.ok;
  session_.state.last.warnings = ok.warnings;
  result_.ended_with_ok = scan.event == ScanEvent::kOk;
  note_last_insert_id(scan, ok.last_insert_id);
  // An EOF packet has no room for more than the flag, which speaks of what only Causeway has asked to be
  // told.
  const bool state_changed = (ok.status_flags & protocol::status::kSessionStateChanged) != 0;
  result_.state_changed |= is_eof ? state_changed && connection_.server.mariadb : reports_state_change(ok);
  if (is_eof) ok.status_flags &= static_cast<protocol::StatusFlags>(~protocol::status::kSessionStateChanged);
  if (state_changed && !is_eof)
    apply_session_state(session_.state, session_.history, connection_,
                        session_.backends.target_of(connection_), ok, *command_.statement);
  if (!is_eof) session_.state.pins.unreported &= connection_.server.mariadb;

  protocol::StatusFlags added = scan.response_done ? added_status() : protocol::StatusFlags{0};
  if (scan.response_done && command_.place.more_results_follow) added |= protocol::status::kMoreResultsExist;
  if (scan.event == ScanEvent::kResultSetEnd) end.rows = command_.extra_rows;
  if (!state_changed && added == 0 && end.rows == nullptr) return;
  protocol::Buffer& scratch = session_.client.scratch;
  scratch.clear();
  const bool tracked_by_causeway = placement_.ahead.track_next && !session_.state.trackers.transactions;
  const bool transaction_goes_on = (added & protocol::status::kInTransaction) != 0 || tracked_by_causeway;
  append_client_session_state(session_.state, *command_.statement, ok.session_state, transaction_goes_on,
                              scratch);
  ok.session_state = scratch;
  ok.status_flags |= added;
  end.binary = command_.prepared != nullptr;
  protocol::Buffer& packets = session_.client.answer;
  packets.clear();
  append_result_end(packets, end, buffer_.unread()[scan.pass_bytes + 3], session_.client.capabilities);
  buffer_.replace(scan.pass_bytes, packet_bytes, packets);
  packet_bytes = packets.size();
}

}  // namespace causeway::proxy
