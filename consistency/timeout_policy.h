// What happens with a read whose replica does not get there in time.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace causeway::consistency {

enum class TimeoutPolicy : uint8_t {
  kWriter,  // it runs on the writer
  kError,   // the client gets 1205
  kStale,   // it runs on the replica all the same; a warning is counted
};

// As they are configured and counted, in the order of the enumerators.
inline constexpr std::array<std::string_view, 3> kTimeoutPolicyNames = {"writer", "error", "stale"};

constexpr std::string_view to_string(TimeoutPolicy policy) {
  return kTimeoutPolicyNames[static_cast<size_t>(policy)];
}

}  // namespace causeway::consistency
