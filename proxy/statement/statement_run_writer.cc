#include "proxy/statement/statement_run_state.h"

#include <algorithm>
#include <charconv>
#include <string>
#include <utility>

#include "proxy/backend/ask.h"
#include "proxy/session/session_token.h"
#include "routing/statement_effects.h"

namespace causeway::proxy {

using consistency::TimeoutPolicy;
using routing::StatementClass;
using routing::Target;
using std::chrono::duration_cast;
using std::chrono::microseconds;
using std::chrono::milliseconds;

namespace {

constexpr const char* kNotTheWriter = "it is not the writer any more";

// How long a writer that is not there is left alone.
constexpr milliseconds kBetweenAttempts{200};

}  // namespace

void RunningStatement::track_write(const ExchangeResult& result, uint64_t token_version_before,
                                   bool was_in_transaction) {
  const StatementClass cls = command_.statement->cls;
  // Nothing is committed yet.
  if (session_.state.transaction.is_on(Target::kWriter) &&
      !(result.is_error && routing::may_commit(*command_.statement)))
    return;
  const bool wrote =
      routing::may_write(cls) || was_in_transaction || cls == StatementClass::kWriterRead || reran_;
  if (!wrote) return;
  const bool has_position = session_.history.token().version() != token_version_before;
  const bool without_gtids =
      session_.shard.cluster().view().position_kind == consistency::PositionKind::kBinlogCoordinates;
  // With GTIDs a write without one has written nothing to the binary log. An error tells nothing: part of the
  // statement may have been committed. And rows that end with an EOF packet leave no room to tell it.
  if (!has_position && (without_gtids || result.is_error || result.without_trackers)) {
    session_.history.wrote_somewhere();
    session_.shard.metrics().consistency.unknown_tokens.add();
  }
}

// What was committed before the session's write is on a replica once that is: not where MariaDB's parallel
// appliers have several domains, each with an order of its own.
bool RunningStatement::replicas_commit_in_order() {
  const NodeView* writer = session_.shard.cluster().view().writer_node();
  if (writer == nullptr) return false;
  const auto* own = session_.history.token().position().mariadb_gtid();
  const auto* all = writer->executed.mariadb_gtid();
  return own == nullptr || all == nullptr || own->is_of_one_domain_with(*all);
}

void RunningStatement::after_writer(BackendConnection& connection, const ExchangeResult& result,
                                    uint64_t token_version_before, bool was_in_transaction) {
  if (command_.auxiliary) return after_either(connection, result, Target::kWriter);
  const StatementClass cls = command_.statement->cls;
  const auto duration = duration_cast<microseconds>(Clock::now() - start_);
  if (routing::may_write(cls)) {
    session_.shard.metrics().forwarding.dml.add(duration);
  } else {
    session_.shard.metrics().forwarding.select.add(duration);
  }
  session_.backends.used_writer = true;
  after_either(connection, result, Target::kWriter);
  track_write(result, token_version_before, was_in_transaction);
  // It may have seen what its replica has not got yet, unless its own position comes behind all of that.
  const bool has_position = session_.history.token().version() != token_version_before;
  const bool covered = has_position && replicas_commit_in_order() && !result.is_error &&
                       !was_in_transaction && !session_.state.transaction.is_on(Target::kWriter) &&
                       !command_.several &&
                       !(command_.prepared != nullptr && command_.prepared->bulk != nullptr) &&
                       routing::sees_nothing_behind_its_commit(*command_.statement);
  session_.history.ran_on_writer(covered);
}

Awaitable<RunOutcome> RunningStatement::on_writer_lost(const ExchangeResult& result, WriteAttempt attempt) {
  const std::string reason = !lost_reason_.empty()       ? lost_reason_
                             : session_.waiter.timed_out ? "timeout"
                                                         : result.error.message();
  const bool writes = attempt.was_in_transaction || routing::may_write(command_.statement->cls) || reran_;
  const bool sent = result.command_sent && !command_.auxiliary && writes;
  const bool nothing_committed =
      attempt.was_in_transaction &&
      session_.state.transaction.is_certainly_uncommitted(*command_.statement, sent);
  const bool may_have_committed = (sent || attempt.was_in_transaction) && !nothing_committed;
  session_.state.transaction.lost(Target::kWriter);
  if (result.error == asio::error::operation_aborted)
    session_.shard.metrics().forwarding.errors_rpc_timeout.add();
  session_.state.prepared.lose_cursors(Target::kWriter);
  if (may_have_committed) session_.history.wrote_somewhere();
  if (result.client_has_bytes) {
    session_.end.because(EndReason::kAnswerCut);
    co_return RunOutcome{.close = true};
  }
  ClientError error = connection_to_node_lost(lost_node_, reason);
  if (nothing_committed) {
    error = transaction_lost(lost_node_, reason);
  } else if (may_have_committed) {
    error = outcome_unknown(lost_node_, reason);
  }
  RunOutcome outcome = co_await fail(error);
  // What lived in the connection (temporary tables, locks, user variables) is gone; a server would have
  // closed the connection too.
  if (attempt.state_lives_there) {
    session_.end.because(EndReason::kStateLost);
    outcome.close = true;
  }
  co_return outcome;
}

// Whoever took over the session's former connection asks it first: that takes a round trip.
Awaitable<void> RunningStatement::await_last_insert_id() {
  const Clock::time_point deadline = Clock::now() + session_.shard.config().forwarding.writer_queue_timeout;
  while (session_.state.last.insert_id->pending && !session_.waiter.closing && Clock::now() < deadline) {
    const DeadlineScope scope(session_.waiter, Clock::now());
    co_await session_.shard.wait_for_change(session_.waiter);
  }
}

// For another server: what only the session's connection to the writer knows exactly. If that is gone, the
// guess counts.
Awaitable<void> RunningStatement::learn_last_insert_id() {
  if (session_.state.last.insert_id->pending) co_await await_last_insert_id();
  LastInsertId& id = *session_.state.last.insert_id;
  if (id.certain || !session_.backends.writer || session_.backends.writer.connection->state.needs_reset ||
      session_.backends.writer.connection->state.last_insert_id != session_.state.last.insert_id)
    co_return;
  BackendPool& pool = session_.shard.pool(session_.backends.writer.connection->node);
  PooledConnection connection = pool.take_own(session_.backends.writer);
  if (!connection) co_return;
  const AskScope scope(session_.waiter, session_.backends.in_flight, *connection);
  const RowLimits one_column{.columns = 1};
  const Answer<AskedRow> answer =
      co_await ask_row(*connection, "SELECT LAST_INSERT_ID() LIMIT 1", one_column);
  if (!answer) co_return;
  const std::string value = answer->text(0);
  std::from_chars(value.data(), value.data() + value.size(), id.value);
  id.certain = true;
  connection.put_back();
}

// A writer that was demoted a moment ago lacks what the new one has committed since, and replicas have what
// the writer is committing. A read at SESSION misses only what it could have seen elsewhere: on a replica
// that was asked before, or in a position it was handed. A write that begins a transaction counts where
// servers tell what they are committing: what the transaction reads, it may read as of now. (A server that is
// no writer refuses it anyway.)
bool RunningStatement::must_see_all() const {
  const StatementClass cls = command_.statement->cls;
  const bool begins = begins_transaction() &&
                      session_.shard.cluster().view().position_kind == consistency::PositionKind::kGtidSet;
  const bool reads = cls == StatementClass::kRead || cls == StatementClass::kLockingRead ||
                     cls == StatementClass::kWriterRead || cls == StatementClass::kBegin ||
                     (cls == StatementClass::kDml && begins);
  if (!reads || command_.auxiliary || session_.state.transaction.is_open()) return false;
  // The check would be the last statement then.
  if (command_.statement->mentions.diagnostics && !command_.statement->mentions.from) return false;
  const consistency::ReadConsistency level = asked_level();
  return level == consistency::ReadConsistency::kGlobal ||
         (level == consistency::ReadConsistency::kSession &&
          (decision_.target == Target::kReplica ||
           (!session_.history.trusts_the_writer() && !command_.statement->mentions.diagnostics)));
}

// Asked together with LAST_INSERT_ID(), ROW_COUNT() is asked here, though a replica may have run the last
// statement. There is -1 behind rows and errors, as behind SHOW VARIABLES; behind an OK of what may run
// there, 0.
void RunningStatement::note_rows_counted_elsewhere() {
  const bool elsewhere = command_.statement->mentions.row_count &&
                         session_.state.last.target == Target::kReplica && !session_.state.last.local.any();
  if (!elsewhere) return;
  session_.state.last.local.kind =
      session_.state.last.was_ok ? LocalAnswer::Kind::kOk : LocalAnswer::Kind::kVariables;
}

// Whether the session's connection, with what lives in it, is lost before the statement is sent; then the
// names for its error are noted. Once another server is the writer, what the session has on the former one is
// as good as gone.
bool RunningStatement::has_lost_writer(const WriteAttempt& attempt) {
  const NodeIndex writer = session_.shard.cluster().view().writer;
  const BackendLease& lease = session_.backends.writer;
  const bool elsewhere = lease && !session_.shard.cluster().is_to_writer(*lease.connection);
  const bool has_something = attempt.bound || attempt.has_user_variables;
  if (!has_something || (lease && !elsewhere)) return false;
  if (elsewhere) leave_former_writer(session_.shard, session_.backends, session_.id);
  const size_t former = std::exchange(session_.backends.former_writer, kNoNode);
  if (former != kNoNode) {
    lost_node_ = node_name(former);
    lost_reason_ = kNotTheWriter;
  }
  if (writer != kNoNode && lost_node_.empty()) lost_node_ = node_name(writer);
  return true;
}

// Until something has changed about the servers, or their connections.
Awaitable<void> RunningStatement::await_change(Clock::time_point deadline) {
  const DeadlineScope scope(session_.waiter, deadline);
  co_await session_.shard.wait_for_change(session_.waiter);
}

// Nothing: it is to be tried again.
Awaitable<std::optional<RunOutcome>> RunningStatement::on_not_acquired(WriteAttempt attempt,
                                                                       const AcquireResult& acquired) {
  ClientError error;
  switch (acquired.failure) {
    case AcquireResult::Failure::kRefused:
      error = *acquired.refusal;
      break;
    case AcquireResult::Failure::kFull:
      if (session_.waiter.query_killed) co_return std::nullopt;
      session_.shard.metrics().forwarding.errors_session_limit.add();
      error = writer_full();
      break;
    case AcquireResult::Failure::kStateLost: {
      const ExchangeResult lost{.error = asio::error::connection_reset};
      const RunOutcome outcome = co_await on_writer_lost(lost, attempt);
      co_return outcome;
    }
    case AcquireResult::Failure::kNone:
    case AcquireResult::Failure::kNodeDown:
      session_.shard.suspect(attempt.node);
      if (Clock::now() < attempt.deadline) {
        co_await await_change(std::min(attempt.deadline, Clock::now() + kBetweenAttempts));
        co_return std::nullopt;
      }
      error = node_unreachable(node_name(attempt.node), acquired.reason);
      break;
  }
  const RunOutcome failed = co_await fail(std::move(error));
  co_return failed;
}

// A server that has just become read-only has refused the statement, so the new writer may have it. A
// transaction cannot be taken along.
Placement RunningStatement::place_on_writer(const WriteAttempt& attempt) {
  const routing::Statement& statement = *command_.statement;
  Placement placement = place();
  placement.ahead.tell_last_insert_id = needs_last_insert_id();
  placement.held.read_only = session_.state.transaction.is_on(Target::kWriter) ||
                             (!attempt.bound && Clock::now() < attempt.deadline);
  check_writer(attempt, placement);
  placement.goes_without_schema = true;
  placement.ahead.track_functions = session_.state.level != consistency::ReadConsistency::kOff &&
                                    !command_.auxiliary && !command_.several &&
                                    !statement.mentions.diagnostics &&
                                    routing::only_calls(statement, session_.state.lex_mode);
  return placement;
}

// A commit takes as long as it takes, on a semi-synchronous writer as long as its replicas: by the policy the
// statement fails then, where nothing of it can be left behind.
void RunningStatement::check_writer(const WriteAttempt& attempt, Placement& placement) const {
  if (!must_see_all()) return;
  const StatementClass cls = command_.statement->cls;
  placement.ahead.check_writer = !attempt.bound;
  // Locks are held until a commit can be seen: a read that asks for them waits by itself.
  if (cls == StatementClass::kLockingRead && !begins_transaction()) return;
  placement.ahead.settle_timeout = std::max(*session_.listener.read_wait_timeout, milliseconds{1});
  const bool leaves_nothing = cls == StatementClass::kRead || cls == StatementClass::kBegin;
  placement.ahead.must_settle =
      !attempt.bound && leaves_nothing && *session_.listener.on_read_wait_timeout != TimeoutPolicy::kStale;
}

bool RunningStatement::begins_transaction() const {
  const routing::TransactionState& transaction = session_.state.transaction;
  return !transaction.is_open() && (transaction.begin_deferred() || !transaction.autocommit());
}

bool RunningStatement::needs_last_insert_id() const {
  return command_.statement->mentions.last_insert_id || command_.statement->cls == StatementClass::kDml;
}

// Nothing: it is to be tried again.
Awaitable<std::optional<RunOutcome>> RunningStatement::after_unanswered_write(WriteAttempt attempt,
                                                                              BackendConnection& connection,
                                                                              ExchangeResult result,
                                                                              bool begins) {
  const AfterWriteFacts facts{.bound = attempt.bound,
                              .without_schema = without_schema_,
                              .writes = routing::may_write(command_.statement->cls) || reran_,
                              .begins = begins,
                              .sent_again = sent_again_,
                              .is_repetition = is_repetition(),
                              .in_time = Clock::now() < attempt.deadline,
                              .closing = session_.waiter.closing};
  const NextStep next = after_write(result, facts);
  leave(connection, next);
  const bool not_the_writer = result.outcome == ExchangeOutcome::kReadOnlyNode;
  switch (next.what) {
    case NextStep::What::kWithoutSchema:
      without_schema_ = true;
      co_return std::nullopt;
    case NextStep::What::kAgain:
      sent_again_ |= result.command_taken;
      session_.shard.metrics().write_retries.add();
      co_return std::nullopt;
    case NextStep::What::kAwaitWriter:
      session_.shard.metrics().write_retries.add();
      co_await await_change(std::min(attempt.deadline, Clock::now() + kBetweenAttempts));
      co_return std::nullopt;
    case NextStep::What::kLost: {
      if (not_the_writer) {
        const StatementClass cls = command_.statement->cls;
        lost_reason_ = kNotTheWriter;
        result.command_sent = routing::may_commit(*command_.statement) && cls != StatementClass::kCommit &&
                              cls != StatementClass::kBegin;
      } else if (begins) {
        // Only BEGIN and this statement were sent: the transaction is gone with them.
        session_.state.transaction.forget_deferred();
        attempt.was_in_transaction = true;
      }
      const RunOutcome lost = co_await on_writer_lost(result, attempt);
      co_return lost;
    }
    case NextStep::What::kNotInTime: {
      session_.shard.metrics().consistency.read_wait_timed_out(TimeoutPolicy::kError);
      const auto waited = duration_cast<milliseconds>(Clock::now() - start_);
      ClientError error = still_committing(asked_level(), node_name(attempt.node), waited);
      const RunOutcome failed = co_await fail(std::move(error));
      co_return failed;
    }
    case NextStep::What::kRefused:
    case NextStep::What::kNoWriter: {
      ClientError error = next.what == NextStep::What::kRefused ? *result.refusal : nobody_to_write_to();
      const RunOutcome failed = co_await fail(std::move(error));
      co_return failed;
    }
    default:
      co_return RunOutcome{.close = true};
  }
}

ClientError RunningStatement::nobody_to_write_to() const {
  return no_writer(duration_cast<milliseconds>(Clock::now() - start_));
}

Awaitable<RunOutcome> RunningStatement::run_on_writer() {
  WriteAttempt attempt;
  attempt.deadline = start_ + session_.shard.config().forwarding.writer_wait;
  attempt.was_in_transaction = session_.state.transaction.is_on(Target::kWriter);
  attempt.has_user_variables = session_.state.pins.user_variables;
  attempt.bound = bound_to(Target::kWriter);
  attempt.state_lives_there =
      session_.state.pins.whole_session_on(Target::kWriter) || attempt.has_user_variables;
  for (;;) {
    if (session_.waiter.closing) co_return RunOutcome{.close = true};
    if (session_.waiter.query_killed) co_return co_await fail(query_interrupted());
    if (has_lost_writer(attempt)) {
      const ExchangeResult lost{.error = asio::error::connection_reset};
      co_return co_await on_writer_lost(lost, attempt);
    }
    const NodeIndex writer = session_.shard.cluster().view().writer;
    if (writer == kNoNode && !attempt.bound) {
      if (Clock::now() >= attempt.deadline) co_return co_await fail(nobody_to_write_to());
      co_await await_change(attempt.deadline);
      continue;
    }
    attempt.node = attempt.bound ? session_.backends.writer.connection->node : writer;
    lost_node_ = node_name(attempt.node);
    PooledConnection connection = acquire_own(session_, attempt.node, session_.backends.writer, schema_use(),
                                              routing::may_write(command_.statement->cls));
    if (!connection) {
      AcquireResult acquired = co_await acquire_other(attempt.node, session_.backends.writer);
      if (!acquired.connection) {
        const std::optional<RunOutcome> ended = co_await on_not_acquired(attempt, acquired);
        if (ended) co_return *ended;
        continue;
      }
      connection = std::move(acquired.connection);
    }

    if (needs_last_insert_id() && session_.state.last.insert_id->pending) co_await await_last_insert_id();
    // What is written now is this writer's own: only what the session had before may be missing there.
    if (attempt.node == session_.shard.cluster().view().writer) check_token(session_.shard, session_.history);
    const uint64_t token_version_before = session_.history.token().version();
    const Placement placement = place_on_writer(attempt);
    note_rows_counted_elsewhere();
    session_.shard.metrics().nodes[attempt.node].statements.add();
    const ExchangeResult result = co_await run_exchange(session_, *connection, command_, placement);
    if (result.outcome == ExchangeOutcome::kRelayed) {
      const bool settled = placement.ahead.settle_timeout.count() > 0 && !result.still_committing;
      if (placement.ahead.check_writer && settled) session_.history.writer_was_checked();
      after_writer(*connection, result, token_version_before,
                   attempt.was_in_transaction || placement.ahead.begin);
      co_return answered(result);
    }
    const std::optional<RunOutcome> ended =
        co_await after_unanswered_write(attempt, *connection, result, placement.ahead.begin);
    if (ended) co_return *ended;
  }
}

}  // namespace causeway::proxy
