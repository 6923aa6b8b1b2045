#include "proxy/statement/statement_run_state.h"

#include <algorithm>
#include <functional>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "protocol/packet_header.h"
#include "proxy/backend/server_kill.h"
#include "proxy/session/local_answers.h"
#include "proxy/session/session_tracking.h"
#include "proxy/statement/carried_variables.h"
#include "routing/statement_effects.h"
#include "routing/user_variables.h"

namespace causeway::proxy {

using consistency::ReadConsistency;
using routing::StatementClass;
using routing::Target;
using std::chrono::duration_cast;
using std::chrono::milliseconds;

namespace {

constexpr uint16_t kErParse = 1064;

// Of more, and of longer ones, the writer does not get to know.
constexpr size_t kMaxReplayedBytes = 4096;

bool is_read(StatementClass cls) {
  return cls == StatementClass::kRead || cls == StatementClass::kLockingRead ||
         cls == StatementClass::kWriterRead;
}

size_t hash_of(protocol::Bytes request) {
  return std::hash<std::string_view>{}({reinterpret_cast<const char*>(request.data()), request.size()});
}

}  // namespace

bool RunningStatement::is_repetition() const {
  return state_.last.answered == hash_of(run_.request);
}

bool RunningStatement::writer_takes_reads() const {
  return shard_.config().routing.reads_on_writer != ReadsOnWriter::kNever ||
         run_.statement->cls != StatementClass::kRead;
}

ReadConsistency RunningStatement::level() const {
  if (!run_.decision.wait || ignore_consistency_) return ReadConsistency::kEventual;
  if (state_.level == ReadConsistency::kOff) return ReadConsistency::kOff;
  const std::string_view hint = run_.statement->hints.consistency;
  if (hint.empty()) return state_.level;
  return consistency::parse_read_consistency(hint).value_or(state_.level);
}

milliseconds RunningStatement::time_left(milliseconds limit, Clock::time_point now) const {
  const auto spent = duration_cast<milliseconds>(now - start_);
  return spent >= limit ? milliseconds{0} : limit - spent;
}

Awaitable<RunOutcome> RunningStatement::fail(ClientError error) {
  const auto sequence_id = static_cast<uint8_t>(protocol::count_packets(run_.request) + run_.sequence_offset);
  const bool sent = co_await answer_error(session_, sequence_id, error);
  co_return RunOutcome{
      .close = !sent, .is_error = true, .next_sequence_id = static_cast<uint8_t>(sequence_id + 1)};
}

Awaitable<RunOutcome> RunningStatement::run() {
  shard_.metrics().count(
      run_.decision.target == Target::kWriter ? StatementTarget::kWriter : StatementTarget::kReplica,
      statement_kind(run_.statement->cls));
  if (run_.decision.takes_transaction_along) begin_anew();
  if (run_.decision.target == Target::kWriter) return run_on_writer();
  if (may_use_variables_of_writer()) return run_with_variables();
  return run_on_replica();
}

// A transaction on a replica has begun in a session without any.
bool RunningStatement::may_use_variables_of_writer() const {
  if (!state_.carried.writer_variables.any() || state_.level == ReadConsistency::kOff) return false;
  if (state_.transaction.is_on(Target::kReplica) || run_.decision.beside_transaction) return false;
  const routing::Statement& statement = *run_.statement;
  if (statement.cls == StatementClass::kDiagnostics || statement.mentions.diagnostics) return false;
  return run_.several || !routing::uses_named_variables_only(statement, state_.lex_mode);
}

Awaitable<RunOutcome> RunningStatement::run_with_variables() {
  routing::WriterVariables& variables = state_.carried.writer_variables;
  // Those that a function may have set there are about to be set anew.
  if (!variables.known() && variables.any_suspected() &&
      std::exchange(state_.carried.functions_called, false) && backends_.replica)
    co_await look_for_variables_on_replica(session_, variables.suspected());
  const bool known = co_await learn_writer_variables(session_);
  if (known) co_return co_await run_on_replica();
  co_return co_await run_on_writer();
}

// What the client is to see of a transaction that the statement's server does not have.
protocol::StatusFlags RunningStatement::transaction_elsewhere() const {
  namespace status = protocol::status;
  const bool beside =
      run_.decision.beside_transaction || (run_.auxiliary && !state_.transaction.is_on(run_.decision.target));
  if (!beside) return 0;
  if (!state_.transaction.is_begun()) return 0;
  return state_.transaction.is_known_read_only() ? status::kInTransaction | status::kInTransactionReadonly
                                                 : status::kInTransaction;
}

Exchange RunningStatement::make_exchange() {
  Exchange exchange;
  exchange.request = run_.request;
  exchange.kind = run_.kind;
  exchange.statement = run_.statement;
  exchange.extra_rows = run_.extra_rows;
  exchange.sequence_offset = run_.sequence_offset;
  exchange.more_results_follow = run_.more_results_follow;
  exchange.add_status = run_.add_status | transaction_elsewhere();
  exchange.prepare = run_.prepare;
  exchange.prepared = run_.prepared;
  exchange.text_execute = run_.text_execute;
  sent_next_ = false;
  if (run_.auxiliary || run_.decision.beside_transaction) return exchange;
  exchange.begin = state_.transaction.begin_deferred();
  exchange.set_transaction = sent_next_ = state_.transaction.sends_next_with(*run_.statement);
  // A BEGIN that succeeds has spent it.
  const bool begins = exchange.begin || run_.statement->cls == StatementClass::kBegin;
  exchange.track_next = (exchange.set_transaction && !begins) || run_.statement->set.next_transaction;
  return exchange;
}

// What a statement may have left behind although it failed is taken to be there. Both servers make a
// temporary table or a prepared statement as a whole or not at all.
void RunningStatement::update_pins(const ExchangeResult& result, Target target) {
  const routing::Statement& statement = *run_.statement;
  Pins& pins = state_.pins;
  switch (statement.cls) {
    case StatementClass::kCreateTemporary:
      pins.temporary_table |= !result.is_error;
      break;
    case StatementClass::kLockTables:
      pins.table_lock |= statement.locks != routing::LockKind::kBackup;
      pins.all_tables_lock |= statement.locks == routing::LockKind::kAllTables;
      pins.backup_lock |= statement.locks == routing::LockKind::kBackup;
      break;
    case StatementClass::kUnlockTables:
      if (statement.locks == routing::LockKind::kBackup) {
        pins.backup_lock &= result.is_error;
      } else {
        pins.table_lock &= result.is_error;
        pins.all_tables_lock &= result.is_error;
      }
      break;
    case StatementClass::kBegin:
      pins.table_lock &= result.is_error || pins.all_tables_lock;
      break;
    case StatementClass::kPrepare:
      pins.prepared_text |= !result.is_error;
      break;
    default:
      break;
  }
  if (statement.mentions.get_lock) pins.user_lock = true;
  if (statement.uses_handler && !result.is_error) pins.untrackable = true;
  note_variables(statement, target);
  // Of GET DIAGNOSTICS an OK with a warning says that it has failed: what it names keeps its values.
  const bool assigned_none =
      statement.cls == StatementClass::kDiagnostics && (result.is_error || state_.last.warnings > 0);
  if (statement.mentions.assigned_user_variables && target == Target::kReplica && !assigned_none)
    note_replica_variables(statement);
  if (result.is_error && routing::is_opaque(statement) && !was_not_understood(result)) pins.unreported = true;
  const bool forwards = state_.level != ReadConsistency::kOff;
  if (routing::is_opaque(statement)) {
    state_.carried.procedure_on_replica =
        forwards && target == Target::kReplica && (pins.untrackable || pins.unreported);
    state_.carried.named_since_procedure.clear();
  }
  const bool has_room = state_.carried.has_room_to_replay() && statement.text.size() <= kMaxReplayedBytes;
  const bool leaves = forwards && target == Target::kReplica && !result.is_error && !run_.several;
  if (leaves && has_room && routing::can_be_replayed(statement))
    state_.carried.statements_to_replay.emplace_back(statement.text);
  if (forwards && !run_.several) note_functions(result, target);
}

// What functions have left behind. The session of a SELECT f() or DO f() goes to the writer, where it is
// called once more; MySQL has no room to say so where rows end with an EOF packet.
void RunningStatement::note_functions(const ExchangeResult& result, Target target) {
  const routing::Statement& statement = *run_.statement;
  const bool calls = routing::only_calls(statement, state_.lex_mode);
  const bool left = calls && result.state_changed;
  if (target == Target::kWriter) {
    state_.pins.untrackable |= left && !statement.mentions.user_variables;
    return;
  }
  const bool may_set = is_read(statement.cls) || statement.cls == StatementClass::kSet || calls;
  if (may_set && state_.carried.writer_variables.any() &&
      !routing::uses_named_variables_only(statement, state_.lex_mode))
    state_.carried.writer_variables.may_have_changed_on_replica();
  if (!calls) return;
  state_.carried.functions_called = true;
  state_.carried.functions_left_state |= left && statement.placeholders == 0;
  state_.pins.untrackable |= left;
  const bool unreported =
      result.without_trackers && session_.shard.cluster().view().flavor == ServerFlavor::kMysql;
  if (statement.placeholders > 0 || (!left && !unreported)) return;
  std::vector<std::string>& texts =
      unreported ? state_.carried.unreported_calls : state_.carried.statements_to_replay;
  if (state_.carried.has_room_to_replay() && statement.text.size() <= kMaxReplayedBytes)
    texts.emplace_back(statement.text);
}

// What a statement names that no other has assigned may have been set by a trigger or a function, and may be
// so again.
void RunningStatement::note_variables(const routing::Statement& statement, Target target) {
  if (target != Target::kWriter) return;
  // A large INSERT is not read once more for nothing.
  std::vector<std::string> names;
  const bool flagged = statement.mentions.user_variables || statement.mentions.assigned_user_variables;
  if (run_.several) {
    names = names_of_several();
  } else if (flagged) {
    names = routing::user_variables_of(statement.text, state_.lex_mode);
  }
  if (run_.several ? names.empty() : !flagged) {
    if (routing::may_write(statement.cls) || routing::is_opaque(statement))
      state_.carried.writer_variables.may_have_changed();
    return;
  }
  state_.pins.user_variables = true;
  if (statement.mentions.assigned_user_variables)
    state_.carried.set_beside |= run_.decision.beside_transaction;
  const bool set_unseen = !run_.several && !statement.mentions.assigned_user_variables &&
                          !state_.carried.writer_variables.unknown_of(names).empty();
  state_.pins.untrackable |= set_unseen;
  state_.carried.writer_variables.note(std::move(names));
}

std::vector<std::string> RunningStatement::names_of_several() const {
  std::vector<std::string> all;
  for (const routing::Statement& each : session_.reused.classified.statements)
    std::ranges::move(routing::user_variables_of(each.text, state_.lex_mode), std::back_inserter(all));
  return all;
}

void RunningStatement::note_replica_variables(const routing::Statement& statement) {
  for (std::string& name : routing::user_variables_of(statement.text, state_.lex_mode)) {
    std::vector<std::string>& names = state_.carried.replica_variables;
    if (std::ranges::find(names, name) == names.end()) names.push_back(std::move(name));
  }
}

// It does not parse: nothing of it has run.
bool RunningStatement::was_not_understood(const ExchangeResult& result) const {
  return run_.statement->cls == StatementClass::kUnknown && result.error_code == kErParse;
}

// What begins a transaction or leaves user variables behind binds the session to the connection, whatever its
// schema.
SchemaUse RunningStatement::schema_use() const {
  if (without_schema_) return SchemaUse::kNone;
  const bool begins = state_.transaction.begin_deferred() || state_.transaction.next().any();
  if (begins || run_.statement->mentions.assigned_user_variables) return SchemaUse::kCurrent;
  const StatementClass cls = run_.statement->cls;
  return cls == StatementClass::kUse || cls == StatementClass::kDiagnostics ? SchemaUse::kAny
                                                                            : SchemaUse::kCurrent;
}

bool RunningStatement::bound_to(Target target) const {
  const bool variables = target == Target::kReplica &&
                         (!state_.carried.replica_variables.empty() || state_.carried.procedure_on_replica);
  return state_.transaction.is_on(target) || state_.prepared.cursors(target) > 0 ||
         state_.pins.whole_session_on(target) || variables;
}

void RunningStatement::after_either(BackendConnection& connection, const ExchangeResult& result,
                                    Target target) {
  if (!run_.auxiliary) after_statement(connection, result, target);
  if (run_.text_prepare != nullptr && !result.is_error)
    run_.text_prepare->incarnations[PreparedStatements::side(target)] = connection.prepared.incarnation;
  if (!result.is_error)
    state_.last.answered = routing::may_write(run_.statement->cls) ? 0 : hash_of(run_.request);
  // What was prepared somewhere is the last statement, though not the one that counted rows: as if it had
  // been prepared where that was.
  if (result.is_error || !run_.auxiliary) {
    state_.last.target = target;  // SHOW WARNINGS speaks of a failed PREPARE, too
    state_.last.was_ok = result.ended_with_ok && !result.is_error;
    // What a replica has refused has left its warning there.
    const bool keeps_warnings = connection.server.mariadb && !result.is_error && !missed_ &&
                                state_.last.warnings == 0 && routing::keeps_warnings(*run_.statement);
    if (!keeps_warnings) state_.last.warned_by = target;
    if (!result.is_error && !routing::keeps_found_rows(*run_.statement, connection.server.mariadb))
      state_.last.counted_by = target;
    state_.last.local = {};
  } else if (run_.text_prepare != nullptr) {
    state_.last.local = {.kind = LocalAnswer::Kind::kOk};
  } else if (run_.kind == protocol::ResponseKind::kPrepare) {
    state_.last.local.prepared = true;
  }
  if (result.carried_variables) state_.carried.assignments.clear();
  const auto first_said = state_.carried.statements_to_replay.begin();
  state_.carried.statements_to_replay.erase(
      first_said, first_said + static_cast<std::ptrdiff_t>(result.replayed_statements));
  // Behind PREPARE, too, MariaDB has no warnings of before where the statement uses tables.
  const routing::Statement* const prepared = run_.text_prepare != nullptr ? &run_.text_prepare->statement
                                             : run_.prepare != nullptr    ? &run_.prepare->statement
                                                                          : nullptr;
  if (prepared != nullptr && connection.server.mariadb && !routing::keeps_warnings(*prepared))
    state_.last.warned_by = target;
  // After a USE that failed the connection may be in a schema that is not the session's.
  const bool in_foreign_schema = state_.schema.empty() && !connection.state.schema.empty();
  connection.keep = bound_to(target) || (state_.last.warnings > 0 && !in_foreign_schema) ||
                    (target == Target::kWriter && state_.pins.user_variables);
  if (state_.transaction.next_sent_to() == target) {
    state_.transaction.next_holds_connection(connection.keep);
    connection.keep = true;
  }
  BackendPool& pool = shard_.pool(connection.node);
  if (connection.doomed && !connection.keep) {
    pool.close(connection);
  } else {
    pool.put_back(connection);
  }
}

void RunningStatement::follow_transaction(BackendConnection& connection, const ExchangeResult& result,
                                          Target target) {
  namespace status = protocol::status;
  const routing::TransactionState::Answer answer{
      .target = target,
      .incarnation = connection.prepared.incarnation,
      .in_transaction = (connection.state.status & status::kInTransaction) != 0,
      .autocommit = (connection.state.status & status::kAutocommit) != 0,
      .is_error = result.is_error,
      .sent = result.command_sent,
      .understood = !was_not_understood(result),
      .sent_next = sent_next_,
      .keeps_access_mode = shard_.cluster().view().flavor == ServerFlavor::kMysql};
  if (run_.decision.beside_transaction) return state_.transaction.on_answer_beside(answer);
  const auto followed = state_.transaction.on_answer(*run_.statement, answer);
  if (followed.in_transaction) connection.state.status |= status::kInTransaction;
  if (followed.begun) state_.carried.set_beside = false;
  if (followed.holds_next) connection.state.holds_next_transaction = true;
}

void RunningStatement::after_statement(BackendConnection& connection, const ExchangeResult& result,
                                       Target target) {
  state_.last.target = target;
  if (!state_.initial_sql_mode_known) {
    state_.initial_sql_mode_known = true;
    if (state_.variables.find("sql_mode") == nullptr)
      take_sql_mode(state_.lex_mode, connection.server.baseline.sql_mode);
    if (connection.server.ran_init_connect && state_.variables.find("character_set_client") == nullptr) {
      state_.lex_mode.multibyte_backslash =
          routing::multibyte_backslash_of(connection.server.baseline.character_set_client);
    }
    if (connection.server.ran_init_connect && state_.variables.empty())
      state_.take_defaults(connection.server.baseline.defaults);
  }
  // Nothing of a statement that could not be prepared was sent.
  const bool failed = result.is_error && result.command_sent;
  const bool may_lock = routing::is_opaque(*run_.statement) || run_.statement->uses_handler ||
                        routing::only_calls(*run_.statement, state_.lex_mode);
  if (may_lock) connection.state.may_hold_locks = true;
  follow_transaction(connection, result, target);
  if (!result.is_error) apply_unreported_state(session_, connection, *run_.statement);
  // What it writes from now on is not on replicas, whatever their positions say.
  if (run_.statement->set.unreplicated_writes && target == Target::kWriter) state_.pins.untrackable = true;
  if (!result.is_error || failed) update_pins(result, target);
  settle_pins(target);
}

void RunningStatement::settle_pins(Target target) {
  Pins& pins = state_.pins;
  if (!pins.whole_session()) {
    pins.where = Target::kNone;
  } else if (pins.where == Target::kNone || (pins.moves_to_writer && target == Target::kWriter)) {
    pins.where = target;
  }
  const bool holds_objects = pins.temporary_table || pins.table_lock || pins.backup_lock || pins.user_lock;
  const bool forwards = state_.level != ReadConsistency::kOff;
  if (target == Target::kReplica) pins.moves_to_writer = forwards && !holds_objects;
  pins.moves_to_writer &= pins.where == Target::kReplica;
}

// The client is gone; nobody else does it while the server works.
void RunningStatement::abort_lost_statement(const BackendConnection& connection) {
  abort_statement(shard_, connection, login_beside(session_.identity.login));
}

}  // namespace causeway::proxy
