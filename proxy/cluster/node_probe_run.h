// Runs one poll on a connection.
#pragma once

#include <cstdint>
#include <string_view>

#include "proxy/cluster/native_client.h"
#include "proxy/cluster/node_probe.h"

namespace causeway::proxy {

// Two to four round trips. `client` is connected; after a connection error it is closed. The error's text
// names the missing right if that is the reason; its code is the server's, or 0 for an answer that makes no
// sense. The rights: REPLICATION CLIENT (MariaDB 10.5+: REPLICA MONITOR and BINLOG MONITOR), for replication
// groups SELECT on performance_schema.replication_group_members.
NativeResult<NodeProbe> probe_node(NativeClient& client, std::string_view user);

// When the server was started, see ServerIdentity; 0 if it does not tell. What is wrong with the connection
// the poll will tell.
int64_t ask_start_time(NativeClient& client);

}  // namespace causeway::proxy
