#include "proxy/cluster/cluster_view.h"

#include <algorithm>
#include <utility>

namespace causeway::proxy {
namespace {

bool roles_differ(const NodeView& before, const NodeView& now) {
  return before.reachable != now.reachable || before.role != now.role ||
         before.usable_for_reads != now.usable_for_reads || before.consistent != now.consistent ||
         before.incarnation != now.incarnation || before.position_era != now.position_era;
}

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

bool roles_differ(const ClusterView& before, const ClusterView& now) {
  if (before.writer != now.writer || before.writer_epoch != now.writer_epoch ||
      before.position_kind != now.position_kind || before.nodes.size() != now.nodes.size())
    return true;
  for (size_t i = 0; i < now.nodes.size(); ++i)
    if (roles_differ(before.nodes[i], now.nodes[i])) return true;
  return false;
}

ClusterState::ClusterState() : view_(std::make_shared<const ClusterView>()) {}

void ClusterState::publish(const ViewPtr& view) {
  ViewPtr before;
  {
    const std::lock_guard lock(mutex_);
    before = std::exchange(view_, view);
    version_.store(view->version, std::memory_order_release);
  }
  if (!roles_differ(*before, *view)) return;
  const std::lock_guard lock(listeners_mutex_);
  for (const auto& [id, listener] : listeners_)
    listener(*before, *view);
}

ClusterState::ViewPtr ClusterState::current() const {
  const std::lock_guard lock(mutex_);
  return view_;
}

ClusterState::Subscription ClusterState::subscribe(RoleListener listener) {
  const std::lock_guard lock(listeners_mutex_);
  const uint64_t id = next_listener_++;
  listeners_.emplace(id, std::move(listener));
  return {this, id};
}

ClusterState::Subscription::Subscription(Subscription&& other) noexcept
    : state_(std::exchange(other.state_, nullptr)), id_(other.id_) {}

ClusterState::Subscription& ClusterState::Subscription::operator=(Subscription&& other) noexcept {
  std::swap(state_, other.state_);
  std::swap(id_, other.id_);
  return *this;
}

ClusterState::Subscription::~Subscription() {
  if (state_ == nullptr) return;
  const std::lock_guard lock(state_->listeners_mutex_);
  state_->listeners_.erase(id_);
}

}  // namespace causeway::proxy
