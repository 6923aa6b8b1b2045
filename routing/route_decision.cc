#include "routing/route_decision.h"

#include "routing/statement_effects.h"

namespace causeway::routing {
namespace {

Decision run_on_writer(std::string_view reason) {
  return {.action = Action::kRun, .target = Target::kWriter, .reason = reason};
}

Decision run_on_replica(std::string_view reason, bool wait) {
  return {.action = Action::kRun, .target = Target::kReplica, .wait = wait, .reason = reason};
}

bool writes(StatementClass cls) {
  switch (cls) {
    case StatementClass::kDml:
    case StatementClass::kDdl:
    case StatementClass::kLoadData:
    case StatementClass::kPlugin:
    case StatementClass::kAdmin:
      return true;
    default:
      return false;
  }
}

// What READ ONLY does not forbid, and a server whose log is read is to have nothing of: a function that fills
// a temporary table, a text that nobody knows (SET GLOBAL, FLUSH), a GTID of an empty transaction.
bool may_write_unseen(const Statement& statement) {
  switch (statement.cls) {
    case StatementClass::kCreateTemporary:
      return statement.mentions.select;
    case StatementClass::kPrepare:
      return statement.prepared_text.empty();
    default:
      return statement.set.next_gtid;
  }
}

// A session that does not forward is a plain session on one replica. Writes are refused here and not by the
// replica: an account that may bypass read_only would otherwise write to it. Temporary tables are its own
// affair.
Decision decide_without_forwarding(const Statement& statement, const SessionView& session) {
  const bool own_affair = session.pinned_to == Target::kReplica && !session.reads_replicas_log &&
                          statement.cls != StatementClass::kAdmin && statement.cls != StatementClass::kPlugin;
  // mysqldump has it ahead of its lock.
  const bool is_of_dump = session.reads_replicas_log && statement.flushes_here;
  const bool is_unseen = session.reads_replicas_log && may_write_unseen(statement);
  // Read-only servers refuse START TRANSACTION READ WRITE, too.
  const bool begins_to_write = statement.cls == StatementClass::kBegin && statement.transaction.read_write;
  if ((writes(statement.cls) && !own_affair && !is_of_dump) || begins_to_write || is_unseen) {
    return {.action = Action::kReadOnlyError, .reason = "write in a session that does not forward"};
  }
  const bool for_next = statement.cls == StatementClass::kSetTransaction && statement.transaction.next_only;
  if (for_next && session.transaction == Target::kNone)
    return {.action = Action::kRememberNextTransaction, .reason = "for the next transaction"};
  return run_on_replica("session does not forward", false);
}

// What a server refuses in a READ ONLY transaction. Temporary tables are allowed in one, but a session that
// has some is pinned; of what a procedure does it is asked.
bool refused_when_read_only(const Statement& statement) {
  if (statement.cls == StatementClass::kLoadData) return true;
  return statement.cls == StatementClass::kDml && !statement.only_evaluates && !statement.uses_handler &&
         !is_opaque(statement);
}

bool speaks_of_the_last_insert(const Statement& statement, const SessionView& session) {
  return (statement.mentions.last_insert_id || session.auto_is_null) && session.has_last_insert_id;
}

bool uses_user_variables_of(const SessionView& session, const Statement& statement) {
  return statement.mentions.user_variables && (session.has_user_variables || session.may_have_user_variables);
}

// What the session has on the writer and on no replica, or is to have there: user variables, locks, temporary
// tables, what a procedure leaves behind, the last insert.
bool belongs_on_writer(const Statement& statement, const SessionView& session) {
  switch (statement.cls) {
    case StatementClass::kWriterRead:
    case StatementClass::kLockingRead:
    case StatementClass::kCreateTemporary:
      return true;
    case StatementClass::kRead:
    case StatementClass::kDml:
    case StatementClass::kSet:
    case StatementClass::kPrepare:
    case StatementClass::kExecute:
    case StatementClass::kUnknown:
      break;
    default:
      return false;
  }
  const bool variables =
      statement.mentions.assigned_user_variables || uses_user_variables_of(session, statement);
  const bool state = statement.set.connection_bound || statement.set.role || statement.uses_handler ||
                     statement.mentions.writer_functions || is_opaque(statement);
  return variables || state || speaks_of_the_last_insert(statement, session);
}

bool speaks_of_the_last_statement(const Statement& statement) {
  return statement.cls == StatementClass::kDiagnostics ||
         (statement.cls == StatementClass::kRead && statement.mentions.diagnostics);
}

// The server that has the answer to a question about the last statement; kNone: any.
Target server_of_the_last(const Statement& statement, const SessionView& session) {
  if (statement.mentions.row_count) return session.last_target;
  if (statement.mentions.found_rows) return session.counted_by;
  return session.warned_by;
}

Decision run_beside(Target target, std::string_view reason) {
  return {.action = Action::kRun, .target = target, .beside_transaction = true, .reason = reason};
}

// SET GLOBAL and its like commit nothing; FLUSH, RESET and the rest of that class do.
bool is_set(const Statement& statement) {
  return statement.cls == StatementClass::kAdmin && statement.set.globally;
}

// DDL and LOCK TABLES commit implicitly, a READ ONLY transaction too, and then run.
bool commits_implicitly(const Statement& statement) {
  switch (statement.cls) {
    case StatementClass::kDdl:
    case StatementClass::kLockTables:
    case StatementClass::kPlugin:
      return true;
    case StatementClass::kAdmin:
      return !is_set(statement);
    default:
      return false;
  }
}

Decision leave_read_only() {
  return {.action = Action::kLeaveReadOnly, .target = Target::kWriter, .reason = "implicit commit"};
}

Decision read_only_transaction_error() {
  return {.action = Action::kReadOnlyTransactionError, .reason = "write in a read-only transaction"};
}

// Where a READ ONLY transaction runs. What it may ask for at any time has to be there from the beginning.
Target target_of_read_only(const SessionView& session) {
  return session.pinned_to == Target::kWriter || session.has_user_variables ? Target::kWriter
                                                                            : Target::kReplica;
}

// Another BEGIN commits the open transaction. If the new one runs on the same server, that server does both.
Decision decide_begin_in_transaction(const Statement& statement, const SessionView& session) {
  const Target next = starts_read_only(statement, session) ? target_of_read_only(session) : Target::kWriter;
  if (next == session.transaction) return {.action = Action::kRun, .target = next, .reason = "transaction"};
  return {.action = Action::kCommitThenBegin, .target = session.transaction, .reason = "begin elsewhere"};
}

// In a transaction on a replica. One that has read something stays there.
Decision decide_for_writer(const Statement& statement, const SessionView& session) {
  if (session.snapshot_due) {
    Decision decision = run_on_writer("transaction goes to the writer");
    decision.takes_transaction_along = true;
    return decision;
  }
  const bool last_insert_id = statement.mentions.last_insert_id && statement.mentions.writer_functions;
  const bool of_the_writer = statement.mentions.user_locks || last_insert_id ||
                             uses_user_variables_of(session, statement) ||
                             speaks_of_the_last_insert(statement, session);
  if (of_the_writer && reads_no_table(statement)) return run_beside(Target::kWriter, "of the writer");
  return run_on_replica("read-only transaction", false);
}

Decision decide_in_transaction(const Statement& statement, const SessionView& session) {
  if (statement.cls == StatementClass::kBegin) return decide_begin_in_transaction(statement, session);
  if (session.transaction == Target::kWriter) return run_on_writer("transaction");
  if (refused_when_read_only(statement)) return read_only_transaction_error();
  if (commits_implicitly(statement)) return leave_read_only();
  if (is_set(statement)) return run_beside(Target::kWriter, "administration");
  if (belongs_on_writer(statement, session)) return decide_for_writer(statement, session);
  const bool of_the_writer = speaks_of_the_last_statement(statement) && reads_no_table(statement) &&
                             server_of_the_last(statement, session) == Target::kWriter;
  if (of_the_writer) return run_beside(Target::kWriter, "speaks of the last statement");
  return run_on_replica("read-only transaction", session.snapshot_due);
}

// Its BEGIN goes ahead.
Decision decide_first_in_transaction(const Statement& statement, const SessionView& session) {
  if (speaks_of_the_last_statement(statement) && reads_no_table(statement)) {
    const Target last = server_of_the_last(statement, session);
    if (last != Target::kNone) return run_beside(last, "speaks of the last statement");
  }
  if (!session.deferred_read_only) return run_on_writer("transaction");
  if (target_of_read_only(session) == Target::kWriter) return run_on_writer("read-only transaction");
  if (refused_when_read_only(statement)) return read_only_transaction_error();
  if (commits_implicitly(statement)) return leave_read_only();
  if (is_set(statement)) return run_on_writer("administration");
  if (belongs_on_writer(statement, session)) return run_on_writer("transaction goes to the writer");
  return run_on_replica("read-only transaction", true);
}

Decision decide_in_deferred_transaction(const Statement& statement, const SessionView& session) {
  switch (statement.cls) {
    case StatementClass::kBegin:
      break;
    case StatementClass::kCommit:
    case StatementClass::kRollback:
      return {.action = statement.transaction.chain ? Action::kDeferBegin : Action::kEndDeferred,
              .reason = "nothing was sent"};
    default:
      return decide_first_in_transaction(statement, session);
  }
  return {.action = Action::kDeferBegin, .reason = "begin"};
}

// Whether BEGIN, COMMIT and ROLLBACK without an open transaction do nothing that the client, or anybody else,
// could notice. Without autocommit something may be open although the server has not said so: a SAVEPOINT
// and metadata locks do not set the flag. BEGIN unlocks tables. And who follows transactions is told by the
// server what it begins.
bool may_be_answered_here(const SessionView& session) {
  return session.autocommit && session.pinned_to != Target::kWriter && !session.tracks_transactions;
}

Decision decide_begin(const Statement& statement, const SessionView& session) {
  if (!statement.transaction.consistent_snapshot && may_be_answered_here(session))
    return {.action = Action::kDeferBegin, .reason = "begin"};
  if (starts_read_only(statement, session) && target_of_read_only(session) == Target::kReplica)
    return run_on_replica("read-only transaction", true);
  return run_on_writer("transaction that begins at once");
}

// A statement of a session with autocommit=0 and no open transaction begins one.
Decision decide_implicit_transaction(const Statement& statement, const SessionView& session) {
  if (speaks_of_the_last_statement(statement) && reads_no_table(statement)) {
    const bool of_the_writer = server_of_the_last(statement, session) == Target::kWriter;
    if (of_the_writer || session.pinned_to == Target::kWriter)
      return run_on_writer("speaks of the last statement");
    return run_on_replica("speaks of the last statement", false);
  }
  const bool read_only = session.next_transaction_read_only || session.transaction_read_only;
  const bool on_replica = read_only && target_of_read_only(session) == Target::kReplica;
  if (on_replica && !belongs_on_writer(statement, session))
    return run_on_replica("read-only transaction", true);
  return run_on_writer("autocommit is off");
}

Decision decide_read(const Statement& statement, const SessionView& session) {
  if (session.pinned_to == Target::kWriter) return run_on_writer("session is pinned");
  if (statement.mentions.assigned_user_variables) return run_on_writer("assigns a user variable");
  if (uses_user_variables_of(session, statement)) return run_on_writer("uses user variables");
  if (speaks_of_the_last_insert(statement, session)) return run_on_writer("speaks of the last insert");
  if (statement.mentions.sql_calc_found_rows || !statement.mentions.diagnostics) {
    Decision decision = run_on_replica("read", true);
    decision.may_rerun_on_writer = true;
    return decision;
  }
  if (server_of_the_last(statement, session) == Target::kWriter)
    return run_on_writer("speaks of the last statement");
  // A wait would be the last statement then.
  return run_on_replica("speaks of the last statement", !reads_no_table(statement));
}

// A function that it calls may write.
Decision run_set_on_replica(const Statement& statement) {
  Decision decision = run_on_replica("session state", true);
  decision.may_rerun_on_writer = statement.cls == StatementClass::kSet;
  return decision;
}

Decision decide_by_class(const Statement& statement, const SessionView& session) {
  switch (statement.cls) {
    case StatementClass::kBegin:
      return decide_begin(statement, session);
    case StatementClass::kCommit:
    case StatementClass::kRollback:
      // AND CHAIN begins a transaction even where none was open.
      if (statement.transaction.chain && !may_be_answered_here(session))
        return decide_begin(statement, session);
      if (statement.transaction.chain) return {.action = Action::kDeferBegin, .reason = "begin"};
      if (!may_be_answered_here(session)) return run_on_writer("end of a transaction");
      return {.action = Action::kNothingOpen, .reason = "no transaction is open"};
    case StatementClass::kSetTransaction:
      if (statement.transaction.next_only) {
        return {.action = Action::kRememberNextTransaction, .reason = "for the next transaction"};
      }
      break;
    case StatementClass::kSet:
    case StatementClass::kUse:
      if (session.pinned_to == Target::kWriter) return run_on_writer("session is pinned");
      // It ran as things were.
      if (session.moves_to_writer) return run_on_writer("session moves to the writer");
      if (statement.mentions.assigned_user_variables || uses_user_variables_of(session, statement)) {
        return run_on_writer("user variables");
      }
      if (statement.mentions.writer_functions || statement.mentions.locking_clause)
        return run_on_writer("calls a writer's function");
      if (statement.set.connection_bound) return run_on_writer("sets what pins the session");
      if (statement.set.role) return run_on_writer("sets a role, which pins the session");
      // USE of a schema that was created a moment ago needs the wait; SET may hold a subquery.
      return run_set_on_replica(statement);
    case StatementClass::kDiagnostics:
      if (server_of_the_last(statement, session) == Target::kWriter)
        return run_on_writer("speaks of the last statement");
      return run_on_replica("speaks of the last statement", false);
    case StatementClass::kEmpty:
      return run_on_replica("empty statement", false);
    case StatementClass::kRead:
      if (!session.autocommit) return decide_implicit_transaction(statement, session);
      return decide_read(statement, session);
    default:
      break;
  }
  if (statement.cls == StatementClass::kSetTransaction) {
    return session.pinned_to == Target::kWriter ? run_on_writer("session is pinned")
                                                : run_on_replica("session state", false);
  }
  return run_on_writer(to_string(statement.cls));
}

}  // namespace

bool is_rejected(const Statement& statement, const RoutingPolicy& policy) {
  switch (statement.cls) {
    case StatementClass::kSavepoint:
      return !policy.forward_savepoint;
    case StatementClass::kXa:
      return !policy.forward_xa;
    case StatementClass::kLoadData:
      return !policy.forward_load_data;
    case StatementClass::kPlugin:
      return !policy.forward_plugin;
    case StatementClass::kDdl:
      return !policy.forward_ddl;
    case StatementClass::kAdmin:  // SHUTDOWN, RESTART
      return !statement.operation.empty();
    default:
      return false;
  }
}

bool starts_read_only(const Statement& statement, const SessionView& session) {
  if (statement.transaction.read_only) return true;
  if (statement.transaction.read_write) return false;
  const bool in_transaction = session.transaction != Target::kNone || session.begin_deferred;
  if (in_transaction && session.begin_keeps_access_mode)
    return session.transaction == Target::kReplica || (session.begin_deferred && session.deferred_read_only);
  return session.next_transaction_read_only || session.transaction_read_only;
}

Decision decide(const Statement& statement, const SessionView& session, const RoutingPolicy& policy) {
  // COM_SHUTDOWN is refused to everybody, too.
  const bool shuts_down = statement.cls == StatementClass::kAdmin && !statement.operation.empty();
  if (!session.forwarding && !shuts_down) return decide_without_forwarding(statement, session);
  if (is_rejected(statement, policy)) {
    return {.action = Action::kReject, .operation = statement.operation, .reason = "not supported"};
  }
  if (session.transaction != Target::kNone) return decide_in_transaction(statement, session);
  if (session.begin_deferred) return decide_in_deferred_transaction(statement, session);
  if (statement.hints.route == RouteHint::kWriter && statement.cls == StatementClass::kRead) {
    return run_on_writer("hint");
  }
  const bool reads = statement.cls == StatementClass::kRead ||
                     statement.cls == StatementClass::kLockingRead ||
                     statement.cls == StatementClass::kWriterRead;
  const bool variables = uses_user_variables_of(session, statement);
  if (statement.hints.route == RouteHint::kReplica && reads && session.autocommit && !variables &&
      session.pinned_to != Target::kWriter) {
    // All that a replica refuses, a locking read say, is better done than not.
    Decision decision = run_on_replica("hint", true);
    decision.may_rerun_on_writer = true;
    return decision;
  }
  return decide_by_class(statement, session);
}

}  // namespace causeway::routing
