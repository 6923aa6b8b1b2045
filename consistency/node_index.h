// A node of the cluster, by its place in the configuration.
#pragma once

#include <cstddef>
#include <limits>

namespace causeway::consistency {

using NodeIndex = size_t;

// Where there may be none.
inline constexpr NodeIndex kNoNode = std::numeric_limits<NodeIndex>::max();

}  // namespace causeway::consistency
