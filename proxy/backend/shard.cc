#include "proxy/backend/shard.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <tuple>
#include <utility>

#include "proxy/metrics/metrics_registry.h"

namespace causeway::proxy {
namespace {

constexpr std::chrono::seconds kIdleSweep{5};

// How long an answer of a replica that does not answer the monitor either is waited for.
constexpr std::chrono::milliseconds kReadPatience{1000};

}  // namespace

Shard::Shard(Services& services, size_t index, asio::io_context& io)
    : services_(services),
      index_(static_cast<uint32_t>(index)),
      io_(io),
      client_tls_(services.client_tls),
      server_tls_(services.server_tls),
      metrics_(services.metrics->worker(index)),
      cluster_(services.cluster, services.config),
      refusals_(services.config.nodes.size()),
      unreachable_since_(services.config.nodes.size(), Clock::time_point::max()),
      random_(static_cast<unsigned>(index + 1)) {
  for (size_t node = 0; node < services.config.nodes.size(); ++node) {
    pools_.push_back(std::make_unique<BackendPool>(
        NodeBudgets{services.budgets[node], services.replication_budgets[node]}, metrics_.nodes[node],
        [this, node] { on_free(node); },
        [this](const BackendConnection& connection, CloseReason reason) {
          tell_closed(connection, reason);
        }));
  }
}

void Shard::tell_closed(const BackendConnection& connection, CloseReason reason) {
  if (!logger().enabled(LogLevel::kDebug)) return;
  const auto& nodes = cluster_.view().nodes;
  logger().debug("a server connection is closed",
                 {{"node", connection.node < nodes.size() ? nodes[connection.node].name : std::string()},
                  {"thread_id", connection.server.thread_id},
                  {"user", connection.key->user},
                  {"reason", to_string(reason)}});
}

void Shard::start() {
  cluster_.begin_at(Clock::now());
  on_view_change();
}

bool Shard::on_tick(Clock::time_point now) {
  note_time(now);
  const bool changed = cluster_.view().version != seen_view_version_;
  if (changed) on_view_change();
  give_up_on_dead_nodes(now);
  for (size_t node = 0; node < pools_.size(); ++node) {
    while (services_.budgets[node].exceeded() && pools_[node]->shed_one()) {
    }
  }
  if (now >= next_idle_sweep_) {
    next_idle_sweep_ = now + kIdleSweep;
    for (const auto& pool : pools_)
      pool->close_idle_since(now - config().timeouts.server_idle);
  }
  return changed;
}

// Idle connections to a server that is gone are of no use. Those in which a session has something are given
// as long as statements under way.
void Shard::on_view_change() {
  const ClusterView& view = cluster_.view();
  seen_view_version_ = view.version;
  for (size_t node = 0; node < pools_.size() && node < view.nodes.size(); ++node) {
    pools_[node]->close_idle_of_other(view.nodes[node].incarnation);
    if (view.nodes[node].reachable) {
      unreachable_since_[node] = Clock::time_point::max();
    } else if (unreachable_since_[node] == Clock::time_point::max()) {
      unreachable_since_[node] = Clock::now();
      pools_[node]->close_idle();
    }
  }
  cluster_.note_writer();
  wake_waiting();
}

void Shard::set_tls(TlsContext client, TlsContext server) {
  asio::post(io_, [this, client = std::move(client), server = std::move(server)]() mutable {
    client_tls_ = std::move(client);
    server_tls_ = std::move(server);
  });
}

void Shard::note_time(Clock::time_point now) {
  const auto stood = cluster_.note_time(now);
  if (!stood) return;
  logger().info("a worker stood still: what it knows of the servers is found out anew",
                {{"worker", std::to_string(index_)}, {"ms", std::to_string(stood->count())}});
  if (services_.monitor != nullptr) services_.monitor->poll_now();
}

// A server that only answers slowly may still finish what it was asked: reads are tried elsewhere after a
// second, statements on the writer are given up when they could have found a new one, or when there is one.
void Shard::give_up_on_dead_nodes(Clock::time_point now) {
  const ClusterView& view = cluster_.view();
  for (size_t node = 0; node < pools_.size() && node < view.nodes.size(); ++node) {
    if (unreachable_since_[node] == Clock::time_point::max()) continue;
    const bool is_writer = node == view.writer || !view.has_writer();
    const auto patience = is_writer ? config().forwarding.writer_wait : kReadPatience;
    if (now - unreachable_since_[node] < patience) continue;
    pools_[node]->close_kept();
    for (const auto& connection : pools_[node]->connections()) {
      if (connection->in_use) connection->stream.cancel();
    }
  }
}

void Shard::wake_waiting() {
  for (size_t node = 0; node < pools_.size(); ++node)
    wake_first_in_line(node);
  for (Waiter* waiter : waiting_)
    waiter->wake_up.set();
}

void Shard::wake_first_in_line(size_t node) {
  const auto first = services_.lines[node].first();
  if (!first) return;
  Shard& shard = *services_.shards[first->worker];
  asio::post(shard.io_, [&shard, node, ticket = first->number] { shard.wake_in_line(node, ticket); });
}

void Shard::wake_in_line(size_t node, uint64_t ticket) {
  for (const InLine& waiting : in_line_) {
    if (waiting.node == node && waiting.ticket == ticket) waiting.waiter->wake_up.set();
  }
}

// A connection of this worker was put back, or closed. For a session of another worker it has to be closed.
void Shard::on_free(size_t node) {
  const auto first = services_.lines[node].first();
  if (!first) return;
  const ConnectionBudget& budget = services_.budgets[node];
  if (first->worker == index_ || budget.used() < budget.limit()) return wake_first_in_line(node);
  shed(node);
}

Awaitable<void> Shard::wait_for_place(Waiter& waiter, uint64_t ticket, size_t node) {
  in_line_.push_back({.node = node, .ticket = ticket, .waiter = &waiter});
  waiter.wake_up.reset();
  // What became free before it was in the line has woken nobody.
  const ConnectionBudget& budget = services_.budgets[node];
  if (budget.used() < budget.limit() && services_.lines[node].is_first(ticket)) waiter.wake_up.set();
  co_await waiter.wake_up.wait();
  std::erase_if(in_line_, [&waiter](const InLine& waiting) { return waiting.waiter == &waiter; });
}

void Shard::give_back_one(size_t node) {
  asio::post(io_, [this, node] { pools_[node]->shed_one(); });
}

void Shard::give_back_one_of(size_t node, const std::string& user) {
  asio::post(io_, [this, node, user] { pools_[node]->shed_one_of(user); });
}

void Shard::shed(size_t node) {
  asio::post(io_, [this, node] {
    const ConnectionBudget& budget = services_.budgets[node];
    if (budget.has_waiters() && budget.used() >= budget.limit()) pools_[node]->shed_one();
  });
}

size_t Shard::replica_with(const consistency::Position& target, std::chrono::milliseconds timeout,
                           std::optional<std::chrono::milliseconds> max_lag, const NodeSet& except) {
  size_t promising = kNoNode;
  for (size_t node = 0; node < std::min(cluster_.view().nodes.size(), kMaxNodes); ++node) {
    if (except[node] || !cluster_.replica_usable(node, max_lag, true)) continue;
    if (cluster_.known_position(node).contains(target)) return node;
    if (cluster_.progress(node).gets_there_within(timeout)) promising = node;
  }
  return promising;
}

size_t Shard::pick_replica(std::optional<std::chrono::milliseconds> max_lag, const NodeSet& except,
                           bool trusts) {
  std::array<size_t, kMaxNodes> usable{};
  size_t count = 0;
  const size_t nodes = std::min(cluster_.view().nodes.size(), kMaxNodes);
  for (size_t node = 0; node < nodes; ++node) {
    if (!except[node] && cluster_.replica_usable(node, max_lag, trusts)) usable[count++] = node;
  }
  if (count == 0) return kNoNode;
  if (count == 1) return usable[0];
  // Sessions stay where they begin, so it is their number that has to be balanced: connections stand for
  // them.
  const auto load = [this](size_t node) {
    return static_cast<double>(pools_[node]->size()) / config().nodes[node].weight;
  };
  const size_t first = usable[random_() % count];
  const size_t second = usable[random_() % count];
  if (first == second) return first;
  return load(first) <= load(second) ? first : second;
}

size_t Shard::pick_log_source(const NodeSet& except) {
  size_t best = kNoNode;
  std::tuple<bool, size_t, size_t> least;
  for (size_t node = 0; node < std::min(cluster_.view().nodes.size(), kMaxNodes); ++node) {
    if (except[node] || !cluster_.is_log_source(node)) continue;
    const std::tuple load(cluster_.is_late_source(node), services_.log_readers.attached.reading(node),
                          pools_[node]->size());
    if (best != kNoNode && load >= least) continue;
    best = node;
    least = load;
  }
  return best;
}

const ClientError* Shard::refusal(size_t node, const PoolKey& key) {
  if (node == cluster_.view().writer) return nullptr;
  return refusals_[node].find(key.user, key.credentials_version, Clock::now());
}

void Shard::refused(size_t node, const PoolKey& key, const ClientError& error) {
  if (!refusals_[node].note(key.user, key.credentials_version, error, Clock::now())) return;
  const bool is_writer = node == cluster_.view().writer;
  logger().warning(
      is_writer ? "the writer refuses connections" : "a replica refuses connections",
      {{"node", to_string(config().nodes[node].address)}, {"user", key.user}, {"reason", error.message}});
}

Awaitable<void> Shard::wait_for_change(Waiter& waiter) {
  waiting_.push_back(&waiter);
  waiter.wake_up.reset();
  co_await waiter.wake_up.wait();
  std::erase(waiting_, &waiter);
}

void Shard::suspect(size_t node) {
  if (services_.monitor != nullptr) services_.monitor->poll_now();
  logger().debug("a connection failed", {{"node", to_string(config().nodes[node].address)}});
}

void Shard::look_anew(size_t node) {
  if (services_.monitor != nullptr) services_.monitor->look_anew(node);
  logger().debug("a connection led to another server", {{"node", to_string(config().nodes[node].address)}});
}

}  // namespace causeway::proxy
