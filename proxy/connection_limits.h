// How many connections this process may have to each server.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "proxy/backend/connection_share.h"
#include "proxy/backend/services.h"
#include "proxy/cluster/cluster_view.h"
#include "proxy/config/config.h"

namespace causeway::proxy {

// By the configuration, and the server's role and max_connections: the writer's share is Aurora's, a
// replica's leaves a tenth for others; several instances divide both. Until the monitor has heard of the
// server's max_connections, the servers' own default counts.
uint32_t configured_limit(const Config& config, const ClusterView& view, size_t node);

// Keeps the budgets of all workers up to date with what the monitor has heard. One thread.
class ConnectionLimits {
 public:
  // The services outlive it; their metrics are there when follow() is called.
  explicit ConnectionLimits(Services& services)
      : services_(services), shares_(services.config.nodes.size()) {}

  // Sets the budgets, if there is a new view. Says it once when a server begins to run short of connections.
  void follow(const ClusterView& view);

 private:
  void follow_node(const ClusterView& view, size_t node);

  Services& services_;
  std::vector<ConnectionShare> shares_;  // by node
  uint64_t seen_version_ = 0;
};

}  // namespace causeway::proxy
