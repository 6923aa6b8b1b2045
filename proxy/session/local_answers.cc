#include "proxy/session/local_answers.h"

#include <array>

#include "protocol/ok_packet.h"
#include "protocol/result_set_end.h"
#include "protocol/session_track.h"
#include "protocol/text_resultset.h"
#include "proxy/backend/shard.h"

namespace causeway::proxy {
namespace {

using protocol::StatusFlags;

StatusFlags with_more_results(StatusFlags flags, bool more_results_follow) {
  return more_results_follow ? static_cast<StatusFlags>(flags | protocol::status::kMoreResultsExist) : flags;
}

Awaitable<bool> send_answer(SessionParts session) {
  ErrorCode error;
  session.shard.metrics().traffic.client_bytes_out.add(session.client.answer.size());
  co_await session.client.stream.write_all(session.client.answer, {}, error);
  co_return !error;
}

}  // namespace

StatusFlags local_status(const SessionState& state) {
  StatusFlags flags = state.transaction.autocommit() ? protocol::status::kAutocommit : StatusFlags{0};
  if (state.lex_mode.no_backslash_escapes) flags |= protocol::status::kNoBackslashEscapes;
  if (state.lex_mode.ansi_quotes && state.lex_mode.mariadb) flags |= protocol::status::kAnsiQuotes;
  if (state.transaction.is_begun()) flags |= protocol::status::kInTransaction;
  if (state.transaction.deferred_read_only()) flags |= protocol::status::kInTransactionReadonly;
  return flags;
}

Awaitable<bool> answer_ok(SessionParts session, uint8_t sequence_id, bool more_results_follow,
                          SessionChange change) {
  session.state.last.local.pinged = true;
  session.client.scratch.clear();
  if (change == SessionChange::kOther) {
    if (session.state.trackers.state_change)
      protocol::append_session_track_state_change(session.client.scratch, true);
  } else if (change != SessionChange::kNone &&
             session.shard.cluster().view().flavor == ServerFlavor::kMysql) {
    const std::string_view state = change == SessionChange::kTransactionBegun ? "T_______" : "________";
    protocol::append_session_track_transaction_state(session.client.scratch, state);
  }
  const protocol::OkPacket ok{
      .affected_rows = 0,
      .last_insert_id = 0,
      .status_flags = with_more_results(local_status(session.state), more_results_follow),
      .warnings = 0,
      .info = {},
      .session_state = session.client.scratch};
  session.client.answer.clear();
  protocol::append_ok_packet(session.client.answer, ok, sequence_id, protocol::kOkHeader,
                             session.client.capabilities);
  return send_answer(session);
}

Awaitable<bool> answer_eof(SessionParts session, uint8_t sequence_id) {
  session.client.answer.clear();
  protocol::append_result_set_end(session.client.answer, {.status_flags = local_status(session.state)},
                                  sequence_id, session.client.capabilities);
  return send_answer(session);
}

Awaitable<bool> answer_error(SessionParts session, uint8_t sequence_id, const ClientError& error) {
  session.state.last.local = {.kind = LocalAnswer::Kind::kError, .error = error};
  session.client.answer.clear();
  append_error(session.client.answer, error, sequence_id);
  return send_answer(session);
}

Awaitable<std::optional<uint8_t>> answer_name_value_rows(SessionParts session, uint8_t sequence_id,
                                                         std::span<const NameAndValue> rows,
                                                         bool more_results_follow) {
  constexpr std::array kColumns = {protocol::TextColumn{.name = "Variable_name"},
                                   protocol::TextColumn{.name = "Value"}};
  const StatusFlags flags = with_more_results(local_status(session.state), more_results_follow);
  session.state.last.local = {.kind = LocalAnswer::Kind::kVariables};
  session.client.answer.clear();
  protocol::TextResultSetWriter writer(session.client.answer, session.client.capabilities, sequence_id);
  writer.columns(kColumns, flags);
  for (const NameAndValue& row : rows) {
    const std::array<protocol::TextValue, 2> values = {row.first, row.second};
    writer.row(values);
  }
  const uint8_t next_sequence_id = writer.finish(flags);
  const bool sent = co_await send_answer(session);
  co_return sent ? std::optional(next_sequence_id) : std::nullopt;
}

}  // namespace causeway::proxy
