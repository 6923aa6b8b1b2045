// `causeway check` tries each node with the monitor account.
#pragma once

#include <string>

#include "proxy/config.h"

namespace causeway::proxy {

// What the node is, in words: "MySQL 9.7.0, read_only=1". Throws std::runtime_error with what is wrong.
std::string try_node(const Config& config, const NodeConfig& node);

}  // namespace causeway::proxy
