#include "proxy/commands/statement_dispatch.h"

#include <algorithm>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proxy/backend/ask.h"
#include "proxy/backend/shard.h"
#include "proxy/commands/kill.h"
#include "proxy/commands/processlist.h"
#include "proxy/commands/session_rights.h"
#include "proxy/commands/text_prepared.h"
#include "proxy/session/local_answers.h"
#include "proxy/statement/carried_variables.h"
#include "proxy/statement/next_transaction.h"
#include "proxy/statement/statement_run_state.h"
#include "routing/kill_statement.h"
#include "routing/replication_variables.h"
#include "routing/set_statement.h"
#include "routing/sql_lexer.h"
#include "routing/statement_effects.h"
#include "routing/temporary_tables.h"
#include "routing/user_variables.h"

namespace causeway::proxy {
namespace {

using routing::Action;
using routing::Decision;
using routing::Statement;
using routing::StatementClass;
using routing::Target;

// Of so many the names are kept; of more, permanent DML is not looked through for the rest.
constexpr size_t kMaxTemporaryTables = 1000;

// So many are taken from where a procedure has run.
constexpr size_t kMaxVariablesOfProcedure = 1000;

// Behind its answer the session ends.
void close(ClientSession& session, EndReason reason, RunOutcome& outcome) {
  if (!outcome.close) session.end.because(reason);
  outcome.close = true;
}

void keep_begin(ClientSession& session, const Statement& statement) {
  session.state.transaction.begin_later(statement,
                                        session.shard.cluster().view().flavor == ServerFlavor::kMysql);
}

Awaitable<RunOutcome> defer_begin(ClientSession& session, const Statement& statement, AnswerPlace place) {
  const bool begun = session.state.transaction.begin_deferred();
  keep_begin(session, statement);
  return local_ok(session, statement, place, begun ? SessionChange::kNone : SessionChange::kTransactionBegun);
}

// The OK of the COMMIT is the one of the BEGIN.
Awaitable<RunOutcome> commit_then_begin(ClientSession& session, const Statement& statement, Target target,
                                        AnswerPlace place) {
  Statement commit;
  commit.cls = StatementClass::kCommit;
  protocol::Buffer wire;
  make_query_packet(session, "COMMIT AND NO CHAIN NO RELEASE", wire);
  const ClientCommand command{
      .statement = &commit, .packets = wire, .place = place, .add_status = protocol::status::kInTransaction};
  const Decision decision{.action = Action::kRun, .target = target, .reason = "begin elsewhere"};
  const RunOutcome outcome = co_await run_statement(session, command, decision);
  if (!outcome.is_error) keep_begin(session, statement);
  co_return outcome;
}

Awaitable<RunOutcome> end_deferred(ClientSession& session, const Statement& statement, AnswerPlace place) {
  session.state.transaction.forget_deferred();
  RunOutcome outcome = co_await local_ok(session, statement, place, SessionChange::kTransactionEnded);
  if (statement.transaction.release) close(session, EndReason::kReleased, outcome);
  co_return outcome;
}

Awaitable<RunOutcome> remember_next_transaction(ClientSession& session, const Statement& statement,
                                                AnswerPlace place) {
  session.state.transaction.set_next(statement.transaction.characteristics);
  return local_ok(session, statement, place);
}

// Their names are needed only where permanent DML that reads one is rejected.
void note_temporary_table(ClientSession& session, const Statement& statement) {
  if (session.listener.statements.temporary_table == StatementPolicy::kForward) return;
  std::string name = routing::created_temporary_table(statement.text, session.state.lex_mode);
  if (!name.empty() && session.state.temporary_tables.size() < kMaxTemporaryTables)
    session.state.temporary_tables.push_back(std::move(name));
}

bool is_text_prepared(StatementClass cls) {
  return cls == StatementClass::kPrepare || cls == StatementClass::kExecute ||
         cls == StatementClass::kDeallocate;
}

// Only Causeway's sessions are killed: a client's number never reaches a server, whose threads have others.
Awaitable<RunOutcome> run_kill(ClientSession& session, const Statement& statement, AnswerPlace place) {
  const auto target = routing::parse_kill(statement.text, session.state.lex_mode);
  if (!target) {
    session.shard.metrics().count(StatementTarget::kRejected, statement_kind(statement.cls));
    const ClientError error = not_supported_with_forwarding("KILL of anything but a number");
    co_return co_await local_error(session, place, error);
  }
  const KillScope scope = target->query_only ? KillScope::kQuery : KillScope::kConnection;
  const KillOutcome killed = co_await kill_session(session, target->id, scope);
  if (killed == KillOutcome::kKilled) co_return co_await local_ok(session, statement, place);
  ClientError error =
      killed == KillOutcome::kUnknown ? unknown_thread(target->id) : not_owner_of_thread(target->id);
  if (killed == KillOutcome::kSelf) {
    const bool mariadb = session.shard.cluster().view().flavor == ServerFlavor::kMariadb;
    error = mariadb && !target->query_only ? connection_killed() : query_interrupted();
  }
  RunOutcome outcome = co_await local_error(session, place, error);
  // Who kills itself gets this error, and is gone.
  if (killed == KillOutcome::kSelf && !target->query_only) close(session, EndReason::kKilled, outcome);
  co_return outcome;
}

// What is rejected, or has to be answered here, is not let through inside of another statement either.
std::optional<Decision> hidden_rejection(const ClientSession& session, const Statement& statement,
                                         const routing::RoutingPolicy& policy) {
  constexpr Decision kKill{.action = Action::kReject, .operation = "KILL in another statement"};
  if (statement.cls != StatementClass::kDml) return std::nullopt;
  if (statement.compound && statement.mentions.kill) return kKill;
  if (!statement.calls_procedure || statement.prepared_literal.empty()) return std::nullopt;
  routing::SqlLexer lexer(statement.prepared_literal, session.state.lex_mode);
  const std::string sql = routing::unquote(lexer.next(), session.state.lex_mode);
  routing::Classified inner;
  routing::classify(sql, session.state.lex_mode, inner);
  for (const Statement& hidden : inner.statements) {
    if (hidden.cls == StatementClass::kKill || hidden.mentions.kill) return kKill;
    if (routing::is_rejected(hidden, policy))
      return Decision{.action = Action::kReject, .operation = hidden.operation};
  }
  return std::nullopt;
}

// Most statements to the writer use nothing of it, and need no coroutine to find that out.
bool may_use_what_functions_left(const ClientSession& session, const Statement& statement) {
  return session.state.carried.functions_called || statement.mentions.user_variables ||
         statement.mentions.assigned_user_variables || routing::is_opaque(statement);
}

}  // namespace

Awaitable<void> bring_what_functions_left(ClientSession& session, const Statement& statement,
                                          std::string_view execute_text) {
  const bool on_replica = session.state.transaction.is_on(Target::kReplica);
  if (on_replica || session.state.level == consistency::ReadConsistency::kOff) co_return;
  // Called again there, they have left it there too.
  if (session.state.carried.functions_left_state && session.state.pins.whole_session_on(Target::kWriter))
    co_return;
  // A question would be the last statement.
  const bool speaks_of_the_last =
      statement.cls == StatementClass::kDiagnostics || statement.mentions.diagnostics;
  routing::WriterVariables& variables = session.state.carried.writer_variables;
  const bool names = statement.mentions.user_variables || statement.mentions.assigned_user_variables;
  const bool uses_others = routing::is_opaque(statement) || session.state.carried.functions_called;
  if (!names && !(uses_others && variables.any_suspected())) co_return;
  routing::NamedVariables named = routing::named_variables(statement.text, session.state.lex_mode);
  variables.settle(named.assigned);
  if (statement.cls == StatementClass::kDiagnostics) variables.settle(named.used);
  if (speaks_of_the_last) co_return;
  for (std::string& name : routing::user_variables_of(execute_text, session.state.lex_mode))
    named.used.push_back(std::move(name));
  if (uses_others) {
    std::ranges::move(variables.suspected(), std::back_inserter(named.used));
    session.state.carried.functions_called = false;
  }
  if (named.used.empty() || !session.backends.replica) co_return;
  co_await look_for_variables_on_replica(session, std::move(named.used));
}

std::optional<ClientError> take_pending_error(ClientSession& session) {
  if (!session.state.transaction.take_idle_for_too_long()) return std::nullopt;
  return transaction_idle_timeout(session.shard.config().forwarding.aurora_fwd_writer_idle_timeout);
}

namespace {

// Each counts; one per session is said, which is enough to find the application.
void warn_of_mistaken_hint(ClientSession& session, const routing::Hints& hints) {
  std::string_view mistake = hints.mistake;
  if (!hints.consistency.empty() && !consistency::parse_read_consistency(hints.consistency))
    mistake = hints.consistency;
  if (mistake.empty()) return;
  session.shard.metrics().mistaken_hints.add();
  if (std::exchange(session.activity.mistaken_hint_said, true)) return;
  constexpr size_t kMaxShown = 64;
  session.shard.logger().warning("a hint is not understood, and without effect",
                                 {{"hint", mistake.substr(0, kMaxShown)}, {"user", session.identity.user}});
}

// What a procedure may have set on the replica, and a statement to the writer names for the first time.
void note_variables_of_procedure(ClientSession& session, const Statement& statement,
                                 const Decision& decision) {
  if (!session.state.carried.procedure_on_replica || !statement.mentions.user_variables ||
      session.state.carried.set_beside)
    return;
  if (session.state.transaction.is_on(Target::kReplica) || decision.target != Target::kWriter) return;
  const bool speaks_of_the_last =
      statement.cls == StatementClass::kDiagnostics || statement.mentions.diagnostics;
  std::vector<std::string>& named = session.state.carried.named_since_procedure;
  for (std::string& name : routing::user_variables_of(statement.text, session.state.lex_mode)) {
    const bool is_known = std::ranges::any_of(
        named, [&](const std::string& other) { return routing::equals_ignoring_case(other, name); });
    if (is_known || named.size() >= kMaxVariablesOfProcedure) continue;
    named.push_back(name);
    if (!speaks_of_the_last) session.state.carried.replica_variables.push_back(std::move(name));
  }
}

// The next OK of the replica tells it: not one that others have a share in.
bool asks_for_unreported_state(const ClientSession& session, const Statement& statement,
                               const Decision& decision) {
  const bool speaks_of_the_last =
      statement.cls == StatementClass::kDiagnostics || statement.mentions.diagnostics;
  if (session.state.carried.unreported_calls.empty() || speaks_of_the_last) return false;
  const bool has_no_ok = decision.target == Target::kReplica && statement.cls == StatementClass::kRead;
  return !has_no_ok || !session.state.carried.has_room_to_replay() ||
         (session.state.last.insert_id->value != 0 && routing::only_calls(statement, session.state.lex_mode));
}

// Whether what the transaction has set on the replica is needed elsewhere, or its connection is about to go.
bool needs_replica_variables(const ClientSession& session, const Statement& statement,
                             const Decision& decision) {
  if (session.state.carried.replica_variables.empty()) return false;
  if (decision.action == Action::kLeaveReadOnly) return true;
  if (session.state.transaction.is_on(Target::kReplica))
    return decision.takes_transaction_along ||
           (decision.beside_transaction && decision.target == Target::kWriter &&
            statement.mentions.user_variables);
  const bool speaks_of_the_last =
      statement.cls == StatementClass::kDiagnostics || statement.mentions.diagnostics;
  return !speaks_of_the_last && session.state.level != consistency::ReadConsistency::kOff;
}

// A server would have closed the connection with them.
Awaitable<RunOutcome> lose_replica_variables(ClientSession& session, AnswerPlace place) {
  const std::string node = session.history.replica() == kNoNode
                               ? std::string()
                               : session.shard.cluster().view().nodes[session.history.replica()].name;
  const ClientError error = connection_to_node_lost(node, "the connection was closed");
  RunOutcome outcome = co_await local_error(session, place, error);
  close(session, EndReason::kStateLost, outcome);
  co_return outcome;
}

// Ends the transaction there with its connection, or by COMMIT where a procedure's variables live on it.
Awaitable<void> end_on_replica(ClientSession& session) {
  BackendPool& pool = session.shard.pool(session.backends.replica.connection->node);
  const bool keeps =
      session.state.carried.procedure_on_replica && session.state.transaction.is_on(Target::kReplica);
  PooledConnection connection = keeps ? pool.take_own(session.backends.replica) : PooledConnection();
  if (!connection) {
    pool.close(*session.backends.replica.connection, CloseReason::kTransactionLeft);
    co_return;
  }
  const AskScope scope(session.waiter, session.backends.in_flight, *connection);
  const Answer<AskedOk> answer = co_await ask_ok(*connection, "COMMIT AND NO CHAIN NO RELEASE",
                                                 session.shard.config().limits.max_packet_bytes);
  if (!answer) co_return;
  connection->state.status = answer->ok.status_flags;
  connection->keep = true;
  connection.put_back();
}

// COMMIT and ROLLBACK as completion_type has them; else the statement itself.
const Statement& completed(const ClientSession& session, const Statement& statement,
                           std::optional<Statement>& changed) {
  if (statement.cls != StatementClass::kCommit && statement.cls != StatementClass::kRollback)
    return statement;
  if (session.state.transaction.completion_type() == routing::CompletionType::kNoChain) return statement;
  changed = statement;
  routing::complete(*changed, session.state.transaction.completion_type());
  return *changed;
}

Awaitable<RunOutcome> reject(ClientSession& session, const Statement& statement, AnswerPlace place,
                             ClientError error) {
  session.shard.metrics().count(StatementTarget::kRejected, statement_kind(statement.cls));
  return local_error(session, place, std::move(error));
}

Awaitable<RunOutcome> nothing_open(ClientSession& session, const Statement& statement, AnswerPlace place) {
  session.state.transaction.spend_next();
  RunOutcome outcome = co_await local_ok(session, statement, place);
  if (statement.transaction.release) close(session, EndReason::kReleased, outcome);
  co_return outcome;
}

// What the statement was decided to be, other than to be run.
Awaitable<RunOutcome> answer_here(ClientSession& session, const Statement& statement,
                                  const Decision& decision, AnswerPlace place) {
  const ServerFlavor flavor = session.shard.cluster().view().flavor;
  switch (decision.action) {
    case Action::kReject:
      return reject(session, statement, place, not_supported_with_forwarding(decision.operation));
    case Action::kReadOnlyError:
      return reject(session, statement, place, read_only_server(flavor));
    case Action::kReadOnlyTransactionError:
      return reject(session, statement, place, read_only_transaction(flavor));
    case Action::kCommitThenBegin:
      return commit_then_begin(session, statement, decision.target, place);
    case Action::kDeferBegin:
      return defer_begin(session, statement, place);
    case Action::kEndDeferred:
      return end_deferred(session, statement, place);
    case Action::kRememberNextTransaction:
      return remember_next_transaction(session, statement, place);
    case Action::kRun:
    case Action::kLeaveReadOnly:
    case Action::kNothingOpen:
      break;
  }
  return nothing_open(session, statement, place);
}

// Who may read the log and asks about it, before anything was written in the session: a program for change
// data capture, which has not said yet what it is. Whoever writes asks for the position of what it has
// written; whoever forwards nothing goes on reading where it is.
bool is_about_to_read_log(const ClientSession& session, const Statement& statement) {
  return statement.shows.log && session.state.level != consistency::ReadConsistency::kOff &&
         !session.backends.used_writer && !session.state.transaction.is_begun() &&
         rights_in_table(session).reads_log;
}

// A replica says by the variables that it sets what it is.
void note_replication_client(ClientSession& session, const Statement& statement) {
  const auto variables = routing::read_replication_variables(statement, session.state.lex_mode);
  if (!session.state.replication.is_one)
    session.state.replication.is_one = variables.any || is_about_to_read_log(session, statement);
  if (variables.connect_state) session.state.replication.by_gtid = *variables.connect_state;
  if (!variables.uuid.empty()) session.state.replication.uuid = variables.uuid;
}

bool reads_temporary_table(const ClientSession& session, const Statement& statement) {
  return statement.cls == StatementClass::kDml && !session.state.temporary_tables.empty() &&
         routing::reads_temporary_table_into_permanent(statement.text, session.state.lex_mode,
                                                       session.state.temporary_tables);
}

}  // namespace

Awaitable<RunOutcome> dispatch_statement(ClientSession& session, const ClientCommand& command) {
  warn_of_mistaken_hint(session, command.statement->hints);
  std::optional<Statement> changed;
  const Statement& statement = completed(session, *command.statement, changed);
  const AnswerPlace place = command.place;
  if (const auto error = take_pending_error(session)) co_return co_await local_error(session, place, *error);
  if (is_text_prepared(statement.cls) && !command.as_it_is)
    co_return co_await run_text_prepared(session, command);
  const bool speaks_of_the_last =
      statement.cls == StatementClass::kDiagnostics || statement.mentions.diagnostics;
  if (!speaks_of_the_last) co_await settle_next_transaction(session);
  if (statement.cls == StatementClass::kKill) {
    const RunOutcome outcome = co_await run_kill(session, statement, place);
    co_return outcome;
  }
  if (statement.shows.processlist) co_return co_await answer_processlist(session, command);
  note_replication_client(session, statement);
  const routing::RoutingPolicy policy = routing_policy(session.listener.statements);
  Decision decision = hidden_rejection(session, statement, policy)
                          .value_or(routing::decide(statement, session_view(session), policy));
  if (asks_for_unreported_state(session, statement, decision)) {
    co_await ask_for_unreported_state(session);
    if (decision.action != Action::kReject)
      decision = routing::decide(statement, session_view(session), policy);
  }
  note_variables_of_procedure(session, statement, decision);
  if (needs_replica_variables(session, statement, decision)) {
    const bool taken = co_await take_replica_variables(session);
    if (!taken) co_return co_await lose_replica_variables(session, place);
  }
  if (decision.target == Target::kWriter && may_use_what_functions_left(session, statement))
    co_await bring_what_functions_left(session, statement, command.execute_text);
  if (decision.action == Action::kLeaveReadOnly) {
    // What the transaction has read would be locked against the DDL when it gets there.
    if (session.backends.replica) co_await end_on_replica(session);
    session.state.transaction.leave_read_only();
  } else if (decision.action != Action::kRun) {
    co_return co_await answer_here(session, statement, decision, place);
  }
  if (reads_temporary_table(session, statement)) {
    const ClientError error = not_supported_with_forwarding("DML that reads a temporary table");
    co_return co_await reject(session, statement, place, error);
  }
  ClientCommand to_run = command;
  to_run.statement = &statement;
  protocol::Buffer reported;
  const bool is_text = command.prepared == nullptr && command.text_execute == nullptr;
  if (statement.set.needs_reported_form && is_text) {
    make_query_packet(session, routing::reported_form(statement.text, session.state.lex_mode), reported);
    to_run.packets = reported;
  }
  RunOutcome outcome = co_await run_statement(session, to_run, decision);
  if (statement.transaction.release && !outcome.is_error) close(session, EndReason::kReleased, outcome);
  if (statement.cls == StatementClass::kCreateTemporary && !outcome.is_error)
    note_temporary_table(session, statement);
  co_return outcome;
}

}  // namespace causeway::proxy
