#include "proxy/statement/statement_run_state.h"

#include <algorithm>
#include <string>
#include <utility>

#include "proxy/session/session_token.h"
#include "routing/statement_effects.h"

namespace causeway::proxy {
namespace {

using consistency::AfterWait;
using consistency::Position;
using consistency::ReadAction;
using consistency::ReadConsistency;
using consistency::ReadPlan;
using consistency::TimeoutPolicy;
using routing::ReadMiss;
using routing::StatementClass;
using routing::Target;
using std::chrono::duration_cast;
using std::chrono::microseconds;
using std::chrono::milliseconds;

// A wait that the server does not end in time is given this much longer before the replica counts as hanging.
constexpr milliseconds kWaitGrace{1000};

// A replica that is not expected to get there is asked for so long whether it has.
constexpr milliseconds kBriefWait{10};

// How long a writer that did not answer is left alone.
constexpr milliseconds kBetweenQuestions{200};

// Where a wait takes whole seconds no brief one can tell that a replica has come back: it takes more to give
// it up.
constexpr milliseconds kSeconds{2500};

}  // namespace

// Where reads may not run on the writer, they cannot be saved there.
TimeoutPolicy RunningStatement::policy() const {
  const TimeoutPolicy policy = *session_.listener.on_read_wait_timeout;
  return policy == TimeoutPolicy::kWriter && !writer_takes_reads() ? TimeoutPolicy::kError : policy;
}

std::optional<milliseconds> RunningStatement::max_lag() const {
  return command_.statement->hints.max_lag ? command_.statement->hints.max_lag
                                           : session_.shard.config().routing.max_lag;
}

AccessOnReplica RunningStatement::access_on_replica() const {
  if (command_.statement->mentions.access_mode || command_.statement->shows.variables)
    return AccessOnReplica::kShown;
  if (session_.state.level != ReadConsistency::kOff) return AccessOnReplica::kReadOnly;
  if (command_.auxiliary) return AccessOnReplica::kOwn;
  switch (command_.statement->cls) {
    case StatementClass::kCreateTemporary:
    case StatementClass::kDropTemporary:
      return AccessOnReplica::kOwn;
    default:
      return AccessOnReplica::kReadOnly;
  }
}

// A session that does not forward is told that the server is read-only, not its transaction.
bool RunningStatement::read_only_by_causeway() const {
  const routing::TransactionState& transaction = session_.state.transaction;
  return session_.state.level == ReadConsistency::kOff && !transaction.is_open() &&
         transaction.autocommit() && !transaction.read_only_variable() &&
         transaction.next().access != routing::AccessMode::kReadOnly;
}

// The session stays where it is while it can.
size_t RunningStatement::choose_replica() {
  if (session_.state.replication.from_replica) {
    const size_t source = session_.shard.pick_log_source(tried_);
    if (source != kNoNode) move_to(source);
    return source;
  }
  const size_t current = session_.history.replica();
  const bool stays = current != kNoNode && !tried_[current] &&
                     session_.shard.cluster().replica_usable(current, max_lag(), trusts());
  const size_t chosen = stays ? current : session_.shard.pick_replica(max_lag(), tried_, trusts());
  if (chosen != kNoNode) move_to(chosen);
  return chosen;
}

// Or stays; but not even then is it the same one if its positions mean something else by now.
void RunningStatement::move_to(size_t node) {
  session_.history.moves_to(node, session_.shard.cluster().position_era(node));
}

// From a replica that does not keep up to one that does.
bool RunningStatement::move_for(const Position& target) {
  tried_.set(session_.history.replica());
  const size_t node = session_.shard.replica_with(
      target, time_left(*session_.listener.read_wait_timeout, session_.shard.cluster().tick()), max_lag(),
      tried_);
  if (node == kNoNode) return false;
  move_to(node);
  return true;
}

consistency::ReadRequest RunningStatement::read_request(size_t node) {
  consistency::ReadRequest request;
  const Clock::time_point now = Clock::now();
  session_.shard.note_time(now);
  move_to(node);
  era_ = session_.history.replica_era();
  request.level = level();
  session_.history.fill(request, session_.shard.cluster().is_heard_of(node));
  request.probed_target = probed_ ? &probed_->seen_anywhere() : nullptr;
  request.replica_executed = &session_.shard.cluster().known_position(node);
  request.can_wait = consistency::can_wait(session_.shard.cluster().view().position_kind,
                                           session_.shard.cluster().wait_dialect(node));
  const bool in_seconds =
      session_.shard.cluster().view().position_kind == consistency::PositionKind::kBinlogCoordinates &&
      session_.shard.cluster().wait_dialect(node).flavor == ServerFlavor::kMariadb;
  const milliseconds limit = *session_.listener.read_wait_timeout;
  request.expected_in_time = session_.shard.cluster().progress(node).gets_there_within(
      in_seconds ? std::max(limit, kSeconds) : limit);
  request.brief_wait = in_seconds ? milliseconds{0} : kBriefWait;
  request.timeout = time_left(limit, now);
  request.policy = policy();
  return request;
}

// Sets probed_. A writer that seems to have gone is asked until it answers, or the monitor says that there is
// none.
Awaitable<void> RunningStatement::ask_writer() {
  const Clock::time_point deadline = start_ + *session_.listener.read_wait_timeout;
  for (;;) {
    {
      const DeadlineScope scope(session_.waiter, deadline);
      probed_ = co_await session_.shard.probe().position(session_.waiter);
    }
    const NodeIndex writer = session_.shard.cluster().view().writer;
    if (probed_ || writer == kNoNode || session_.shard.probe().writer_is_there() || session_.waiter.closing ||
        session_.waiter.query_killed || Clock::now() >= deadline)
      co_return;
    session_.shard.suspect(writer);
    const DeadlineScope scope(session_.waiter, std::min(deadline, Clock::now() + kBetweenQuestions));
    co_await session_.shard.wait_for_change(session_.waiter);
  }
}

Awaitable<ReadPlan> RunningStatement::plan_after_probe(size_t node) {
  probing_.emplace(session_.shard.probe());
  co_await ask_writer();
  if (probed_) {
    session_.history.writer_is_at(probed_->executed);
    co_return consistency::plan_read(read_request(node));
  }
  // Without the writer's word nothing can be promised: as if the time were up.
  ReadPlan plan;
  plan.reason = consistency::ReadReason::kNoTimeToWait;
  switch (policy()) {
    case TimeoutPolicy::kWriter:
      plan.action = ReadAction::kWriter;
      break;
    case TimeoutPolicy::kError:
      plan.action = ReadAction::kError;
      break;
    case TimeoutPolicy::kStale:
      plan.action = ReadAction::kGo;
      break;
  }
  co_return plan;
}

void RunningStatement::after_replica(BackendConnection& connection, const ExchangeResult& result,
                                     const ReadPlan& plan) {
  if (plan.action == ReadAction::kWait) {
    const auto waited = duration_cast<microseconds>(Clock::now() - start_);
    session_.shard.metrics().consistency.read_waits.add(waited);
    if (plan.target != nullptr) session_.shard.cluster().learned_position(connection, era_, *plan.target);
  } else if (level() == ReadConsistency::kSession || level() == ReadConsistency::kGlobal) {
    session_.shard.metrics().consistency.reads_without_wait.add();
  }
  // A plan that went by the probe covers the token; one that went by the token alone is the token itself.
  const bool consistent = level() == ReadConsistency::kSession || level() == ReadConsistency::kGlobal;
  if (consistent) session_.history.read_on_replica();
  const bool same_server = era_ == session_.shard.cluster().position_era(connection.node) &&
                           era_ == session_.history.replica_era() &&
                           session_.shard.cluster().is_current(connection);
  if (consistent && same_server && (probed_ || level() == ReadConsistency::kSession))
    session_.history.satisfied(probed_.has_value());
  after_either(connection, result, Target::kReplica);
}

// By the policy a replica is read that is not known to have what the session must see: that satisfies
// nothing.
void RunningStatement::goes_stale(const ReadPlan& plan) {
  using consistency::ReadReason;
  const bool by_policy = plan.reason == ReadReason::kNoTimeToWait || plan.reason == ReadReason::kCannotWait;
  if (plan.action != ReadAction::kGo || !by_policy) return;
  ignore_consistency_ = true;
  session_.shard.metrics().consistency.read_wait_timed_out(TimeoutPolicy::kStale);
}

// A transaction on the replica that has read nothing is not bound to it: it begins once more, elsewhere.
void RunningStatement::begin_anew() {
  if (session_.backends.replica)
    session_.shard.pool(session_.backends.replica.connection->node)
        .close(*session_.backends.replica.connection, CloseReason::kTransactionLeft);
  session_.state.transaction.begin_again();
  session_.state.prepared.lose_cursors(Target::kReplica);
}

// What lived in the connection is gone with it: a transaction, which has to begin anew; cursors; or what only
// a new session can have again.
Awaitable<RunOutcome> RunningStatement::on_replica_lost(size_t node, const std::string& reason) {
  const bool in_transaction = session_.state.transaction.is_on(Target::kReplica);
  session_.state.transaction.lost(Target::kReplica);
  session_.state.prepared.lose_cursors(Target::kReplica);
  const ClientError error = in_transaction ? transaction_lost(node_name(node), reason)
                                           : connection_to_node_lost(node_name(node), reason);
  RunOutcome outcome = co_await fail(error);
  if (session_.state.pins.whole_session_on(Target::kReplica) ||
      !session_.state.carried.replica_variables.empty() || session_.state.carried.procedure_on_replica) {
    session_.end.because(EndReason::kStateLost);
    outcome.close = true;
  }
  co_return outcome;
}

void RunningStatement::leave_out_writer() {
  const NodeIndex writer = session_.shard.cluster().view().writer;
  if (writer != kNoNode) tried_.set(writer);
}

Awaitable<std::optional<RunOutcome>> RunningStatement::on_miss(size_t node, ReadMiss miss,
                                                               ClientError error) {
  tried_.set(node);
  missed_ = true;
  leave_out_writer();
  routing::ReadFacts facts;
  facts.forwards = session_.state.level != ReadConsistency::kOff;
  facts.writer_takes_reads = writer_takes_reads();
  facts.another_replica = session_.shard.pick_replica(max_lag(), tried_, trusts()) != kNoNode;
  facts.sent_again = sent_again_;
  facts.harmless = is_repetition();
  const bool was_ended = miss == ReadMiss::kLost || miss == ReadMiss::kShutdown;
  if (was_ended && !sent_again_) {
    const bool answers = co_await still_answers(session_, node);
    facts.still_answers = answers;
  }
  sent_again_ |= was_ended || miss == ReadMiss::kGivenUp;
  const routing::ReadStep step = routing::after_miss(miss, facts);
  if (step == routing::ReadStep::kElsewhere) {
    session_.shard.metrics().read_retries.add();
    last_miss_ = std::move(error);
    co_return std::nullopt;
  }
  if (step == routing::ReadStep::kFail) {
    const RunOutcome failed = co_await fail(std::move(error));
    co_return failed;
  }
  if (miss == ReadMiss::kWrite) reran_ = true;
  session_.shard.logger().debug("a read goes to the writer",
                                {{"node", node_name(node)}, {"reason", error.message}});
  const RunOutcome there = co_await run_on_writer();
  co_return there;
}

Awaitable<RunOutcome> RunningStatement::run_without_replica() {
  if (session_.state.level == ReadConsistency::kOff) return fail(no_replica(false));
  if (!writer_takes_reads()) return fail(no_replica(true));
  if (sent_again_ && last_miss_) return fail(*last_miss_);
  return run_on_writer();
}

// The replica is not expected to have what the read must see, and the policy has something better than to run
// it there.
Awaitable<RunOutcome> RunningStatement::run_by_policy(const ReadAttempt& attempt) {
  if (attempt.plan.action == ReadAction::kError) {
    session_.shard.metrics().consistency.read_wait_timed_out(TimeoutPolicy::kError);
    return fail(not_in_time(attempt.node));
  }
  session_.shard.metrics().consistency.read_wait_timed_out(TimeoutPolicy::kWriter);
  session_.shard.logger().debug("a read goes to the writer", {{"node", node_name(attempt.node)},
                                                              {"reason", to_string(attempt.plan.reason)}});
  if (attempt.in_transaction) begin_anew();
  return run_on_writer();
}

ClientError RunningStatement::not_in_time(size_t node) const {
  return read_wait_timeout(level(), node_name(node), duration_cast<milliseconds>(Clock::now() - start_));
}

// Behind whatever has taken time. The plan may have been made by what is not known any more, and the replica
// be one whose positions are not to be trusted by now.
bool RunningStatement::is_still_right(const ReadAttempt& attempt) const {
  ClusterKnowledge& cluster = session_.shard.cluster();
  if (attempt.bound || attempt.view_version == cluster.view().version) return true;
  if (cluster.position_era(attempt.node) != era_) return false;
  return !trusts() || cluster.replica_usable(attempt.node, max_lag(), true);
}

// The session's own one, in the common case.
PooledConnection RunningStatement::own_on_replica(const ReadAttempt& attempt) {
  BackendLease& lease = session_.backends.replica;
  if (!attempt.bound && lease && !session_.shard.cluster().is_current(*lease.connection))
    session_.shard.pool(lease.connection->node).close(*lease.connection, CloseReason::kServerReplaced);
  return acquire_own(session_, attempt.node, lease, schema_use(), false);
}

Awaitable<std::optional<RunOutcome>> RunningStatement::on_not_acquired(ReadAttempt attempt,
                                                                       const AcquireResult& acquired) {
  const size_t node = attempt.node;
  if (attempt.bound) {
    const RunOutcome lost = co_await on_replica_lost(node, acquired.reason);
    co_return lost;
  }
  if (acquired.failure == AcquireResult::Failure::kNodeDown) session_.shard.suspect(node);
  const bool refused = acquired.failure == AcquireResult::Failure::kRefused;
  ClientError error = refused ? *acquired.refusal : node_unreachable(node_name(node), acquired.reason);
  const ReadMiss miss = refused ? ReadMiss::kRefused : ReadMiss::kNotTaken;
  const std::optional<RunOutcome> missed = co_await on_miss(node, miss, std::move(error));
  co_return missed;
}

Placement RunningStatement::place_on_replica(ReadAttempt& attempt) {
  const routing::Statement& statement = *command_.statement;
  const bool forwards = session_.state.level != ReadConsistency::kOff;
  const bool calls_functions = forwards && !command_.auxiliary &&
                               routing::only_calls(statement, session_.state.lex_mode) &&
                               !statement.mentions.diagnostics;
  // What a procedure is refused by a read-only server, its READ ONLY transaction would have refused
  // elsewhere.
  attempt.calls = attempt.in_transaction && forwards && routing::is_opaque(statement);
  Placement placement = place();
  placement.ahead.access = access_on_replica();
  placement.ahead.tell_last_insert_id = statement.mentions.last_insert_id ||
                                        (attempt.in_transaction && session_.state.auto_is_null) ||
                                        calls_functions;
  placement.ahead.track_functions = calls_functions;
  placement.held.read_only = decision_.may_rerun_on_writer || attempt.calls;
  placement.held.read_only_transaction = decision_.may_rerun_on_writer || read_only_by_causeway();
  placement.held.unknown_names =
      !attempt.bound && forwards && writer_takes_reads() && statement.cls != StatementClass::kDiagnostics;
  placement.held.shutdown = !attempt.bound;
  if (attempt.plan.action == ReadAction::kWait) {
    placement.ahead.wait_for = attempt.plan.target;
    placement.ahead.wait_timeout = attempt.plan.timeout;
  }
  return placement;
}

// In a transaction nothing was waited for, but for its first read: what it shows is its snapshot's.
void RunningStatement::after_answered_read(const ReadAttempt& attempt, BackendConnection& connection,
                                           const ExchangeResult& result) {
  if (attempt.in_transaction && !decision_.wait) {
    after_either(connection, result, Target::kReplica);
  } else {
    after_replica(connection, result, attempt.plan);
  }
}

void RunningStatement::note_failed_wait(const ReadAttempt& attempt) {
  if (attempt.plan.reason != consistency::ReadReason::kNotInTime)
    session_.shard.cluster().progress(attempt.node).missed(*attempt.plan.target, attempt.plan.timeout);
  session_.shard.metrics().consistency.read_waits.add(duration_cast<microseconds>(Clock::now() - start_));
  session_.shard.metrics().consistency.read_wait_timed_out(*session_.listener.on_read_wait_timeout);
}

// What the client gets if that is the end of it.
ClientError RunningStatement::error_of(const NextStep& next, const ExchangeResult& result, size_t node,
                                       const std::string& reason) const {
  const auto flavor = session_.shard.cluster().view().flavor;
  switch (next.what) {
    case NextStep::What::kReadOnlyTransaction:
      return read_only_transaction(flavor);
    case NextStep::What::kReadOnlyServer:
      return read_only_server(flavor);
    case NextStep::What::kNotInTime:
      return not_in_time(node);
    default:
      break;
  }
  if (result.refusal) return *result.refusal;
  if (result.outcome == ExchangeOutcome::kReadOnlyNode) return read_only_server(flavor);
  return connection_to_node_lost(node_name(node), reason);
}

// Nothing: it is to be tried again.
Awaitable<std::optional<RunOutcome>> RunningStatement::after_unanswered_read(const ReadAttempt& attempt,
                                                                             BackendConnection& connection,
                                                                             ExchangeResult result,
                                                                             bool began) {
  const size_t node = attempt.node;
  const AfterReadFacts facts{.forwards = session_.state.level != ReadConsistency::kOff,
                             .bound = attempt.bound,
                             .calls = attempt.calls,
                             .is_use = command_.statement->cls == StatementClass::kUse,
                             .spent = began ||
                                      (connection.state.status & protocol::status::kInTransaction) != 0 ||
                                      !connection.stream.is_open(),
                             .closing = session_.waiter.closing,
                             .timed_out = session_.waiter.timed_out,
                             .policy = policy()};
  const NextStep next = after_read(result, facts);
  const std::string reason = facts.timed_out ? "timeout" : result.error.message();
  leave(connection, next);
  if (result.outcome == ExchangeOutcome::kWaitFailed) note_failed_wait(attempt);
  const ClientError error = error_of(next, result, node, reason);
  switch (next.what) {
    case NextStep::What::kMissed: {
      const std::optional<RunOutcome> missed = co_await on_miss(node, next.miss, error);
      co_return missed;
    }
    case NextStep::What::kStale:
      ignore_consistency_ = true;
      co_return std::nullopt;
    case NextStep::What::kRunOnWriter: {
      if (attempt.in_transaction) begin_anew();
      const RunOutcome there = co_await run_on_writer();
      co_return there;
    }
    case NextStep::What::kLost: {
      const RunOutcome lost = co_await on_replica_lost(node, reason);
      co_return lost;
    }
    case NextStep::What::kReadOnlyTransaction:
      result.is_error = true;
      after_either(connection, result, Target::kReplica);
      [[fallthrough]];
    case NextStep::What::kReadOnlyServer:
    case NextStep::What::kNotInTime:
    case NextStep::What::kRefused: {
      const RunOutcome failed = co_await fail(error);
      co_return failed;
    }
    default:
      if (result.outcome == ExchangeOutcome::kServerLost) session_.end.because(EndReason::kAnswerCut);
      co_return RunOutcome{.close = true};
  }
}

Awaitable<RunOutcome> RunningStatement::run_on_replica() {
  const bool in_transaction = session_.state.transaction.is_on(Target::kReplica);
  if (session_.state.level == ReadConsistency::kOff) leave_out_writer();
  for (;;) {
    if (session_.waiter.closing) co_return RunOutcome{.close = true};
    if (session_.waiter.query_killed) co_return co_await fail(query_interrupted());
    ReadAttempt attempt{.bound = bound_to(Target::kReplica), .in_transaction = in_transaction};
    if (attempt.bound && !session_.backends.replica)
      co_return co_await on_replica_lost(session_.history.replica(), "the connection was closed");
    attempt.view_version = session_.shard.cluster().view().version;
    attempt.node = attempt.bound ? session_.history.replica() : choose_replica();
    if (attempt.node == kNoNode) co_return co_await run_without_replica();
    if (!attempt.bound && attempt.node == session_.shard.cluster().view().writer)
      co_return co_await run_on_writer();

    check_token(session_.shard, session_.history);
    attempt.plan = consistency::plan_read(read_request(attempt.node));
    if (attempt.plan.action == ReadAction::kProbeThenDecide)
      attempt.plan = co_await plan_after_probe(attempt.node);
    if (!is_still_right(attempt)) continue;
    goes_stale(attempt.plan);
    const bool late = attempt.plan.reason == consistency::ReadReason::kNotInTime;
    if (late && !attempt.bound && move_for(*attempt.plan.target)) continue;
    if (attempt.plan.action == ReadAction::kWriter || attempt.plan.action == ReadAction::kError)
      co_return co_await run_by_policy(attempt);

    PooledConnection connection = own_on_replica(attempt);
    if (!connection) {
      AcquireResult acquired = co_await acquire_other(attempt.node, session_.backends.replica);
      if (!acquired.connection) {
        const std::optional<RunOutcome> ended = co_await on_not_acquired(attempt, acquired);
        if (ended) co_return *ended;
        continue;
      }
      connection = std::move(acquired.connection);
    }
    if (!is_still_right(attempt)) {
      connection.put_back();
      continue;
    }

    const Placement placement = place_on_replica(attempt);
    if (placement.ahead.tell_last_insert_id) co_await learn_last_insert_id();
    session_.shard.metrics().nodes[attempt.node].statements.add();
    std::optional<DeadlineScope> wait;
    if (placement.ahead.wait_for != nullptr)
      wait.emplace(session_.waiter, Clock::now() + attempt.plan.timeout + kWaitGrace);
    const ExchangeResult result = co_await run_exchange(session_, *connection, command_, placement);
    wait.reset();
    if (result.outcome == ExchangeOutcome::kRelayed) {
      after_answered_read(attempt, *connection, result);
      co_return answered(result);
    }
    const std::optional<RunOutcome> ended =
        co_await after_unanswered_read(attempt, *connection, result, placement.ahead.begin);
    if (ended) co_return *ended;
  }
}

}  // namespace causeway::proxy
