// Temporary tables by name: for the setting that rejects what Aurora rejects, permanent DML that reads one.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "routing/sql_lexer.h"

namespace causeway::routing {

// The name in CREATE [OR REPLACE] TEMPORARY TABLE [IF NOT EXISTS] [schema.]name, unquoted; empty for anything
// else.
std::string created_temporary_table(std::string_view sql, const LexMode& mode);

// Whether an INSERT, REPLACE, UPDATE or DELETE of a table that is none of these names one of them. By name
// alone, in any case: a permanent table of the same name in another schema counts too, so that nothing is let
// through.
bool reads_temporary_table_into_permanent(std::string_view sql, const LexMode& mode,
                                          std::span<const std::string> temporary_tables);

}  // namespace causeway::routing
