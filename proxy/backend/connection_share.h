// How many connections to one node this process takes where others, of its kind or not, take some too. Pure.
#pragma once

#include <chrono>
#include <cstdint>
#include <limits>
#include <optional>

namespace causeway::proxy {

// What a node has last said of its connections.
struct NodeRoom {
  std::chrono::steady_clock::time_point counted_at;
  uint64_t max_connections = 0;                             // 0: not known
  std::optional<uint64_t> open_connections = std::nullopt;  // of everybody; nothing: not known
};

// What this process has there.
struct OwnConnections {
  uint32_t most = 0;    // it may have, by its configuration
  uint32_t open = 0;    // idle ones too
  uint32_t in_use = 0;  // of these, by sessions that need them now
};

// While the node has next to no room left, every process gives back a quarter of what it has open, of its
// idle ones; when there is room again it takes some more each time it is looked at. So processes that share a
// node come to have alike, without knowing of each other.
class ConnectionShare {
 public:
  // How many connections there may be from now on, by the last count: at most `own.most`. What is
  // in use is not given back. May be called any number of times per count.
  uint32_t after_count(const OwnConnections& own, const NodeRoom& room);

  // As of the last count: connections are given back.
  bool node_is_short() const { return node_is_short_; }

 private:
  uint32_t limit_ = std::numeric_limits<uint32_t>::max();
  bool node_is_short_ = false;
  std::chrono::steady_clock::time_point last_count_ = std::chrono::steady_clock::time_point::min();
};

}  // namespace causeway::proxy
