#include "proxy/cluster/cluster_view.h"

#include <algorithm>
#include <utility>

namespace causeway::proxy {
namespace {

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

}  // namespace

ServerFlavor flavor_of(std::string_view server_version) {
  constexpr std::string_view kName = "mariadb";
  const auto found = std::search(server_version.begin(), server_version.end(), kName.begin(), kName.end(),
                                 [](char a, char b) { return lower(a) == b; });
  return found == server_version.end() ? ServerFlavor::kMysql : ServerFlavor::kMariadb;
}

std::string_view to_string(ServerFlavor flavor) {
  return flavor == ServerFlavor::kMysql ? "mysql" : "mariadb";
}

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
