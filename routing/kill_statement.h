// KILL [HARD|SOFT] [CONNECTION|QUERY] id
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "routing/sql_lexer.h"

namespace causeway::routing {

struct KillTarget {
  bool query_only = false;  // KILL QUERY
  uint64_t id = 0;

  friend bool operator==(const KillTarget&, const KillTarget&) = default;
};

// The target of a KILL with a literal id, a number or a text of one. Nothing for KILL USER, KILL QUERY ID, an
// expression, or any other statement.
std::optional<KillTarget> parse_kill(std::string_view sql, const LexMode& mode);

}  // namespace causeway::routing
