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
