// The answers to what goes ahead of a command.
#include <charconv>
#include <string>

#include "consistency/wait_statement.h"
#include "protocol/err_packet.h"
#include "protocol/ok_packet.h"
#include "protocol/packet_header.h"
#include "protocol/text_resultset.h"
#include "proxy/cluster/server_errors.h"
#include "proxy/session/session_tracking.h"
#include "proxy/statement/exchange_run.h"

namespace causeway::proxy {

using consistency::WaitVerdict;
using protocol::Bytes;
using protocol::ResponseScanner;
using protocol::ScanEvent;
using protocol::ScanStep;

namespace {

constexpr uint16_t kErAccessToSchemaDenied = 1044;
constexpr uint16_t kErUnknownSchema = 1049;

// The value in the complete answer to a question with one: column count, one definition, perhaps an EOF, and
// the row. Nothing for NULL.
std::optional<std::string_view> single_value(Bytes answer, protocol::CapabilityFlags capabilities) {
  size_t packets_before_row = protocol::has(capabilities, protocol::capability::kDeprecateEof) ? 2 : 3;
  const bool metadata_flag = protocol::has(capabilities, protocol::capability::kOptionalResultsetMetadata);
  for (size_t i = 0;; ++i) {
    if (answer.size() < protocol::kPacketHeaderBytes) return std::nullopt;
    const size_t payload_bytes = protocol::read_packet_header(answer.data()).payload_bytes;
    answer = answer.subspan(protocol::kPacketHeaderBytes);
    if (answer.size() < payload_bytes) return std::nullopt;
    // resultset_metadata=NONE: the definition is left out.
    if (i == 0 && metadata_flag && payload_bytes == 2 && answer[1] == 0) --packets_before_row;
    if (i == packets_before_row) return protocol::first_row_first_value(answer.first(payload_bytes));
    answer = answer.subspan(payload_bytes);
  }
}

// What is asked for are words and numbers. MariaDB sends these too in character_set_results, be it utf16 or
// ucs2.
std::string in_ascii(std::string_view value) {
  std::string ascii(value);
  std::erase(ascii, '\0');
  return ascii;
}

protocol::ResponseKind answer_kind(PrefixStep step) {
  switch (step) {
    case PrefixStep::kReset:
    case PrefixStep::kOption:
    case PrefixStep::kSchema:
    case PrefixStep::kFormerSchema:
    case PrefixStep::kStandInPing:
      return protocol::ResponseKind::kOk;
    case PrefixStep::kPrepare:
    case PrefixStep::kStandInPrepare:
      return protocol::ResponseKind::kPrepare;
    default:
      return protocol::ResponseKind::kQuery;
  }
}

// Preparing a statement anew, in the context of its first PREPARE.
bool is_of_preparing(PrefixStep step) {
  return step == PrefixStep::kFormerSchema || step == PrefixStep::kFormerVariables ||
         step == PrefixStep::kPrepare || step == PrefixStep::kTextPrepare;
}

}  // namespace

void ExchangeRun::on_prefix_ok(PrefixStep step, const ScanStep& scan) {
  connection_.state.status = scan.status_flags;
  if (session_.state.pins.unreported) on_late_report(scan.packet_payload);
  switch (step) {
    case PrefixStep::kReset:
      connection_.state.needs_reset = false;
      connection_.state.tracks_state_change = false;
      connection_.state.may_hold_locks = false;
      break;
    case PrefixStep::kOption:
      connection_.state.multi_statements =
          protocol::has(session_.client.capabilities, protocol::capability::kMultiStatements);
      break;
    case PrefixStep::kSchema:
      connection_.state.schema = session_.state.schema;
      break;
    case PrefixStep::kVariables:
      connection_.state.applied_version = session_.state.variables.version();
      break;
    case PrefixStep::kReplayedStatement:
      on_statement_replayed();
      break;
    case PrefixStep::kLastInsertId:
      // A replica is told each time.
      if (on_writer()) connection_.state.last_insert_id = session_.state.last.insert_id;
      break;
    case PrefixStep::kUserVariables:
      result_.carried_variables = true;
      session_.state.pins.user_variables = true;
      break;
    case PrefixStep::kWriterVariables:
      connection_.state.user_variables_version = session_.state.carried.writer_variables.version();
      break;
    case PrefixStep::kTrackStateChange:
      connection_.state.tracks_state_change = true;
      break;
    case PrefixStep::kAccessMode:
      connection_.state.read_only_leg = !connection_.state.read_only_leg;
      break;
    case PrefixStep::kFormerSchema:
      connection_.state.schema = former_schema();
      break;
    case PrefixStep::kTextPrepare:
      if (!prepare_error_.empty()) break;
      command_.text_execute
          ->incarnations[PreparedStatements::side(session_.backends.target_of(connection_))] =
          connection_.prepared.incarnation;
      break;
    default:
      break;
  }
}

void ExchangeRun::on_statement_replayed() {
  ++result_.replayed_statements;
  session_.state.pins.user_variables = true;
}

// MySQL says with the next OK what a statement has changed that failed.
void ExchangeRun::on_late_report(Bytes payload) {
  const auto ok = protocol::parse_ok_packet(payload, connection_.capabilities);
  if (!ok || connection_.server.mariadb) return;
  session_.state.pins.untrackable |= reports_state_change(*ok);
  session_.state.pins.unreported = false;
}

void ExchangeRun::on_prefix_value(PrefixStep step, std::optional<std::string_view> value) {
  std::string ascii;
  if (value && value->find('\0') != std::string_view::npos) {
    ascii = in_ascii(*value);
    value = ascii;
  }
  if (step == PrefixStep::kWait) {
    result_.wait_verdict = consistency::parse_wait_result(placement_.ahead.wait_for->kind(), value);
    wait_failed_ = result_.wait_verdict != WaitVerdict::kReached;
  }
  if (step == PrefixStep::kWriterCheck) on_writer_check(consistency::parse_writer_check(value));
  if (step == PrefixStep::kFormerLastInsertId) {
    LastInsertId& of_former = *connection_.state.former_last_insert_id;
    if (value) std::from_chars(value->data(), value->data() + value->size(), of_former.value);
    of_former.certain = true;
    of_former.pending = false;
    connection_.state.former_last_insert_id.reset();
  }
}

void ExchangeRun::on_writer_check(consistency::WriterCheck check) {
  not_the_writer_ = placement_.ahead.check_writer && check == consistency::WriterCheck::kNoWriter;
  result_.still_committing = check == consistency::WriterCheck::kStillCommitting;
  if (!result_.still_committing || !placement_.ahead.must_settle) return;
  result_.wait_verdict = WaitVerdict::kTimeout;
  wait_failed_ = true;
}

void ExchangeRun::on_prepare_error(Bytes payload) {
  if (!prepare_error_.empty()) return;
  prepare_error_.assign(payload.begin(), payload.end());
  if (!is_of_missing_schema(payload)) return;
  protocol::Buffer packet;
  append_error(packet, *missing_schema_, 0);
  prepare_error_.assign(packet.begin() + protocol::kPacketHeaderBytes, packet.end());
}

void ExchangeRun::on_prefix_error(PrefixStep step, Bytes payload) {
  if (step == PrefixStep::kStandIn) return;
  if (step == PrefixStep::kReplayedStatement) return on_statement_replayed();
  if (step == PrefixStep::kWait) {
    result_.wait_verdict = WaitVerdict::kError;
    wait_failed_ = true;
    return;
  }
  if (step == PrefixStep::kWriterCheck) return on_writer_check(consistency::WriterCheck::kNoWriter);
  if (is_of_preparing(step)) return on_prepare_error(payload);
  // The next statement would be read by what was meant for one.
  if (step == PrefixStep::kVariablesBack)
    return server_lost(make_error_code(protocol::ProtocolError::kUnexpectedPacket));
  if (refusal_) return;
  const auto err = protocol::parse_err_packet(payload);
  if (step == PrefixStep::kSchema && err &&
      (err->code == kErUnknownSchema || err->code == kErAccessToSchemaDenied)) {
    if (may_go_without_schema()) {
      missing_schema_ = client_error_of(payload);
      return;
    }
    result_.schema_refused = true;
  }
  // BEGIN of a transaction that is to write: it can begin elsewhere.
  if (step == PrefixStep::kBegin && placement_.held.read_only && err && is_read_only(err->code, err->message))
    not_the_writer_ = true;
  refusal_ = client_error_of(payload);
}

// An answer to a step is small and is looked at only when it is complete.
Awaitable<void> ExchangeRun::read_prefix_answer(PrefixStep step) {
  ResponseScanner scanner(answer_kind(step), connection_.capabilities);
  size_t scanned = 0;
  for (;;) {
    const ScanStep scan = scanner.scan(buffer_.unread().subspan(scanned));
    scanned += scan.pass_bytes;
    switch (scan.event) {
      case ScanEvent::kNeedMore: {
        ErrorCode error;
        const size_t got = co_await read_some(error);
        if (!on_read(got, error)) co_return;
        continue;
      }
      case ScanEvent::kErr:
        on_prefix_error(step, scan.packet_payload);
        break;
      case ScanEvent::kOk:
        on_prefix_ok(step, scan);
        break;
      case ScanEvent::kResultSetEnd:
        on_prefix_ok(step, scan);
        on_prefix_value(step, single_value(buffer_.unread().first(scanned), connection_.capabilities));
        break;
      case ScanEvent::kPrepareOk:
        on_prepared_ahead(step, scan.packet_payload);
        if (ended_) co_return;
        break;
      case ScanEvent::kEnd:
        break;
      default:
        server_lost(make_error_code(protocol::ProtocolError::kUnexpectedPacket));
        co_return;
    }
    scanned += scan.packet_bytes;
    if (!scan.response_done) continue;
    buffer_.consume(scanned);
    co_return;
  }
}

}  // namespace causeway::proxy
