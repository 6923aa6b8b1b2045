#include "proxy/session/parse_context.h"

#include <string_view>

#include "proxy/backend/backend_connection.h"
#include "routing/sql_literal.h"

namespace causeway::proxy {
namespace {

void append_assignment(std::string& sql, std::string_view variable, std::string_view value) {
  sql.append(variable).append("=");
  routing::append_utf8_literal(sql, value);
}

}  // namespace

bool is_read_otherwise(const ParseContext& one, const ParseContext& other) {
  return one.sql_mode != other.sql_mode || one.character_set_client != other.character_set_client ||
         one.character_set_connection != other.character_set_connection ||
         one.collation_connection != other.collation_connection;
}

void append_parse_variables_sql(std::string& sql, const ParseContext& context,
                                const ConnectionBaseline& baseline) {
  sql += "SET ";
  append_assignment(sql, "sql_mode", context.sql_mode.value_or(baseline.sql_mode));
  sql += ',';
  append_assignment(sql, "character_set_client",
                    context.character_set_client.value_or(baseline.character_set_client));
  sql += ',';
  // The character set brings its default collation.
  if (context.collation_connection || !context.character_set_connection) {
    append_assignment(sql, "collation_connection",
                      context.collation_connection.value_or(baseline.collation_connection));
  } else {
    append_assignment(sql, "character_set_connection", *context.character_set_connection);
  }
}

}  // namespace causeway::proxy
