// information_schema.aurora_forwarding_processlist, a table that no server has: what stands in its place.
#pragma once

#include <string>
#include <string_view>

#include "routing/sql_lexer.h"

namespace causeway::routing {

// `sql` with each reference to the table replaced by `derived`, a SELECT, as a derived table of the same
// name, or of the alias that follows it. The table's name counts with information_schema before it, and
// without one if that is the current schema. Where it qualifies a column, the schema is left out.
std::string replace_forwarding_processlist(std::string_view sql, const LexMode& mode,
                                           bool in_information_schema, std::string_view derived);

}  // namespace causeway::routing
