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
  return session_.state.last.answered == hash_of(command_.packets);
}

bool RunningStatement::writer_takes_reads() const {
  return session_.shard.config().routing.reads_on_writer != ReadsOnWriter::kNever ||
         command_.statement->cls != StatementClass::kRead;
}

ReadConsistency RunningStatement::level() const {
  if (!decision_.wait || ignore_consistency_) return ReadConsistency::kEventual;
  return asked_level();
}

ReadConsistency RunningStatement::asked_level() const {
  if (session_.state.level == ReadConsistency::kOff) return ReadConsistency::kOff;
  const std::string_view hint = command_.statement->hints.consistency;
  if (hint.empty()) return session_.state.level;
  return consistency::parse_read_consistency(hint).value_or(session_.state.level);
}

milliseconds RunningStatement::time_left(milliseconds limit, Clock::time_point now) const {
  const auto spent = duration_cast<milliseconds>(now - start_);
  return spent >= limit ? milliseconds{0} : limit - spent;
}

Awaitable<RunOutcome> RunningStatement::fail(ClientError error) {
  const uint8_t sequence_id = command_.place.sequence_id;
  const bool sent = co_await answer_error(session_, sequence_id, error);
  co_return RunOutcome{
      .close = !sent, .is_error = true, .next_sequence_id = static_cast<uint8_t>(sequence_id + 1)};
}

Awaitable<RunOutcome> RunningStatement::run() {
  session_.shard.metrics().count(
      decision_.target == Target::kWriter ? StatementTarget::kWriter : StatementTarget::kReplica,
      statement_kind(command_.statement->cls));
  if (decision_.takes_transaction_along) begin_anew();
  if (decision_.target == Target::kWriter) return run_on_writer();
  if (may_use_variables_of_writer()) return run_with_variables();
  return run_on_replica();
}

// A transaction on a replica has begun in a session without any.
bool RunningStatement::may_use_variables_of_writer() const {
  if (!session_.state.carried.writer_variables.any() || session_.state.level == ReadConsistency::kOff)
    return false;
  if (session_.state.transaction.is_on(Target::kReplica) || decision_.beside_transaction) return false;
  const routing::Statement& statement = *command_.statement;
  if (statement.cls == StatementClass::kDiagnostics || statement.mentions.diagnostics) return false;
  return command_.several || !routing::uses_named_variables_only(statement, session_.state.lex_mode);
}

Awaitable<RunOutcome> RunningStatement::run_with_variables() {
  routing::WriterVariables& variables = session_.state.carried.writer_variables;
  // Those that a function may have set there are about to be set anew.
  if (!variables.known() && variables.any_suspected() &&
      std::exchange(session_.state.carried.functions_called, false) && session_.backends.replica)
    co_await look_for_variables_on_replica(session_, variables.suspected());
  const bool known = co_await learn_writer_variables(session_);
  if (known) co_return co_await run_on_replica();
  co_return co_await run_on_writer();
}

// What the client is to see of a transaction that the statement's server does not have.
protocol::StatusFlags RunningStatement::transaction_elsewhere() const {
  namespace status = protocol::status;
  const bool beside = decision_.beside_transaction ||
                      (command_.auxiliary && !session_.state.transaction.is_on(decision_.target));
  if (!beside) return 0;
  if (!session_.state.transaction.is_begun()) return 0;
  return session_.state.transaction.is_known_read_only()
             ? status::kInTransaction | status::kInTransactionReadonly
             : status::kInTransaction;
}

Placement RunningStatement::place() {
  Placement placement;
  placement.add_status = transaction_elsewhere();
  sent_next_ = false;
  if (command_.auxiliary || decision_.beside_transaction) return placement;
  placement.ahead.begin = session_.state.transaction.begin_deferred();
  placement.ahead.set_transaction = sent_next_ =
      session_.state.transaction.sends_next_with(*command_.statement);
  // A BEGIN that succeeds has spent it.
  const bool begins = placement.ahead.begin || command_.statement->cls == StatementClass::kBegin;
  placement.ahead.track_next =
      (placement.ahead.set_transaction && !begins) || command_.statement->set.next_transaction;
  return placement;
}

// What a statement may have left behind although it failed is taken to be there. Both servers make a
// temporary table or a prepared statement as a whole or not at all.
void RunningStatement::update_pins(const ExchangeResult& result, Target target) {
  const routing::Statement& statement = *command_.statement;
  Pins& pins = session_.state.pins;
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
      statement.cls == StatementClass::kDiagnostics && (result.is_error || session_.state.last.warnings > 0);
  if (statement.mentions.assigned_user_variables && target == Target::kReplica && !assigned_none)
    note_replica_variables(statement);
  if (result.is_error && routing::is_opaque(statement) && !was_not_understood(result)) pins.unreported = true;
  const bool forwards = session_.state.level != ReadConsistency::kOff;
  if (routing::is_opaque(statement)) {
    session_.state.carried.procedure_on_replica =
        forwards && target == Target::kReplica && (pins.untrackable || pins.unreported);
    session_.state.carried.named_since_procedure.clear();
  }
  const bool has_room =
      session_.state.carried.has_room_to_replay() && statement.text.size() <= kMaxReplayedBytes;
  const bool leaves = forwards && target == Target::kReplica && !result.is_error && !command_.several;
  if (leaves && has_room && routing::can_be_replayed(statement))
    session_.state.carried.statements_to_replay.emplace_back(statement.text);
  if (forwards && !command_.several) note_functions(result, target);
}

// What functions have left behind. The session of a SELECT f() or DO f() goes to the writer, where it is
// called once more; MySQL has no room to say so where rows end with an EOF packet.
void RunningStatement::note_functions(const ExchangeResult& result, Target target) {
  const routing::Statement& statement = *command_.statement;
  const bool calls = routing::only_calls(statement, session_.state.lex_mode);
  const bool left = calls && result.state_changed;
  if (target == Target::kWriter) {
    session_.state.pins.untrackable |= left && !statement.mentions.user_variables;
    return;
  }
  const bool may_set = is_read(statement.cls) || statement.cls == StatementClass::kSet || calls;
  if (may_set && session_.state.carried.writer_variables.any() &&
      !routing::uses_named_variables_only(statement, session_.state.lex_mode))
    session_.state.carried.writer_variables.may_have_changed_on_replica();
  if (!calls) return;
  session_.state.carried.functions_called = true;
  session_.state.carried.functions_left_state |= left && statement.placeholders == 0;
  session_.state.pins.untrackable |= left;
  const bool unreported =
      result.without_trackers && session_.shard.cluster().view().flavor == ServerFlavor::kMysql;
  if (statement.placeholders > 0 || (!left && !unreported)) return;
  std::vector<std::string>& texts =
      unreported ? session_.state.carried.unreported_calls : session_.state.carried.statements_to_replay;
  if (session_.state.carried.has_room_to_replay() && statement.text.size() <= kMaxReplayedBytes)
    texts.emplace_back(statement.text);
}

// What a statement names that no other has assigned may have been set by a trigger or a function, and may be
// so again.
void RunningStatement::note_variables(const routing::Statement& statement, Target target) {
  if (target != Target::kWriter) return;
  // A large INSERT is not read once more for nothing.
  std::vector<std::string> names;
  const bool flagged = statement.mentions.user_variables || statement.mentions.assigned_user_variables;
  if (command_.several) {
    names = names_of_several();
  } else if (flagged) {
    names = routing::user_variables_of(statement.text, session_.state.lex_mode);
  }
  if (command_.several ? names.empty() : !flagged) {
    if (routing::may_write(statement.cls) || routing::is_opaque(statement))
      session_.state.carried.writer_variables.may_have_changed();
    return;
  }
  session_.state.pins.user_variables = true;
  if (statement.mentions.assigned_user_variables)
    session_.state.carried.set_beside |= decision_.beside_transaction;
  const bool set_unseen = !command_.several && !statement.mentions.assigned_user_variables &&
                          !session_.state.carried.writer_variables.unknown_of(names).empty();
  session_.state.pins.untrackable |= set_unseen;
  session_.state.carried.writer_variables.note(std::move(names));
}

std::vector<std::string> RunningStatement::names_of_several() const {
  std::vector<std::string> all;
  for (const routing::Statement& each : session_.reused.classified.statements)
    std::ranges::move(routing::user_variables_of(each.text, session_.state.lex_mode),
                      std::back_inserter(all));
  return all;
}

void RunningStatement::note_replica_variables(const routing::Statement& statement) {
  for (std::string& name : routing::user_variables_of(statement.text, session_.state.lex_mode)) {
    std::vector<std::string>& names = session_.state.carried.replica_variables;
    if (std::ranges::find(names, name) == names.end()) names.push_back(std::move(name));
  }
}

// It does not parse: nothing of it has run.
bool RunningStatement::was_not_understood(const ExchangeResult& result) const {
  return command_.statement->cls == StatementClass::kUnknown && result.error_code == kErParse;
}

Awaitable<AcquireResult> RunningStatement::acquire_other(size_t node, BackendLease& lease) {
  const auto deadline = Clock::now() + session_.shard.config().forwarding.writer_queue_timeout;
  return acquire(session_, node, lease, schema_use(), deadline);
}

// What begins a transaction or leaves user variables behind binds the session to the connection, whatever its
// schema.
SchemaUse RunningStatement::schema_use() const {
  if (without_schema_) return SchemaUse::kNone;
  const bool begins = session_.state.transaction.begin_deferred() || session_.state.transaction.next().any();
  if (begins || command_.statement->mentions.assigned_user_variables) return SchemaUse::kCurrent;
  const StatementClass cls = command_.statement->cls;
  return cls == StatementClass::kUse || cls == StatementClass::kDiagnostics ? SchemaUse::kAny
                                                                            : SchemaUse::kCurrent;
}

bool RunningStatement::bound_to(Target target) const {
  const bool variables = target == Target::kReplica && (!session_.state.carried.replica_variables.empty() ||
                                                        session_.state.carried.procedure_on_replica);
  return session_.state.transaction.is_on(target) || session_.state.prepared.cursors(target) > 0 ||
         session_.state.pins.whole_session_on(target) || variables;
}

void RunningStatement::after_either(BackendConnection& connection, const ExchangeResult& result,
                                    Target target) {
  // From its first command on, whatever that is, a replica has this connection to itself.
  const ReplicationClient& replication = session_.state.replication;
  if (replication.is_one && target == (replication.from_replica ? Target::kReplica : Target::kWriter)) {
    session_.state.pins.replication = true;
    session_.state.pins.where = target;
  }
  if (!command_.auxiliary) after_statement(connection, result, target);
  if (command_.text_prepare != nullptr && !result.is_error)
    command_.text_prepare->incarnations[PreparedStatements::side(target)] = connection.prepared.incarnation;
  if (!result.is_error)
    session_.state.last.answered =
        routing::may_write(command_.statement->cls) ? 0 : hash_of(command_.packets);
  // What was prepared somewhere is the last statement, though not the one that counted rows: as if it had
  // been prepared where that was.
  if (result.is_error || !command_.auxiliary) {
    session_.state.last.target = target;  // SHOW WARNINGS speaks of a failed PREPARE, too
    session_.state.last.was_ok = result.ended_with_ok && !result.is_error;
    // What a replica has refused has left its warning there.
    const bool keeps_warnings = connection.server.mariadb && !result.is_error && !missed_ &&
                                session_.state.last.warnings == 0 &&
                                routing::keeps_warnings(*command_.statement);
    if (!keeps_warnings) session_.state.last.warned_by = target;
    if (!result.is_error && !routing::keeps_found_rows(*command_.statement, connection.server.mariadb))
      session_.state.last.counted_by = target;
    session_.state.last.local = {};
  } else if (command_.text_prepare != nullptr) {
    session_.state.last.local = {.kind = LocalAnswer::Kind::kOk};
  } else if (command_.kind == protocol::ResponseKind::kPrepare) {
    session_.state.last.local.prepared = true;
  }
  if (result.carried_variables) session_.state.carried.assignments.clear();
  const auto first_said = session_.state.carried.statements_to_replay.begin();
  session_.state.carried.statements_to_replay.erase(
      first_said, first_said + static_cast<std::ptrdiff_t>(result.replayed_statements));
  // Behind PREPARE, too, MariaDB has no warnings of before where the statement uses tables.
  const routing::Statement* const prepared = command_.text_prepare != nullptr
                                                 ? &command_.text_prepare->statement
                                             : command_.prepare != nullptr ? &command_.prepare->statement
                                                                           : nullptr;
  if (prepared != nullptr && connection.server.mariadb && !routing::keeps_warnings(*prepared))
    session_.state.last.warned_by = target;
  // After a USE that failed the connection may be in a schema that is not the session's.
  const bool in_foreign_schema = session_.state.schema.empty() && !connection.state.schema.empty();
  connection.keep = bound_to(target) || (session_.state.last.warnings > 0 && !in_foreign_schema) ||
                    (target == Target::kWriter && session_.state.pins.user_variables);
  if (session_.state.transaction.next_sent_to() == target) {
    session_.state.transaction.next_holds_connection(connection.keep);
    connection.keep = true;
  }
  BackendPool& pool = session_.shard.pool(connection.node);
  if (connection.doomed && !connection.keep) {
    pool.close(connection, CloseReason::kDoomed);
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
      .keeps_access_mode = session_.shard.cluster().view().flavor == ServerFlavor::kMysql};
  if (decision_.beside_transaction) return session_.state.transaction.on_answer_beside(answer);
  const auto followed = session_.state.transaction.on_answer(*command_.statement, answer);
  if (followed.in_transaction) connection.state.status |= status::kInTransaction;
  if (followed.begun) session_.state.carried.set_beside = false;
  if (followed.holds_next) connection.state.holds_next_transaction = true;
}

void RunningStatement::after_statement(BackendConnection& connection, const ExchangeResult& result,
                                       Target target) {
  session_.state.last.target = target;
  if (!session_.state.initial_sql_mode_known) {
    session_.state.initial_sql_mode_known = true;
    if (session_.state.variables.find("sql_mode") == nullptr)
      take_sql_mode(session_.state.lex_mode, connection.server.baseline.sql_mode);
    if (connection.server.ran_init_connect &&
        session_.state.variables.find("character_set_client") == nullptr) {
      session_.state.lex_mode.multibyte_backslash =
          routing::multibyte_backslash_of(connection.server.baseline.character_set_client);
    }
    if (connection.server.ran_init_connect && session_.state.variables.empty())
      session_.state.take_defaults(connection.server.baseline.defaults);
  }
  // Nothing of a statement that could not be prepared was sent.
  const bool failed = result.is_error && result.command_sent;
  const bool may_lock = routing::is_opaque(*command_.statement) || command_.statement->uses_handler ||
                        routing::only_calls(*command_.statement, session_.state.lex_mode);
  if (may_lock) connection.state.may_hold_locks = true;
  follow_transaction(connection, result, target);
  if (!result.is_error) apply_unreported_state(session_.state, connection, *command_.statement);
  // What it writes from now on is not on replicas, whatever their positions say.
  if (command_.statement->set.unreplicated_writes && target == Target::kWriter)
    session_.state.pins.untrackable = true;
  if (!result.is_error || failed) update_pins(result, target);
  settle_pins(target);
}

void RunningStatement::settle_pins(Target target) {
  Pins& pins = session_.state.pins;
  if (!pins.whole_session()) {
    pins.where = Target::kNone;
  } else if (pins.where == Target::kNone || (pins.moves_to_writer && target == Target::kWriter)) {
    pins.where = target;
  }
  const bool holds_objects = pins.temporary_table || pins.table_lock || pins.backup_lock || pins.user_lock;
  const bool forwards = session_.state.level != ReadConsistency::kOff;
  if (target == Target::kReplica) pins.moves_to_writer = forwards && !holds_objects;
  pins.moves_to_writer &= pins.where == Target::kReplica;
}

// How the connection is left when the command has not changed what is known of it.
void RunningStatement::leave(BackendConnection& connection, const NextStep& next) {
  BackendPool& pool = session_.shard.pool(connection.node);
  if (next.suspect) session_.shard.suspect(connection.node);
  switch (next.connection) {
    case NextStep::Connection::kUsed:
      break;
    case NextStep::Connection::kBack:
      pool.put_back(connection);
      break;
    case NextStep::Connection::kAbort:
      abort_lost_statement(connection);
      pool.close(connection, CloseReason::kGivenUp);
      break;
    case NextStep::Connection::kClose:
      pool.close(connection, CloseReason::kUnknownState);
      break;
  }
}

// The client is gone; nobody else does it while the server works.
void RunningStatement::abort_lost_statement(const BackendConnection& connection) {
  abort_statement(session_.shard, connection, login_beside(session_.login));
}

}  // namespace causeway::proxy
