// The variables that Causeway answers itself, so that they never reach a server.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "routing/sql_lexer.h"

namespace causeway::routing {

enum class CausewayVariable : uint8_t {
  kReadConsistency,        // aurora_replica_read_consistency
  kPosition,               // causeway_position
  kIdleTimeout,            // aurora_fwd_writer_idle_timeout, read only
  kMaxConnectionsPercent,  // aurora_fwd_writer_max_connections_pct, read only
  kServerId,               // aurora_server_id, read only
  // Servers' variables. Causeway needs its own setting of them on its connections, so that of the session is
  // kept here.
  kTrackedVariables,  // session_track_system_variables
  kTrackSchema,       // session_track_schema
  kTrackGtids,        // session_track_gtids (MySQL)
};
inline constexpr size_t kCausewayVariables = 8;

// The variable of this name, in any case.
std::optional<CausewayVariable> causeway_variable(std::string_view name);

// Its name in lower case.
std::string_view to_string(CausewayVariable variable);

// False for those that are only read.
bool is_settable(CausewayVariable variable);

// One that servers have too: SET GLOBAL and @@global. of it are theirs.
bool is_of_servers(CausewayVariable variable);

// The value of an expression that adds to a list, CONCAT(@@session_track_system_variables, ',a'): of texts,
// and of the variable itself, whose value is `current` (with @@global., `of_servers`). Nothing if it is made
// of anything else.
std::optional<std::string> concatenation(std::string_view expression, const LexMode& mode,
                                         CausewayVariable variable, std::string_view current,
                                         std::string_view of_servers);

struct CausewayAssignment {
  enum class Value : uint8_t {
    kText,         // a bare word, a number or a string: `text` holds it, unquoted
    kDefault,      // DEFAULT
    kPlaceholder,  // ?: the value is bound parameter number `placeholder`
    kExpression,   // anything else: `text` is the expression as written; not supported
  };

  CausewayVariable variable{};
  VariableScope scope = VariableScope::kNone;  // GLOBAL is for the caller to refuse
  Value value = Value::kText;
  std::string text;
  size_t placeholder = 0;  // counted from 0 over the whole statement

  friend bool operator==(const CausewayAssignment&, const CausewayAssignment&) = default;
};

struct CausewaySet {
  std::vector<CausewayAssignment> assignments;
  std::string remaining_sql;  // the SET without them, for a server; empty: nothing left
  size_t placeholders = 0;    // number of ? in the whole statement
};

// The assignments of Causeway's variables in a SET statement; nothing if it has none.
std::optional<CausewaySet> extract_causeway_assignments(std::string_view set_sql, const LexMode& mode);

// The SQL literal that a variable reads as ('SESSION', 60), or nothing to leave the text as it is.
using CausewayLookup =
    std::function<std::optional<std::string>(CausewayVariable variable, VariableScope scope)>;

// `sql` with each @@[scope.]variable of Causeway replaced by its literal, and CONNECTION_ID() and
// @@[session.]pseudo_thread_id by `connection_id`, unless IS_USED_LOCK() is there too, which gives the id of
// a server. One that is a select item by itself gets its text as alias (AS `@@aurora_server_id`), so that the
// column is named as a server would name it.
std::string replace_causeway_variables(std::string_view sql, const LexMode& mode,
                                       const CausewayLookup& lookup, uint64_t connection_id);

}  // namespace causeway::routing
