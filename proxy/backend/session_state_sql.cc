#include "proxy/backend/session_state_sql.h"

#include <string_view>

#include "routing/sql_literal.h"

namespace causeway::proxy {
namespace {

void append_charset(std::string& sql, std::string_view variable, std::string_view value) {
  if (value.empty()) return;
  sql.append(", ").append(variable).append("=");
  if (value == "NULL") {
    sql.append(value);
  } else {
    routing::append_utf8_literal(sql, value);
  }
}

// As after a handshake. Then SET NAMES ... COLLATE is as good as the handshake was; with a character set
// alone, its default collation would stand in the column definitions of results.
bool is_of_one_collation(const ConnectionBaseline& baseline) {
  const std::string_view charset = baseline.character_set_client;
  const std::string_view collation = baseline.collation_connection;
  if (charset.empty() || charset != baseline.character_set_results) return false;
  const bool of_charset = collation.starts_with(charset) && collation.substr(charset.size()).starts_with('_');
  return of_charset || (charset == "binary" && collation == charset);
}

}  // namespace

void append_charsets_sql(std::string& sql, const BackendConnection& connection) {
  const ConnectionBaseline& baseline = connection.server.baseline;
  if (is_of_one_collation(baseline)) {
    sql.append(", NAMES '").append(baseline.character_set_client);
    sql.append("' COLLATE '").append(baseline.collation_connection).append("'");
    return;
  }
  append_charset(sql, "character_set_client", baseline.character_set_client);
  append_charset(sql, "character_set_results", baseline.character_set_results);
  append_charset(sql, "collation_connection", baseline.collation_connection);
}

void append_trackers_sql(std::string& sql, const BackendConnection& connection) {
  sql.append("SET session_track_system_variables=_utf8mb4'*', session_track_schema=1");
  if (!connection.server.mariadb) sql.append(", session_track_gtids=_utf8mb4'OWN_GTID'");
  // MariaDB's COM_RESET_CONNECTION forgets it.
  if (connection.server.mariadb && protocol::has(connection.capabilities, protocol::capability::kInteractive))
    sql.append(", wait_timeout=@@interactive_timeout");
}

}  // namespace causeway::proxy
