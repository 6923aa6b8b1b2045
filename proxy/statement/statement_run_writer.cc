#include "proxy/statement/statement_run_state.h"

#include <algorithm>
#include <charconv>
#include <string>
#include <utility>

#include "protocol/command.h"
#include "protocol/protocol_error.h"
#include "proxy/backend/one_row.h"
#include "proxy/session/session_token.h"
#include "routing/statement_effects.h"

namespace causeway::proxy {

using routing::StatementClass;
using routing::Target;
using std::chrono::duration_cast;
using std::chrono::microseconds;
using std::chrono::milliseconds;

namespace {

constexpr const char* kNotTheWriter = "it is not the writer any more";

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

Awaitable<RunOutcome> RunningStatement::on_writer_lost(const ExchangeResult& result, bool was_in_transaction,
                                                       bool state_lived_there) {
  const std::string reason = !lost_reason_.empty()       ? lost_reason_
                             : session_.waiter.timed_out ? "timeout"
                                                         : result.error.message();
  const bool writes = was_in_transaction || routing::may_write(command_.statement->cls) || reran_;
  const bool sent = result.command_sent && !command_.auxiliary && writes;
  const bool nothing_committed =
      was_in_transaction && session_.state.transaction.is_certainly_uncommitted(*command_.statement, sent);
  const bool may_have_committed = (sent || was_in_transaction) && !nothing_committed;
  session_.state.transaction.lost(Target::kWriter);
  if (result.error == asio::error::operation_aborted)
    session_.shard.metrics().forwarding.errors_rpc_timeout.add();
  session_.state.prepared.lose_cursors(Target::kWriter);
  if (may_have_committed) session_.history.wrote_somewhere();
  if (result.client_has_bytes) co_return RunOutcome{.close = true};
  ClientError error = connection_to_node_lost(lost_node_, reason);
  if (nothing_committed) {
    error = transaction_lost(lost_node_, reason);
  } else if (may_have_committed) {
    error = outcome_unknown(lost_node_, reason);
  }
  RunOutcome outcome = co_await fail(error);
  // What lived in the connection (temporary tables, locks, user variables) is gone; a server would have
  // closed the connection too.
  if (state_lived_there) outcome.close = true;
  co_return outcome;
}

// What was not sent; and a read that the server had closed to before, or that was answered before, once more:
// any other one may be what the connection was killed for, or what the server died of.
bool RunningStatement::may_run_again(const ExchangeResult& result) {
  if (!result.command_sent) return true;
  if (routing::may_write(command_.statement->cls) || reran_) return false;
  if (!result.command_taken) return true;
  const bool first = !sent_again_;
  sent_again_ = true;
  return first && is_repetition();
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
  BackendConnection* const connection = pool.take_own(session_.backends.writer);
  if (connection == nullptr) co_return;
  protocol::Buffer out;
  protocol::append_command(out, protocol::Command::kQuery, "SELECT LAST_INSERT_ID() LIMIT 1",
                           connection->capabilities);
  ErrorCode error;
  OneRow answer;
  {
    const DeadlineScope scope(session_.waiter, Clock::now() + kAnswerTimeout);
    const InFlightScope in_flight(session_.backends, *connection);
    co_await connection->stream.write_all(out, {}, error);
    answer = co_await read_one_row(*connection, 1);
  }
  if (!answer.failure.empty() || answer.values.empty()) {
    pool.close(*connection);
    co_return;
  }
  const std::string& value = answer.values.front();
  std::from_chars(value.data(), value.data() + value.size(), id.value);
  id.certain = true;
  pool.put_back(*connection);
}

// A writer that was demoted a moment ago lacks what the new one has committed since. A read at SESSION misses
// only what it could have seen elsewhere: on a replica that was asked before, or in a position it was handed.
bool RunningStatement::must_see_all() const {
  const StatementClass cls = command_.statement->cls;
  const bool reads = cls == StatementClass::kRead || cls == StatementClass::kLockingRead ||
                     cls == StatementClass::kWriterRead || cls == StatementClass::kBegin;
  if (!reads || command_.auxiliary || session_.state.transaction.is_open()) return false;
  // The check would be the last statement then.
  if (command_.statement->mentions.diagnostics && !command_.statement->mentions.from) return false;
  const std::string_view hint = command_.statement->hints.consistency;
  const auto hinted = hint.empty() ? std::nullopt : consistency::parse_read_consistency(hint);
  const consistency::ReadConsistency level = hinted.value_or(session_.state.level);
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

Awaitable<RunOutcome> RunningStatement::run_on_writer() {
  const Clock::time_point deadline = start_ + session_.shard.config().forwarding.writer_wait;
  const bool was_in_transaction = session_.state.transaction.is_on(Target::kWriter);
  const bool has_user_variables = session_.state.pins.user_variables;
  const bool was_bound = bound_to(Target::kWriter);
  const bool state_lives_there = session_.state.pins.whole_session_on(Target::kWriter) || has_user_variables;
  for (;;) {
    if (session_.waiter.closing) co_return RunOutcome{.close = true};
    if (session_.waiter.query_killed) {
      const ClientError error = query_interrupted();
      co_return co_await fail(error);
    }
    const int writer = session_.shard.cluster().view().writer;
    const bool lease_lost = !session_.backends.writer;
    // Once another server is the writer, what the session has on the former one is as good as gone.
    const bool elsewhere =
        !lease_lost && !session_.shard.cluster().is_to_writer(*session_.backends.writer.connection);
    if ((lease_lost || elsewhere) && (was_bound || has_user_variables)) {
      const ExchangeResult lost{.error = asio::error::connection_reset};
      if (elsewhere) leave_former_writer(session_);
      const size_t former = std::exchange(session_.backends.former_writer, kNoNode);
      if (former != kNoNode) {
        lost_node_ = node_name(former);
        lost_reason_ = kNotTheWriter;
      }
      if (writer >= 0 && lost_node_.empty()) lost_node_ = node_name(static_cast<size_t>(writer));
      co_return co_await on_writer_lost(lost, was_in_transaction, state_lives_there);
    }
    const bool bound = was_bound;
    if (writer < 0 && !bound) {
      if (Clock::now() >= deadline) {
        const ClientError error = no_writer(duration_cast<milliseconds>(Clock::now() - start_));
        co_return co_await fail(error);
      }
      const DeadlineScope scope(session_.waiter, deadline);
      co_await session_.shard.wait_for_change(session_.waiter);
      continue;
    }
    const size_t node = bound ? session_.backends.writer.connection->node : static_cast<size_t>(writer);
    lost_node_ = node_name(node);
    AcquireResult acquired;
    acquired.connection = acquire_own(session_, node, session_.backends.writer, schema_use(),
                                      routing::may_write(command_.statement->cls));
    if (acquired.connection == nullptr) {
      const Clock::time_point queue_deadline =
          Clock::now() + session_.shard.config().forwarding.writer_queue_timeout;
      acquired = co_await acquire(session_, node, session_.backends.writer, schema_use(), queue_deadline);
    }
    switch (acquired.failure) {
      case AcquireResult::Failure::kNone:
        break;
      case AcquireResult::Failure::kRefused:
        co_return co_await fail(*acquired.refusal);
      case AcquireResult::Failure::kFull:
        if (session_.waiter.query_killed) continue;
        session_.shard.metrics().forwarding.errors_session_limit.add();
        co_return co_await fail(writer_full());
      case AcquireResult::Failure::kStateLost: {
        const ExchangeResult lost{.error = asio::error::connection_reset};
        co_return co_await on_writer_lost(lost, was_in_transaction, state_lives_there);
      }
      case AcquireResult::Failure::kNodeDown: {
        session_.shard.suspect(node);
        if (Clock::now() >= deadline) {
          const ClientError error = node_unreachable(node_name(node), acquired.reason);
          co_return co_await fail(error);
        }
        const DeadlineScope scope(session_.waiter, std::min(deadline, Clock::now() + milliseconds{200}));
        co_await session_.shard.wait_for_change(session_.waiter);
        continue;
      }
    }

    const bool needs_last_insert_id =
        command_.statement->mentions.last_insert_id || command_.statement->cls == StatementClass::kDml;
    if (needs_last_insert_id && session_.state.last.insert_id->pending) co_await await_last_insert_id();
    BackendConnection& connection = *acquired.connection;
    // What is written now is this writer's own: only what the session had before may be missing there.
    if (static_cast<int>(node) == session_.shard.cluster().view().writer) check_token(session_);
    const uint64_t token_version_before = session_.history.token().version();
    Placement placement = place();
    placement.ahead.tell_last_insert_id = needs_last_insert_id;
    // A server that has just become read-only has refused the statement, so the new writer may have it. A
    // transaction cannot be taken along.
    const bool in_transaction = session_.state.transaction.is_on(Target::kWriter);
    placement.held.read_only = in_transaction || (!bound && Clock::now() < deadline);
    placement.ahead.check_writer = !bound && must_see_all();
    placement.goes_without_schema = true;
    placement.ahead.track_functions = session_.state.level != consistency::ReadConsistency::kOff &&
                                      !command_.auxiliary && !command_.several &&
                                      !command_.statement->mentions.diagnostics &&
                                      routing::only_calls(*command_.statement, session_.state.lex_mode);
    note_rows_counted_elsewhere();
    session_.shard.metrics().nodes[node].statements.add();
    const bool begins = placement.ahead.begin;
    const ExchangeResult result = co_await run_exchange(session_, connection, command_, placement);
    switch (result.outcome) {
      case ExchangeOutcome::kRelayed:
        if (placement.ahead.check_writer) session_.history.writer_was_checked();
        after_writer(connection, result, token_version_before, was_in_transaction || begins);
        co_return answered(result);
      case ExchangeOutcome::kClientLost:
        abort_lost_statement(connection);
        session_.shard.pool(node).close(connection);
        co_return RunOutcome{.close = true};
      case ExchangeOutcome::kStateRefused:
        session_.shard.pool(node).close(connection);
        if (result.schema_refused && !bound && !without_schema_) {
          without_schema_ = true;
          continue;
        }
        co_return co_await fail(*result.refusal);
      case ExchangeOutcome::kReadOnlyNode: {
        session_.shard.pool(node).close(connection);
        session_.shard.suspect(node);
        if (bound) {
          lost_reason_ = kNotTheWriter;
          ExchangeResult refused = result;
          const StatementClass cls = command_.statement->cls;
          refused.command_sent = routing::may_commit(*command_.statement) && cls != StatementClass::kCommit &&
                                 cls != StatementClass::kBegin;
          co_return co_await on_writer_lost(refused, was_in_transaction, state_lives_there);
        }
        if (Clock::now() >= deadline) {
          const ClientError error = no_writer(duration_cast<milliseconds>(Clock::now() - start_));
          co_return co_await fail(error);
        }
        session_.shard.metrics().write_retries.add();
        const DeadlineScope scope(session_.waiter, std::min(deadline, Clock::now() + milliseconds{200}));
        co_await session_.shard.wait_for_change(session_.waiter);
        continue;
      }
      case ExchangeOutcome::kWaitFailed:
      case ExchangeOutcome::kUnknownThere:
      case ExchangeOutcome::kShuttingDown:
        break;
      case ExchangeOutcome::kServerLost:
        if (session_.waiter.closing) {
          abort_lost_statement(connection);
          session_.shard.pool(node).close(connection);
          co_return RunOutcome{.close = true};
        }
        session_.shard.pool(node).close(connection);
        session_.shard.suspect(node);
        if (!bound && !result.client_has_bytes && may_run_again(result) && !begins &&
            result.error != make_error_code(protocol::ProtocolError::kUnexpectedPacket) &&
            Clock::now() < deadline) {
          session_.shard.metrics().write_retries.add();
          continue;
        }
        if (begins) {
          // Only BEGIN and this statement were sent: the transaction is gone with them.
          session_.state.transaction.forget_deferred();
        }
        co_return co_await on_writer_lost(result, was_in_transaction || begins, state_lives_there);
    }
    session_.shard.pool(node).close(connection);
    co_return RunOutcome{.close = true};
  }
}

}  // namespace causeway::proxy
