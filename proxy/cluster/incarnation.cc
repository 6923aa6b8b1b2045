#include "proxy/cluster/incarnation.h"

#include <algorithm>

namespace causeway::proxy {
namespace {

bool same_source(const ReplicaChannel& a, const ReplicaChannel& b) {
  return a.name == b.name && a.source_host == b.source_host && a.source_port == b.source_port &&
         a.source_uuid == b.source_uuid && a.source_server_id == b.source_server_id;
}

// Coordinates are comparable while they are of the same log.
bool went_back(const std::vector<ReplicaChannel>& before, const std::vector<ReplicaChannel>& now) {
  return std::ranges::any_of(before, [&](const ReplicaChannel& was) {
    const auto is =
        std::ranges::find_if(now, [&](const ReplicaChannel& channel) { return same_source(channel, was); });
    return is != now.end() && was.executed && is->executed && !is->executed->contains(*was.executed);
  });
}

// A server counts its connections up (https://dev.mysql.com/doc/refman/8.4/en/information-functions.html,
// CONNECTION_ID()). So one that is started anew within the second of its start is known all the same.
bool counts_anew(const NodeProbe& before, const NodeProbe& now) {
  if (before.connection_id == 0 || now.connection_id == 0) return false;
  return now.connection_id < before.connection_id ||
         (now.on_new_connection && now.connection_id == before.connection_id);
}

}  // namespace

std::string why_another_incarnation(const NodeProbe& before, const NodeProbe& now) {
  if (!same_server(before.identity(), now.identity()))
    return std::string(difference(before.identity(), now.identity()));
  if (counts_anew(before, now)) return "it has been started anew";
  const bool lost = !now.gtid_executed.contains(before.gtid_executed) ||
                    !now.gtid_applied.contains(before.gtid_applied) ||
                    (before.binlog_position && now.binlog_position &&
                     !now.binlog_position->contains(*before.binlog_position)) ||
                    went_back(before.channels, now.channels);
  return lost ? "its executed position went back" : "";
}

}  // namespace causeway::proxy
