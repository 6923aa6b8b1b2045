#include "proxy/statement_run.h"

#include <chrono>
#include <string>
#include <utility>

#include "consistency/read_plan.h"
#include "protocol/packet_header.h"
#include "proxy/lease.h"
#include "proxy/local_answers.h"
#include "proxy/session_tracking.h"
#include "proxy/worker.h"

namespace causeway::proxy {
namespace {

using consistency::AfterWait;
using consistency::Position;
using consistency::ReadAction;
using consistency::ReadConsistency;
using consistency::ReadPlan;
using consistency::TimeoutPolicy;
using routing::StatementClass;
using routing::Target;
using std::chrono::duration_cast;
using std::chrono::microseconds;
using std::chrono::milliseconds;

// How often a read is tried on replicas before it goes to the writer.
constexpr int kMaxReplicaAttempts = 3;

// A wait that the server does not end in time is given this much longer before the replica counts as hanging.
constexpr milliseconds kWaitGrace{1000};

TimeoutPolicy timeout_policy(OnReadWaitTimeout setting) {
  switch (setting) {
    case OnReadWaitTimeout::kWriter:
      return TimeoutPolicy::kWriter;
    case OnReadWaitTimeout::kError:
      return TimeoutPolicy::kError;
    case OnReadWaitTimeout::kStale:
      return TimeoutPolicy::kStale;
  }
  return TimeoutPolicy::kWriter;
}

bool is_write(StatementClass cls) {
  switch (cls) {
    case StatementClass::kEmpty:
    case StatementClass::kRead:
    case StatementClass::kLockingRead:
    case StatementClass::kWriterRead:
    case StatementClass::kDiagnostics:
    case StatementClass::kSet:
    case StatementClass::kUse:
    case StatementClass::kBegin:
      return false;
    default:
      return true;
  }
}

// The state of one run; its member functions are the ways it can go.
class Run {
 public:
  Run(ClientSession& session, const StatementRun& run)
      : session_(session),
        worker_(session.worker),
        run_(run),
        start_(Clock::now()),
        pins_before_(session.pins) {}

  Awaitable<RunOutcome> run();

 private:
  Awaitable<RunOutcome> run_on_replica();
  Awaitable<RunOutcome> run_on_writer();
  Awaitable<RunOutcome> fall_back_to_writer();
  Awaitable<RunOutcome> fail(ClientError error);
  Awaitable<void> await_last_insert_id();
  Awaitable<RunOutcome> on_writer_lost(const ExchangeResult& result, bool was_in_transaction,
                                       bool state_lived_there);

  // The plan for a read on a replica; the second one after kProbeThenDecide.
  consistency::ReadRequest read_request(size_t node);
  Awaitable<ReadPlan> plan_after_probe(size_t node);
  void check_token();

  size_t choose_replica();
  ReadConsistency level() const;
  milliseconds time_left(milliseconds limit) const;
  std::string node_name(size_t node) { return worker_.view().nodes[node].name; }
  RunOutcome answered(const ExchangeResult& result) const {
    return {.close = false, .is_error = result.is_error, .next_sequence_id = result.next_sequence_id};
  }

  void after_replica(BackendConnection& connection, const ExchangeResult& result, const ReadPlan& plan);
  void after_writer(BackendConnection& connection, const ExchangeResult& result,
                    uint64_t token_version_before, bool was_in_transaction);
  void after_either(BackendConnection& connection, const ExchangeResult& result, Target target);
  void update_pins(const ExchangeResult& result, Target target);
  void track_write(const ExchangeResult& result, uint64_t token_version_before, bool was_in_transaction);

  ClientSession& session_;
  Worker& worker_;
  const StatementRun& run_;
  Clock::time_point start_;
  Pins pins_before_;
  std::optional<Position> probed_;
  std::optional<GlobalProbe::ReadUnderWay> probing_;
  size_t failed_replica_ = kNoNode;
  std::string lost_node_;            // the writer that went away, for the client's error
  bool reran_ = false;               // a replica has refused it: what looked like a read was none
  bool ignore_consistency_ = false;  // the `stale` policy decided
};

ReadConsistency Run::level() const {
  if (!run_.decision.wait || ignore_consistency_) return ReadConsistency::kEventual;
  if (session_.level == ReadConsistency::kOff) return ReadConsistency::kOff;
  const std::string_view hint = run_.statement->hints.consistency;
  if (hint.empty()) return session_.level;
  return consistency::parse_read_consistency(hint).value_or(session_.level);
}

milliseconds Run::time_left(milliseconds limit) const {
  const auto spent = duration_cast<milliseconds>(Clock::now() - start_);
  return spent >= limit ? milliseconds{0} : limit - spent;
}

Awaitable<RunOutcome> Run::fail(ClientError error) {
  const auto sequence_id = static_cast<uint8_t>(protocol::count_packets(run_.request) + run_.sequence_offset);
  const bool sent = co_await answer_error(session_, sequence_id, error);
  co_return RunOutcome{
      .close = !sent, .is_error = true, .next_sequence_id = static_cast<uint8_t>(sequence_id + 1)};
}

Awaitable<RunOutcome> Run::run() {
  worker_.metrics().count(
      run_.decision.target == Target::kWriter ? StatementTarget::kWriter : StatementTarget::kReplica,
      statement_kind(run_.statement->cls));
  if (run_.decision.target == Target::kWriter) return run_on_writer();
  return run_on_replica();
}

// The session stays where it is while it can.
size_t Run::choose_replica() {
  const std::optional<milliseconds> max_lag =
      run_.statement->hints.max_lag ? run_.statement->hints.max_lag : worker_.config().routing.max_lag;
  const size_t current = session_.replica_node;
  if (current != kNoNode && current != failed_replica_ && worker_.replica_usable(current, max_lag))
    return current;
  const size_t chosen = worker_.pick_replica(max_lag, failed_replica_);
  if (chosen == kNoNode) return kNoNode;
  if (current != kNoNode && current != chosen) {
    session_.saw_newer = true;
    session_.token_satisfied_version = ~uint64_t{0};
  }
  session_.replica_node = chosen;
  return chosen;
}

// After a failover a position that the new writer does not have would never arrive; and a token must stay
// short.
void Run::check_token() {
  const ClusterView& view = worker_.view();
  const NodeView* writer = view.writer_node();
  if (writer == nullptr) return;
  if (session_.writer_epoch != view.writer_epoch) {
    if (session_.writer_epoch != 0 && session_.token.drop_if_not_in(writer->executed)) {
      worker_.metrics().tokens_dropped.add();
      worker_.logger().warning("a position was dropped: the new writer does not have it",
                               {{"writer", writer->name}});
    }
    session_.writer_epoch = view.writer_epoch;
  }
  if (session_.token.needs_collapse()) session_.token.collapse(writer->executed);
}

consistency::ReadRequest Run::read_request(size_t node) {
  consistency::ReadRequest request;
  request.level = level();
  request.token = &session_.token;
  request.probed_target = probed_ ? &*probed_ : nullptr;
  request.replica_executed = &worker_.known_position(node);
  request.token_known_there = session_.token_satisfied_version == session_.token.version();
  request.can_wait = consistency::can_wait(worker_.view().position_kind, worker_.wait_dialect(node));
  request.monotonic_break = session_.saw_newer;
  request.timeout = time_left(*session_.listener.read_wait_timeout);
  request.policy = timeout_policy(*session_.listener.on_read_wait_timeout);
  return request;
}

Awaitable<ReadPlan> Run::plan_after_probe(size_t node) {
  probing_.emplace(worker_.probe());
  {
    const DeadlineScope scope(session_, start_ + *session_.listener.read_wait_timeout);
    probed_ = co_await worker_.probe().position(session_);
  }
  if (probed_) {
    session_.token.resolve(*probed_);
    co_return consistency::plan_read(read_request(node));
  }
  // While there is no writer nothing new is committed: what it was last known to have is as good as can be
  // had, and a session that knows its own writes goes on reading.
  const Position* last_known = worker_.last_known_writer_position();
  if (level() == ReadConsistency::kSession && !session_.token.unknown() && last_known != nullptr) {
    probed_ = session_.token.position();
    if (probed_->empty()) probed_ = *last_known;
    if (probed_->merge(*last_known)) co_return consistency::plan_read(read_request(node));
    probed_.reset();
  }
  // Without the writer's word nothing can be promised: as if the time were up.
  ReadPlan plan;
  plan.reason = consistency::ReadReason::kNoTimeToWait;
  switch (timeout_policy(*session_.listener.on_read_wait_timeout)) {
    case TimeoutPolicy::kWriter:
      plan.action = ReadAction::kWriter;
      break;
    case TimeoutPolicy::kError:
      plan.action = ReadAction::kError;
      break;
    case TimeoutPolicy::kStale:
      ignore_consistency_ = true;
      plan.action = ReadAction::kGo;
      break;
  }
  co_return plan;
}

void Run::update_pins(const ExchangeResult& result, Target target) {
  if (result.is_error) return;
  const routing::Statement& statement = *run_.statement;
  Pins& pins = session_.pins;
  const Pins before = pins_before_;
  switch (statement.cls) {
    case StatementClass::kCreateTemporary:
      pins.temporary_table = true;
      break;
    case StatementClass::kLockTables:
      pins.table_lock = true;
      break;
    case StatementClass::kUnlockTables:
      pins.table_lock = false;
      break;
    case StatementClass::kPrepare:
      pins.prepared_text = true;
      break;
    default:
      break;
  }
  if (statement.takes_user_lock) pins.user_lock = true;
  if (statement.assigns_user_variables && target == Target::kWriter) pins.user_variables = true;
  worker_.count_pins(before, pins);
}

void Run::after_either(BackendConnection& connection, const ExchangeResult& result, Target target) {
  session_.last_target = target;
  if (!session_.initial_sql_mode_known) {
    session_.initial_sql_mode_known = true;
    const std::string& mode = connection.baseline.sql_mode;
    if (session_.variables.find("sql_mode") == nullptr) {
      session_.lex_mode.ansi_quotes = mode.find("ANSI_QUOTES") != std::string::npos;
      session_.lex_mode.no_backslash_escapes = mode.find("NO_BACKSLASH_ESCAPES") != std::string::npos;
    }
  }
  session_.autocommit = (connection.status & protocol::status::kAutocommit) != 0;
  const bool in_transaction = (connection.status & protocol::status::kInTransaction) != 0;
  if (in_transaction) {
    session_.transaction = target;
  } else if (session_.transaction == target) {
    session_.transaction = Target::kNone;
  }
  if (session_.deferred.begin) {
    // It went ahead of this statement. After COMMIT AND CHAIN and the like the servers' flags say what is.
    session_.deferred.begin = false;
    session_.deferred.begin_sql.clear();
  }
  if (session_.deferred.sets_transaction()) {
    session_.deferred.set_isolation.clear();
    session_.deferred.set_access_mode.clear();
    session_.deferred.next_read_only = false;
  }
  if (!result.is_error) apply_unreported_state(session_, connection, *run_.statement);
  update_pins(result, target);
  const bool state_lives_there = session_.transaction == target || session_.last_warnings > 0 ||
                                 (target == Target::kWriter && session_.pins.user_variables) ||
                                 session_.pins.whole_session();
  connection.keep = state_lives_there;
  worker_.pool(connection.node).put_back(connection);
}

void Run::after_replica(BackendConnection& connection, const ExchangeResult& result, const ReadPlan& plan) {
  if (plan.action == ReadAction::kWait) {
    const auto waited = duration_cast<microseconds>(Clock::now() - start_);
    worker_.metrics().read_waits.add(waited);
    if (plan.target != nullptr) worker_.learned_position(connection.node, *plan.target);
  } else if (level() == ReadConsistency::kSession || level() == ReadConsistency::kGlobal) {
    worker_.metrics().reads_without_wait.add();
  }
  // A plan that went by the probe covers the token; one that went by the token alone is the token itself.
  const bool consistent = level() == ReadConsistency::kSession || level() == ReadConsistency::kGlobal;
  if (consistent && (probed_ || level() == ReadConsistency::kSession)) {
    session_.token_satisfied_version = session_.token.version();
    if (probed_) session_.saw_newer = false;
  }
  after_either(connection, result, Target::kReplica);
}

Awaitable<RunOutcome> Run::run_on_replica() {
  const bool in_transaction = session_.transaction == Target::kReplica;
  for (int attempt = 0; attempt < kMaxReplicaAttempts; ++attempt) {
    if (session_.closing) co_return RunOutcome{.close = true};
    const bool bound =
        in_transaction || (session_.level == ReadConsistency::kOff && session_.pins.whole_session());
    const size_t node = bound ? session_.replica_node : choose_replica();
    if (node == kNoNode) break;

    check_token();
    ReadPlan read_plan = consistency::plan_read(read_request(node));
    if (read_plan.action == ReadAction::kProbeThenDecide) read_plan = co_await plan_after_probe(node);
    if (read_plan.action == ReadAction::kWriter) {
      worker_.metrics().read_wait_timed_out(OnReadWaitTimeout::kWriter);
      worker_.logger().debug("a read goes to the writer",
                             {{"node", node_name(node)}, {"reason", to_string(read_plan.reason)}});
      co_return co_await fall_back_to_writer();
    }
    if (read_plan.action == ReadAction::kError) {
      worker_.metrics().read_wait_timed_out(OnReadWaitTimeout::kError);
      const ClientError error =
          read_wait_timeout(level(), node_name(node), duration_cast<milliseconds>(Clock::now() - start_));
      co_return co_await fail(error);
    }

    AcquireResult acquired;
    acquired.connection = acquire_own(session_, node, session_.replica, false);
    if (acquired.connection == nullptr) {
      const Clock::time_point deadline = Clock::now() + worker_.config().forwarding.writer_queue_timeout;
      acquired = co_await acquire(session_, node, session_.replica, deadline);
    }
    if (acquired.connection == nullptr) {
      if (acquired.failure == AcquireResult::Failure::kRefused && !bound) {
        co_return co_await fail(*acquired.refusal);
      }
      if (bound) {
        session_.transaction = Target::kNone;
        const ClientError error = transaction_lost(node_name(node), acquired.reason);
        co_return co_await fail(error);
      }
      if (acquired.failure == AcquireResult::Failure::kNodeDown) worker_.suspect(node);
      failed_replica_ = node;
      continue;
    }

    BackendConnection& connection = *acquired.connection;
    Exchange exchange;
    exchange.request = run_.request;
    exchange.kind = run_.kind;
    exchange.statement = run_.statement;
    exchange.extra_rows = run_.extra_rows;
    exchange.sequence_offset = run_.sequence_offset;
    exchange.more_results_follow = run_.more_results_follow;
    exchange.add_status = run_.add_status;
    exchange.begin = session_.deferred.begin;
    exchange.set_transaction = session_.deferred.sets_transaction();
    exchange.hold_read_only_error = run_.decision.may_rerun_on_writer;
    exchange.hold_unknown_schema =
        run_.statement->cls == StatementClass::kUse && session_.level != ReadConsistency::kOff;
    if (read_plan.action == ReadAction::kWait && !in_transaction) {
      exchange.wait_for = read_plan.target;
      exchange.wait_timeout = read_plan.timeout;
    }
    worker_.node_metrics(node).statements.add();
    ExchangeResult result;
    if (exchange.wait_for == nullptr) {
      result = co_await run_exchange(session_, connection, exchange);
    } else {
      const DeadlineScope scope(session_, Clock::now() + read_plan.timeout + kWaitGrace);
      result = co_await run_exchange(session_, connection, exchange);
    }

    switch (result.outcome) {
      case ExchangeOutcome::kRelayed:
        after_replica(connection, result, read_plan);
        co_return answered(result);
      case ExchangeOutcome::kClientLost:
        worker_.abort_statement(connection);
        worker_.pool(node).close(connection);
        co_return RunOutcome{.close = true};
      case ExchangeOutcome::kReadOnlyNode:
      case ExchangeOutcome::kUnknownSchema:
        reran_ = true;
        worker_.pool(node).put_back(connection);
        co_return co_await fall_back_to_writer();
      case ExchangeOutcome::kStateRefused: {
        worker_.pool(node).close(connection);
        co_return co_await fail(*result.refusal);
      }
      case ExchangeOutcome::kWaitFailed: {
        // What went with it may have begun a transaction there.
        if (exchange.begin) {
          worker_.pool(node).close(connection);
        } else {
          worker_.pool(node).put_back(connection);
        }
        worker_.metrics().read_waits.add(duration_cast<microseconds>(Clock::now() - start_));
        worker_.metrics().read_wait_timed_out(*session_.listener.on_read_wait_timeout);
        const auto after = consistency::after_wait(result.wait_verdict,
                                                   timeout_policy(*session_.listener.on_read_wait_timeout));
        if (after == AfterWait::kError) {
          const ClientError error =
              read_wait_timeout(level(), node_name(node), duration_cast<milliseconds>(Clock::now() - start_));
          co_return co_await fail(error);
        }
        if (after == AfterWait::kRunOnWriter) co_return co_await fall_back_to_writer();
        ignore_consistency_ = true;
        continue;
      }
      case ExchangeOutcome::kServerLost: {
        if (session_.closing) {
          worker_.abort_statement(connection);
          worker_.pool(node).close(connection);
          co_return RunOutcome{.close = true};
        }
        const std::string reason = session_.timed_out ? "timeout" : result.error.message();
        worker_.pool(node).close(connection);
        worker_.suspect(node);
        if (result.client_has_bytes) co_return RunOutcome{.close = true};
        if (bound) {
          session_.transaction = Target::kNone;
          const ClientError error = transaction_lost(node_name(node), reason);
          co_return co_await fail(error);
        }
        worker_.metrics().read_retries.add();
        failed_replica_ = node;
        continue;
      }
    }
  }
  if (session_.level == ReadConsistency::kOff) co_return co_await fail(no_replica());
  co_return co_await fall_back_to_writer();
}

Awaitable<RunOutcome> Run::fall_back_to_writer() {
  if (worker_.config().routing.reads_on_writer == ReadsOnWriter::kNever &&
      run_.statement->cls == StatementClass::kRead && !run_.decision.may_rerun_on_writer) {
    return fail(no_replica());
  }
  return run_on_writer();
}

void Run::track_write(const ExchangeResult& result, uint64_t token_version_before, bool was_in_transaction) {
  if (session_.transaction == Target::kWriter) return;  // nothing is committed yet
  const StatementClass cls = run_.statement->cls;
  const bool wrote = is_write(cls) || was_in_transaction || cls == StatementClass::kWriterRead || reran_;
  if (!wrote) return;
  const bool has_position = session_.token.version() != token_version_before;
  const bool without_gtids = worker_.view().position_kind == consistency::PositionKind::kBinlogCoordinates;
  // With GTIDs a write without one has written nothing to the binary log. An error tells nothing: part of the
  // statement may have been committed. And rows that end with an EOF packet leave no room to tell it.
  if (!has_position && (without_gtids || result.is_error || result.without_trackers)) {
    session_.token.set_unknown();
    worker_.metrics().unknown_tokens.add();
  }
}

void Run::after_writer(BackendConnection& connection, const ExchangeResult& result,
                       uint64_t token_version_before, bool was_in_transaction) {
  const StatementClass cls = run_.statement->cls;
  const auto duration = duration_cast<microseconds>(Clock::now() - start_);
  if (is_write(cls)) {
    worker_.metrics().forwarded_dml.add(duration);
  } else {
    worker_.metrics().forwarded_select.add(duration);
  }
  if (!session_.counted_on_writer) worker_.metrics().writer_sessions.add();
  session_.counted_on_writer = true;
  after_either(connection, result, Target::kWriter);
  track_write(result, token_version_before, was_in_transaction);
  // It may have seen what its replica has not got yet.
  if (!is_write(cls) || was_in_transaction) session_.saw_newer = true;
}

Awaitable<RunOutcome> Run::on_writer_lost(const ExchangeResult& result, bool was_in_transaction,
                                          bool state_lived_there) {
  const std::string reason = session_.timed_out ? "timeout" : result.error.message();
  const StatementClass cls = run_.statement->cls;
  session_.transaction = Target::kNone;
  if (result.error == asio::error::operation_aborted) worker_.metrics().errors_rpc_timeout.add();
  // A transaction that ends with its connection has committed nothing.
  if (!was_in_transaction || cls == StatementClass::kCommit || cls == StatementClass::kDdl)
    session_.token.set_unknown();
  if (result.client_has_bytes) co_return RunOutcome{.close = true};
  RunOutcome outcome;
  if (was_in_transaction && cls != StatementClass::kCommit) {
    const ClientError error = transaction_lost(lost_node_, reason);
    outcome = co_await fail(error);
  } else {
    const ClientError error = outcome_unknown(lost_node_, reason);
    outcome = co_await fail(error);
  }
  // What lived in the connection (temporary tables, locks, user variables) is gone; a server would have
  // closed the connection too.
  if (state_lived_there) outcome.close = true;
  co_return outcome;
}

// Whoever took over the session's former connection asks it first: that takes a round trip.
Awaitable<void> Run::await_last_insert_id() {
  const Clock::time_point deadline = Clock::now() + worker_.config().forwarding.writer_queue_timeout;
  while (session_.last_insert_id->pending && !session_.closing && Clock::now() < deadline) {
    const DeadlineScope scope(session_, Clock::now());
    co_await worker_.wait_for_change(session_);
  }
}

Awaitable<RunOutcome> Run::run_on_writer() {
  const Clock::time_point deadline = start_ + worker_.config().forwarding.writer_wait;
  const bool was_in_transaction = session_.transaction == Target::kWriter;
  const bool state_lives_there = session_.pins.whole_session() || session_.pins.user_variables;
  for (;;) {
    if (session_.closing) co_return RunOutcome{.close = true};
    const int writer = worker_.view().writer;
    if ((was_in_transaction || state_lives_there) && !session_.writer) {
      const ExchangeResult lost{.error = asio::error::connection_reset};
      if (was_in_transaction || session_.pins.whole_session()) {
        co_return co_await on_writer_lost(lost, was_in_transaction, state_lives_there);
      }
    }
    const bool bound = was_in_transaction || session_.pins.whole_session();
    if (writer < 0 && !bound) {
      if (Clock::now() >= deadline) {
        const ClientError error = no_writer(duration_cast<milliseconds>(Clock::now() - start_));
        co_return co_await fail(error);
      }
      const DeadlineScope scope(session_, deadline);
      co_await worker_.wait_for_change(session_);
      continue;
    }
    const size_t node = bound ? session_.writer.connection->node : static_cast<size_t>(writer);
    lost_node_ = node_name(node);
    AcquireResult acquired;
    acquired.connection = acquire_own(session_, node, session_.writer, is_write(run_.statement->cls));
    if (acquired.connection == nullptr) {
      const Clock::time_point queue_deadline =
          Clock::now() + worker_.config().forwarding.writer_queue_timeout;
      acquired = co_await acquire(session_, node, session_.writer, queue_deadline);
    }
    switch (acquired.failure) {
      case AcquireResult::Failure::kNone:
        break;
      case AcquireResult::Failure::kRefused:
        co_return co_await fail(*acquired.refusal);
      case AcquireResult::Failure::kFull:
        worker_.metrics().errors_session_limit.add();
        co_return co_await fail(writer_full());
      case AcquireResult::Failure::kStateLost: {
        const ExchangeResult lost{.error = asio::error::connection_reset};
        co_return co_await on_writer_lost(lost, was_in_transaction, state_lives_there);
      }
      case AcquireResult::Failure::kNodeDown: {
        worker_.suspect(node);
        if (Clock::now() >= deadline) {
          const ClientError error = node_unreachable(node_name(node), acquired.reason);
          co_return co_await fail(error);
        }
        const DeadlineScope scope(session_, std::min(deadline, Clock::now() + milliseconds{200}));
        co_await worker_.wait_for_change(session_);
        continue;
      }
    }

    const bool needs_last_insert_id =
        run_.statement->uses_last_insert_id || run_.statement->cls == StatementClass::kDml;
    if (needs_last_insert_id && session_.last_insert_id->pending) co_await await_last_insert_id();
    BackendConnection& connection = *acquired.connection;
    const uint64_t token_version_before = session_.token.version();
    Exchange exchange;
    exchange.request = run_.request;
    exchange.kind = run_.kind;
    exchange.statement = run_.statement;
    exchange.extra_rows = run_.extra_rows;
    exchange.sequence_offset = run_.sequence_offset;
    exchange.more_results_follow = run_.more_results_follow;
    exchange.add_status = run_.add_status;
    exchange.begin = session_.deferred.begin;
    exchange.set_transaction = session_.deferred.sets_transaction();
    exchange.tell_last_insert_id = needs_last_insert_id;
    // A server that has just become read-only has refused the statement, so the new writer may have it.
    // The session's own READ ONLY is its own affair.
    const bool own_read_only = session_.deferred.next_read_only || session_.transaction_read_only;
    exchange.hold_read_only_error = !bound && !own_read_only && Clock::now() < deadline;
    worker_.node_metrics(node).statements.add();
    const bool begins = exchange.begin;
    const ExchangeResult result = co_await run_exchange(session_, connection, exchange);
    switch (result.outcome) {
      case ExchangeOutcome::kRelayed:
        after_writer(connection, result, token_version_before, was_in_transaction || begins);
        co_return answered(result);
      case ExchangeOutcome::kClientLost:
        worker_.abort_statement(connection);
        worker_.pool(node).close(connection);
        co_return RunOutcome{.close = true};
      case ExchangeOutcome::kStateRefused:
        worker_.pool(node).close(connection);
        co_return co_await fail(*result.refusal);
      case ExchangeOutcome::kReadOnlyNode: {
        worker_.pool(node).close(connection);
        worker_.suspect(node);
        worker_.metrics().write_retries.add();
        const DeadlineScope scope(session_, std::min(deadline, Clock::now() + milliseconds{200}));
        co_await worker_.wait_for_change(session_);
        continue;
      }
      case ExchangeOutcome::kWaitFailed:
      case ExchangeOutcome::kUnknownSchema:
        break;
      case ExchangeOutcome::kServerLost:
        if (session_.closing) {
          worker_.abort_statement(connection);
          worker_.pool(node).close(connection);
          co_return RunOutcome{.close = true};
        }
        worker_.pool(node).close(connection);
        worker_.suspect(node);
        if (!bound && !result.client_has_bytes && (!result.command_sent || !is_write(run_.statement->cls)) &&
            !begins && Clock::now() < deadline) {
          worker_.metrics().write_retries.add();
          continue;
        }
        if (begins) {
          // Only BEGIN and this statement were sent: the transaction is gone with them.
          session_.deferred.begin = false;
          session_.deferred.begin_sql.clear();
        }
        co_return co_await on_writer_lost(result, was_in_transaction || begins, state_lives_there);
    }
    worker_.pool(node).close(connection);
    co_return RunOutcome{.close = true};
  }
}

}  // namespace

routing::SessionView session_view(const ClientSession& session) {
  routing::SessionView view;
  view.forwarding = session.level != ReadConsistency::kOff;
  view.transaction = session.transaction;
  view.begin_deferred = session.deferred.begin;
  view.deferred_read_only = session.deferred.read_only;
  view.autocommit = session.autocommit;
  view.transaction_read_only = session.transaction_read_only;
  view.next_transaction_read_only = session.deferred.next_read_only;
  view.pinned_to_writer = view.forwarding && session.pins.whole_session();
  view.pinned_to_replica = !view.forwarding && session.pins.whole_session();
  view.has_user_variables = session.pins.user_variables;
  view.has_last_insert_id = session.last_insert_id->value != 0 || !session.last_insert_id->certain;
  view.last_target = session.last_target;
  return view;
}

Awaitable<RunOutcome> run_statement(ClientSession& session, const StatementRun& run) {
  Run running(session, run);
  const RunOutcome outcome = co_await running.run();
  co_return outcome;
}

}  // namespace causeway::proxy
