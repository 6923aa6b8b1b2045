#include "proxy/statement/statement_run.h"

#include "proxy/statement/statement_run_state.h"

namespace causeway::proxy {

using consistency::ReadConsistency;
using routing::Target;

routing::SessionView session_view(const ClientSession& session) {
  routing::SessionView view;
  view.forwarding = session.level != ReadConsistency::kOff;
  session.transaction.fill(view);
  // What functions have left on the replica cannot be collected without end: the next statement takes it to
  // the writer.
  const bool is_full =
      session.functions_left_state && view.transaction == Target::kNone && !has_room_to_replay(session);
  view.pinned_to_writer = view.forwarding && (session.pins.whole_session_on(Target::kWriter) || is_full);
  view.moves_to_writer = view.forwarding && session.functions_left_state && session.pins.moves_to_writer;
  view.pinned_to_replica = !view.forwarding && session.pins.whole_session_on(Target::kReplica);
  // A transaction begins on a replica in sessions without any, so that all are there, except these.
  view.has_user_variables = view.transaction == Target::kReplica && view.forwarding
                                ? session.variables_beside
                                : session.pins.user_variables || !session.carried_variables.empty();
  view.may_have_user_variables =
      view.transaction != Target::kReplica && view.forwarding && (session.writer || session.replica);
  view.has_last_insert_id = session.last_insert_id->value != 0 || !session.last_insert_id->certain;
  view.auto_is_null = session.auto_is_null;
  view.tracks_transactions = session.trackers.transactions;
  view.begin_keeps_access_mode = session.shard.view().flavor == ServerFlavor::kMysql;
  view.last_target = session.last_target;
  view.warned_by = session.warned_by;
  view.counted_by = session.counted_by;
  return view;
}

Awaitable<RunOutcome> run_statement(ClientSession& session, const StatementRun& run) {
  RunningStatement running(session, run);
  const RunOutcome outcome = co_await running.run();
  co_return outcome;
}

}  // namespace causeway::proxy
