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

routing::SessionView session_view(const ClientSession& session) {
  routing::SessionView view;
  const ReplicationClient& replication = session.state.replication;
  const bool reads_writers_log = replication.is_one && !replication.from_replica;
  view.forwarding = session.state.level != consistency::ReadConsistency::kOff || reads_writers_log;
  view.reads_replicas_log = replication.from_replica;
  session.state.transaction.fill(view);
  // What functions have left on the replica cannot be collected without end: the next statement takes it to
  // the writer.
  const bool is_full = session.state.carried.functions_left_state && view.transaction == Target::kNone &&
                       !session.state.carried.has_room_to_replay();
  const auto pinned_to = [&](Target target) { return session.state.pins.whole_session_on(target); };
  if (reads_writers_log || (view.forwarding && (pinned_to(Target::kWriter) || is_full)))
    view.pinned_to = Target::kWriter;
  if (!view.forwarding && pinned_to(Target::kReplica)) view.pinned_to = Target::kReplica;
  view.moves_to_writer =
      view.forwarding && session.state.carried.functions_left_state && session.state.pins.moves_to_writer;
  // A transaction begins on a replica in sessions without any, so that all are there, except these.
  view.has_user_variables =
      view.transaction == Target::kReplica && view.forwarding
          ? session.state.carried.set_beside
          : session.state.pins.user_variables || !session.state.carried.assignments.empty();
  view.may_have_user_variables = view.transaction != Target::kReplica && view.forwarding &&
                                 (session.backends.writer || session.backends.replica);
  view.has_last_insert_id =
      session.state.last.insert_id->value != 0 || !session.state.last.insert_id->certain;
  view.auto_is_null = session.state.auto_is_null;
  view.tracks_transactions = session.state.trackers.transactions;
  view.begin_keeps_access_mode = session.shard.cluster().view().flavor == ServerFlavor::kMysql;
  view.last_target = session.state.last.target;
  view.warned_by = session.state.last.warned_by;
  view.counted_by = session.state.last.counted_by;
  return view;
}

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
      routing::decide(statement, session_view(session), routing_policy(session.listener.statements));
  // A transaction goes where its statements are executed.
  decision.takes_transaction_along = false;
  decision.beside_transaction = false;
  if (decision.action == Action::kReject || decision.action == Action::kRun) return decision;
  const bool forwarding = session_view(session).forwarding;
  return {.action = Action::kRun,
          .target = forwarding ? Target::kWriter : Target::kReplica,
          .reason = "prepared for later"};
}

}  // namespace causeway::proxy
