// `causeway check`: what would be found at the start, without staying.
#pragma once

#include <iosfwd>
#include <span>
#include <string>
#include <vector>

#include "proxy/cluster/role_election.h"
#include "proxy/config/config.h"

namespace causeway::proxy {

// What an operator has to put right about these nodes, one text each: servers of both kinds, two that are
// one, no writer or several, replicas that take no reads. Nodes without a probe have been told already.
std::vector<std::string> cluster_problems(std::span<const NodeRecord> nodes, const Election& election);

// Polls each node once, elects, tries to listen where the configuration says, and reads its TLS files. Prints
// what was found, a line per node, to `out`, and what is wrong to `err`. The exit status: 0, or 1 if
// something is wrong.
int check(const Config& config, std::ostream& out, std::ostream& err);

}  // namespace causeway::proxy
