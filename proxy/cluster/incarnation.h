// What ends the knowledge about a node. Pure.
#pragma once

#include <string>

#include "proxy/cluster/node_probe.h"

namespace causeway::proxy {

// Why the server that answered `now` is another incarnation than the one that answered `before`: another
// server, a restart, or less executed than it had. Empty if it is the same one. Whatever was known of the
// former (positions, satisfied tokens, connections) holds no more.
std::string why_another_incarnation(const NodeProbe& before, const NodeProbe& now);

}  // namespace causeway::proxy
