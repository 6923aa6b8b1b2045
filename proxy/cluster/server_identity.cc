#include "proxy/cluster/server_identity.h"

namespace causeway::proxy {
namespace {

bool same_machine(const ServerIdentity& a, const ServerIdentity& b) {
  return a.uuid == b.uuid && a.server_id == b.server_id && a.host_name == b.host_name;
}

}  // namespace

bool same_server(const ServerIdentity& a, const ServerIdentity& b) {
  return same_machine(a, b) && (a.started_at == b.started_at || a.started_at == 0 || b.started_at == 0);
}

std::string_view difference(const ServerIdentity& before, const ServerIdentity& now) {
  return same_machine(before, now) ? "it has been started anew" : "it is another server than before";
}

std::string_view what_is_shared(const ServerIdentity& a, const ServerIdentity& b) {
  if (a.server_id != 0 && same_server(a, b)) return "both are names of one server";
  if (!a.uuid.empty() && a.uuid == b.uuid)
    return "both have the same server_uuid: one is a copy of the other";
  if (a.server_id != 0 && a.server_id == b.server_id) return "both have the same server_id";
  return "";
}

std::string binlog_owner(std::string_view uuid, uint64_t server_id) {
  return uuid.empty() ? std::to_string(server_id) : std::string(uuid);
}

// Both terms are of the time at which the statement began, whatever the session's `timestamp` is.
std::string_view start_time_sql(bool mariadb) {
  return mariadb ? "SELECT CAST(UNIX_TIMESTAMP() AS SIGNED) - CAST(VARIABLE_VALUE AS SIGNED) FROM "
                   "information_schema.SESSION_STATUS WHERE VARIABLE_NAME = 'UPTIME'"
                 : "SELECT CAST(UNIX_TIMESTAMP() AS SIGNED) - CAST(VARIABLE_VALUE AS SIGNED) FROM "
                   "performance_schema.session_status WHERE VARIABLE_NAME = 'Uptime'";
}

}  // namespace causeway::proxy
