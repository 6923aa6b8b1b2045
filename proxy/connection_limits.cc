#include "proxy/connection_limits.h"

#include <algorithm>
#include <string>

#include "proxy/metrics/metrics_registry.h"

namespace causeway::proxy {
namespace {

// What is left of a node's max_connections for others (administrators, replication) when replicas serve the
// reads.
constexpr uint64_t kReplicaMaxConnectionsPercent = 90;

// Until the monitor has heard of a node's max_connections.
constexpr uint64_t kDefaultMaxConnections = 151;

}  // namespace

uint32_t configured_limit(const Config& config, const ClusterView& view, size_t node) {
  const uint64_t told = node < view.nodes.size() ? view.nodes[node].facts.max_connections : 0;
  const uint64_t max = told == 0 ? kDefaultMaxConnections : told;
  const bool is_writer = view.writer == node;
  const uint64_t percent =
      is_writer ? config.forwarding.aurora_fwd_writer_max_connections_pct : kReplicaMaxConnectionsPercent;
  const uint64_t of_all = max * percent / 100;
  uint64_t limit = of_all == 0 ? 0 : std::max(of_all / config.limits.instances, uint64_t{1});
  const uint32_t own = config.nodes[node].max_connections;
  const uint32_t absolute = own != 0 ? own : config.limits.max_server_connections;
  if (absolute != 0) limit = std::min<uint64_t>(limit, absolute);
  return static_cast<uint32_t>(limit);
}

void ConnectionLimits::follow(const ClusterView& view) {
  if (view.version == seen_version_) return;
  seen_version_ = view.version;
  for (size_t i = 0; i < shares_.size(); ++i)
    follow_node(view, i);
}

void ConnectionLimits::follow_node(const ClusterView& view, size_t node) {
  ConnectionBudget& budget = services_.budgets[node];
  // Those of listeners for replication have a budget of their own, and are in use as long as they are open.
  const int64_t in_use = services_.metrics->sum([node](const WorkerMetrics& worker) {
    return worker.nodes[node].leases_in_use.value();
  }) - services_.replication_budgets[node].used();
  const OwnConnections own{.most = configured_limit(services_.config, view, node),
                           .open = budget.used(),
                           .in_use = static_cast<uint32_t>(std::max<int64_t>(in_use, 0))};
  NodeRoom room;
  if (node < view.nodes.size()) {
    room.counted_at = view.nodes[node].facts.connections.counted_at;
    room.max_connections = view.nodes[node].facts.max_connections;
    room.open_connections = view.nodes[node].facts.connections.open;
  }
  ConnectionShare& share = shares_[node];
  const bool was_short = share.node_is_short();
  budget.set_limit(share.after_count(own, room));
  if (was_short || !share.node_is_short()) return;
  services_.logger.warning("a server has hardly any connections left: idle ones are given back",
                           {{"node", to_string(services_.config.nodes[node].address)},
                            {"server_connections", std::to_string(room.open_connections.value_or(0))},
                            {"server_max_connections", std::to_string(room.max_connections)},
                            {"own_connections", std::to_string(own.open)}});
}

}  // namespace causeway::proxy
