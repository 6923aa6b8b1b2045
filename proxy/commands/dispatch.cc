#include "proxy/commands/dispatch.h"

#include <utility>

#include "protocol/command.h"
#include "protocol/packet_header.h"
#include "proxy/backend/shard.h"
#include "proxy/statement/statement_run_state.h"

namespace causeway::proxy {

using routing::Action;
using routing::Decision;
using routing::Statement;
using routing::Target;

RunOutcome local_outcome(bool sent, bool is_error, AnswerPlace place) {
  return {
      .close = !sent, .is_error = is_error, .next_sequence_id = static_cast<uint8_t>(place.sequence_id + 1)};
}

Awaitable<RunOutcome> local_ok(ClientSession& session, const Statement& statement, AnswerPlace place,
                               SessionChange change) {
  session.shard.metrics().count(StatementTarget::kLocal, statement_kind(statement.cls));
  const bool sent = co_await answer_ok(session, place.sequence_id, place.more_results_follow, change);
  session.state.last.local = {.kind = LocalAnswer::Kind::kOk};
  co_return local_outcome(sent, false, place);
}

Awaitable<RunOutcome> local_error(ClientSession& session, AnswerPlace place, ClientError error) {
  const bool sent = co_await answer_error(session, place.sequence_id, error);
  co_return local_outcome(sent, true, place);
}

void make_query_packet(const ClientSession& session, std::string_view sql, protocol::Buffer& out) {
  out.clear();
  protocol::Buffer payload;
  protocol::ByteWriter writer(payload);
  writer.int1(static_cast<uint8_t>(protocol::Command::kQuery));
  if (protocol::has(session.client.capabilities, protocol::capability::kQueryAttributes)) {
    writer.int_lenenc(0);
    writer.int_lenenc(1);
  }
  writer.text(sql);
  protocol::append_packets(out, payload, 0);
}

routing::RoutingPolicy routing_policy(const StatementsConfig& config) {
  const auto forwards = [](StatementPolicy policy) { return policy == StatementPolicy::kForward; };
  return {.forward_savepoint = forwards(config.savepoint),
          .forward_xa = forwards(config.xa),
          .forward_load_data = forwards(config.load_data),
          .forward_plugin = forwards(config.plugin),
          .forward_ddl = forwards(config.ddl)};
}

Decision where_to_prepare(const ClientSession& session, const routing::Statement& statement) {
  Decision decision =
      routing::decide(statement, session_view(session), routing_policy(session.shard.config().statements));
  // A transaction goes where its statements are executed.
  decision.takes_transaction_along = false;
  decision.beside_transaction = false;
  if (decision.action == Action::kReject || decision.action == Action::kRun) return decision;
  const bool forwarding = session.state.level != consistency::ReadConsistency::kOff;
  return {.action = Action::kRun,
          .target = forwarding ? Target::kWriter : Target::kReplica,
          .reason = "prepared for later"};
}

StatementRun statement_run_of(const Dispatch& dispatch) {
  StatementRun run;
  run.statement = dispatch.statement;
  run.request = dispatch.wire;
  run.kind = dispatch.kind;
  run.prepared = dispatch.prepared;
  run.text_execute = dispatch.text_execute;
  run.extra_rows = dispatch.extra_rows;
  run.sequence_offset =
      static_cast<uint8_t>(dispatch.place.sequence_id - protocol::count_packets(dispatch.wire));
  run.more_results_follow = dispatch.place.more_results_follow;
  return run;
}

}  // namespace causeway::proxy
