#include "proxy/cluster/cluster_view.h"

#include <utility>

namespace causeway::proxy {

std::string_view to_string(NodeRole role) {
  switch (role) {
    case NodeRole::kUnknown:
      return "unknown";
    case NodeRole::kWriter:
      return "writer";
    case NodeRole::kReplica:
      return "replica";
    case NodeRole::kReadOnly:
      return "read-only";
  }
  return "";
}

std::vector<NodeIndex> ClusterView::nodes_to_ask() const {
  std::vector<NodeIndex> order;
  if (has_writer()) order.push_back(writer);
  for (NodeIndex node = 0; node < nodes.size(); ++node)
    if (nodes[node].reachable && node != writer) order.push_back(node);
  return order;
}

ClusterState::ClusterState() : view_(std::make_shared<const ClusterView>()) {}

void ClusterState::publish(const ViewPtr& view) {
  ViewPtr before;  // goes outside of the lock
  const std::lock_guard lock(mutex_);
  before = std::exchange(view_, view);
  version_.store(view->version, std::memory_order_release);
}

ClusterState::ViewPtr ClusterState::current() const {
  const std::lock_guard lock(mutex_);
  return view_;
}

}  // namespace causeway::proxy
