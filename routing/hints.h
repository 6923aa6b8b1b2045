// Routing hints: `/* causeway: route=writer consistency=global max_lag=500ms */` before a statement, or the
// query attributes causeway.route, causeway.consistency, causeway.max_lag.
#pragma once

#include <array>
#include <string_view>

#include "routing/statement.h"

namespace causeway::routing {

// The hints in the comments that stand before the first token of `sql`. Pairs are separated by white space or
// commas; a later comment overrides an earlier one; unknown keys and values that are not understood change
// nothing but `mistake`.
Hints parse_hints(std::string_view sql);

// Sets the hint `key` (without "causeway.", any case): route = writer | replica, consistency = any word (a
// view on `value` is kept), max_lag = a number with us, ms, s, m (no unit: ms), at most one day. False if not
// understood.
bool apply_hint(Hints& hints, std::string_view key, std::string_view value);

// The query attributes that are hints.
inline constexpr std::array<std::string_view, 3> kHintAttributes = {"causeway.route", "causeway.consistency",
                                                                    "causeway.max_lag"};

// A query attribute: overrides a hint in the text if its name begins with "causeway.", else it is not ours.
// What is not understood is the `mistake`: a view on `name` is kept.
void apply_attribute(Hints& hints, std::string_view name, std::string_view value);

}  // namespace causeway::routing
