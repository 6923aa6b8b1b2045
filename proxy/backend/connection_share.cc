#include "proxy/backend/connection_share.h"

#include <algorithm>

namespace causeway::proxy {
namespace {

// A node is short when it has no more room than a twentieth, or this.
constexpr uint64_t kLeastRoom = 3;
constexpr uint64_t kRoomDivisor = 20;

// What one keeps however short the node is.
constexpr uint32_t kFloor = 2;

constexpr uint32_t kGrowthDivisor = 32;

}  // namespace

uint32_t ConnectionShare::after_count(const OwnConnections& own, const NodeRoom& room) {
  limit_ = std::min(limit_, own.most);
  if (room.counted_at == last_count_) return limit_;
  last_count_ = room.counted_at;
  node_is_short_ = false;
  if (room.max_connections == 0 || !room.open_connections) {
    limit_ = own.most;
    return limit_;
  }
  const uint64_t free = room.max_connections - std::min(room.max_connections, *room.open_connections);
  const uint64_t reserve = std::max(kLeastRoom, room.max_connections / kRoomDivisor);
  if (free <= reserve) {
    node_is_short_ = true;
    const uint32_t rest = own.open - (own.open + 3) / 4;
    limit_ = std::min(limit_, std::max({rest, own.in_use, kFloor}));
  } else {
    limit_ = std::min(own.most, limit_ + std::max(uint32_t{1}, own.most / kGrowthDivisor));
  }
  limit_ = std::max(limit_, std::min(own.most, kFloor));
  return limit_;
}

}  // namespace causeway::proxy
