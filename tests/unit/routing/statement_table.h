// Helpers for tables of statements: a Statement's flags as words.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "routing/classifier.h"

namespace causeway::routing::testing {

// The flags that are set, in this order, separated by blanks. has_select is left out: every SELECT has it.
inline std::string flags_of(const Statement& s) {
  const std::pair<bool, std::string_view> flags[] = {
      {s.uses_user_variables, "uses@"},
      {s.assigns_user_variables, "sets@"},
      {s.uses_diagnostics, "diagnostics"},
      {s.uses_last_insert_id, "last_insert_id"},
      {s.sets_role, "role"},
      {s.sets_autocommit, "autocommit"},
      {s.sets_connection_bound, "bound"},
      {s.assigns_next_transaction, "assigns_next"},
      {s.needs_reported_form, "reported_form"},
      {s.uses_causeway_variables, "causeway"},
      {s.uses_connection_id, "connection"},
      {s.takes_user_lock, "takes_lock"},
      {s.uses_user_lock, "uses_lock"},
      {s.calls_writer_function, "writer_function"},
      {s.has_locking_clause, "locking"},
      {s.calls_sql_calc_found_rows, "calc_rows"},
      {s.shows_variables, "shows_variables"},
      {s.shows_processlist, "shows_processlist"},
      {s.is_full, "full"},
      {s.uses_forwarding_processlist, "processlist"},
      {s.is_set_statement, "set_statement"},
      {s.has_placeholders, "placeholders"},
      {s.calls_procedure, "calls"},
      {s.compound, "compound"},
      {s.read_only, "read_only"},
      {s.read_write, "read_write"},
      {s.consistent_snapshot, "snapshot"},
      {s.next_transaction_only, "next_only"},
      {s.chain, "chain"},
      {s.release, "release"},
  };
  std::string words;
  for (const auto& [set, word] : flags) {
    if (!set) continue;
    if (!words.empty()) words += ' ';
    words += word;
  }
  return words;
}

struct Row {
  std::string_view sql;
  StatementClass cls;
  std::string_view flags = "";
  std::string_view operation = "";
};

inline std::string describe(StatementClass cls, std::string_view flags, std::string_view operation) {
  std::string text(to_string(cls));
  text += " [";
  text += flags;
  text += "] ";
  text += operation;
  return text;
}

inline std::string describe(const Statement& statement) {
  return describe(statement.cls, flags_of(statement), statement.operation);
}

}  // namespace causeway::routing::testing
