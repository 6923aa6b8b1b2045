// What a server reads the text of a statement by when it prepares it, and keeps for the statement, whatever
// the session does afterwards: the schema of unqualified names, and variables that decide what the text
// means.
#pragma once

#include <array>
#include <optional>
#include <string>

namespace causeway::proxy {

struct ConnectionBaseline;

struct ParseContext {
  std::string schema;  // empty: none
  // As the session has set them; nothing: as after the handshake.
  std::optional<std::string> sql_mode;
  std::optional<std::string> character_set_client;
  std::optional<std::string> character_set_connection;
  std::optional<std::string> collation_connection;

  friend bool operator==(const ParseContext&, const ParseContext&) = default;
};

// Whether a text with the same schema may mean something else in the one context than in the other.
bool is_read_otherwise(const ParseContext& one, const ParseContext& other);

// Appends the SET that gives a connection the context's variables; `baseline` has those that the session has
// left alone.
void append_parse_variables_sql(std::string& sql, const ParseContext& context,
                                const ConnectionBaseline& baseline);

}  // namespace causeway::proxy
