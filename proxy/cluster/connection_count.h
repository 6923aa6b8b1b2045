// How many connections a server has.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

namespace causeway::proxy {

class NativeClient;

struct ConnectionCount {
  std::chrono::steady_clock::time_point counted_at;
  std::optional<uint64_t> open = std::nullopt;  // everybody's; nothing: the server does not tell

  friend bool operator==(const ConnectionCount&, const ConnectionCount&) = default;
};

// Asks the server, unless `last` is younger than a second: servers sum up all their sessions for it. A
// failure leaves nothing.
void count_connections(NativeClient& client, ConnectionCount& last);

}  // namespace causeway::proxy
