// Who answers behind an address: what a connection says of itself in its set-up, and the monitor's in its
// first poll. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace causeway::proxy {

// One process of one server.
struct ServerIdentity {
  std::string uuid;  // @@server_uuid; empty on MariaDB, which has none
  uint64_t server_id = 0;
  std::string host_name;   // of its machine, and the port that it listens at: "db1:3306"
  int64_t started_at = 0;  // seconds since 1970 by the server's own clock; 0: it does not tell

  friend bool operator==(const ServerIdentity&, const ServerIdentity&) = default;
};

// Both are the same process, as far as both tell. A copy of a server has its uuid and its id, but not its
// start.
bool same_server(const ServerIdentity& a, const ServerIdentity& b);

// What is wrong with `now` where `before` was expected, in people's words; only if they are not the same.
std::string_view difference(const ServerIdentity& before, const ServerIdentity& now);

// Of two nodes that should be two servers: what they share that no two servers of a cluster may, in people's
// words. Empty if nothing.
std::string_view what_is_shared(const ServerIdentity& a, const ServerIdentity& b);

// Whose log it is, for coordinates of its binary log: the UUID, else the id.
std::string binlog_owner(std::string_view uuid, uint64_t server_id);

// The statement for started_at: one row with one number, that does not depend on when it is asked. Needs no
// right. Looks at the session's status, since the global one costs the more the more threads there are.
std::string_view start_time_sql(bool mariadb);

}  // namespace causeway::proxy
