#include "proxy/statement/statement_run.h"

#include "proxy/statement/statement_run_state.h"

namespace causeway::proxy {

using consistency::ReadConsistency;
using routing::Target;

routing::SessionView session_view(const ClientSession& session) {
  routing::SessionView view;
  view.forwarding = session.state.level != ReadConsistency::kOff;
  session.state.transaction.fill(view);
  // What functions have left on the replica cannot be collected without end: the next statement takes it to
  // the writer.
  const bool is_full = session.state.carried.functions_left_state && view.transaction == Target::kNone &&
                       !session.state.carried.has_room_to_replay();
  view.pinned_to_writer =
      view.forwarding && (session.state.pins.whole_session_on(Target::kWriter) || is_full);
  view.moves_to_writer =
      view.forwarding && session.state.carried.functions_left_state && session.state.pins.moves_to_writer;
  view.pinned_to_replica = !view.forwarding && session.state.pins.whole_session_on(Target::kReplica);
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

Awaitable<RunOutcome> run_statement(ClientSession& session, const StatementRun& run) {
  RunningStatement running(session, run);
  const RunOutcome outcome = co_await running.run();
  co_return outcome;
}

}  // namespace causeway::proxy
