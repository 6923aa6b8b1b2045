#include "proxy/commands/log_source.h"

#include <algorithm>
#include <chrono>
#include <string>

#include "consistency/wait_statement.h"
#include "proxy/backend/ask.h"
#include "proxy/backend/global_probe.h"
#include "proxy/backend/shard.h"
#include "proxy/session/session_leases.h"

namespace causeway::proxy {
namespace {

using routing::Target;

// Beyond what a server was told to wait.
constexpr std::chrono::milliseconds kAnswerGrace{1000};

Target target_of(const ReplicationClient& client) {
  return client.from_replica ? Target::kReplica : Target::kWriter;
}

BackendLease& lease_of(ClientSession& session) {
  return session.state.replication.from_replica ? session.backends.replica : session.backends.writer;
}

bool is_source(ClientSession& session, const BackendConnection& connection) {
  ClusterKnowledge& cluster = session.shard.cluster();
  if (!session.state.replication.from_replica) return cluster.is_to_writer(connection);
  return cluster.is_current(connection) && cluster.is_log_source(connection.node);
}

NodeIndex choose_source(ClientSession& session) {
  if (!session.state.replication.from_replica) return session.shard.cluster().view().writer;
  const size_t node = session.shard.pick_log_source({});
  if (node != kNoNode) session.history.moves_to(node, session.shard.cluster().position_era(node));
  return node;
}

std::chrono::milliseconds time_left(Clock::time_point deadline) {
  return std::max(std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()),
                  std::chrono::milliseconds{0});
}

// Nothing: see hold_source().
Awaitable<std::optional<size_t>> hold(ClientSession& session) {
  BackendLease& lease = lease_of(session);
  if (lease && lease.connection->keep) {
    const bool is_one = is_source(session, *lease.connection);
    co_return is_one ? std::optional<size_t>(lease.connection->node) : std::nullopt;
  }
  // What it has said there of how it wants the log went with its connection.
  if (session.state.pins.replication) co_return std::nullopt;
  const NodeIndex source = choose_source(session);
  if (source == kNoNode) co_return std::nullopt;
  const Clock::time_point deadline = Clock::now() + session.shard.config().forwarding.writer_queue_timeout;
  AcquireResult acquired = co_await acquire(session, source, lease, SchemaUse::kNone, deadline);
  if (!acquired.connection) co_return std::nullopt;
  acquired.connection->keep = true;
  session.state.pins.replication = true;
  session.state.pins.where = target_of(session.state.replication);
  acquired.connection.put_back();
  co_return source;
}

// Whether it has all that the writer had when this was called; nothing: the writer does not say.
Awaitable<std::optional<bool>> has_caught_up(ClientSession& session, size_t source) {
  const Clock::time_point deadline = Clock::now() + *session.listener.read_wait_timeout;
  std::optional<consistency::WriterPosition> writer;
  {
    const DeadlineScope scope(session.waiter, deadline);
    writer = co_await session.shard.probe().position(session.waiter);
  }
  if (!writer) co_return std::nullopt;
  const consistency::Position& target = writer->seen_anywhere();
  std::string wait;
  if (!consistency::append_wait_statement(wait, target, time_left(deadline),
                                          session.shard.cluster().wait_dialect(source)))
    co_return false;
  PooledConnection connection = acquire_own(session, source, lease_of(session), SchemaUse::kNone, false);
  if (!connection) co_return false;
  const AskScope scope(session.waiter, session.backends.in_flight, *connection,
                       time_left(deadline) + kAnswerGrace);
  const RowLimits one_column{.columns = 1};
  const Answer<AskedRow> answer = co_await ask_row(*connection, wait, one_column);
  if (!answer) co_return false;
  connection.put_back();
  co_return consistency::parse_wait_result(target.kind(), answer->values.front()) ==
      consistency::WaitVerdict::kReached;
}

}  // namespace

routing::Decision on_log_source(const ClientSession& session) {
  return {.action = routing::Action::kRun,
          .target = target_of(session.state.replication),
          .reason = "replication"};
}

Awaitable<HeldSource> hold_source(ClientSession& session) {
  session.state.replication.is_one = true;
  const std::optional<size_t> node = co_await hold(session);
  if (!node) co_return HeldSource{.refusal = no_source()};
  if (!session.state.replication.from_replica) co_return HeldSource{.node = *node};
  const std::optional<bool> has_all = co_await has_caught_up(session, *node);
  if (has_all == true) co_return HeldSource{.node = *node};
  // The client comes again, and gets another one then.
  if (has_all) session.shard.cluster().note_late_source(*node);
  const std::string& name = session.shard.cluster().view().nodes[*node].name;
  co_return HeldSource{.refusal = has_all ? source_behind(name) : writer_not_asked(name)};
}

}  // namespace causeway::proxy
