// SHOW VARIABLES and SHOW STATUS with their filter, which Causeway answers in part itself.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "routing/sql_lexer.h"

namespace causeway::routing {

struct ShowFilter {
  enum class Subject : uint8_t { kVariables, kStatus };
  struct Name {
    std::string text;         // unquoted
    bool is_pattern = false;  // LIKE, else =
  };

  Subject subject = Subject::kVariables;
  VariableScope scope = VariableScope::kNone;  // kNone, kSession, kGlobal
  std::vector<Name> names;                     // any of them; empty: everything
  bool understood = true;                      // false: a WHERE that is more than names, kept in `where`
  std::string_view where;                      // behind WHERE, a view into the text
};

// SHOW [GLOBAL|SESSION|LOCAL] VARIABLES|STATUS [LIKE 'p' | WHERE ...]. Understood of WHERE: Variable_name = |
// LIKE | IN with strings, joined by OR. Nothing for any other statement.
std::optional<ShowFilter> parse_show_filter(std::string_view sql, const LexMode& mode);

// Whether a variable of this name is asked for. True for a filter that is not understood.
bool matches(const ShowFilter& filter, std::string_view name);

// SQL's LIKE with % and _ and \ as escape, ASCII case-insensitive. Linear in the text for each % of the
// pattern.
bool sql_like(std::string_view pattern, std::string_view text);

}  // namespace causeway::routing
