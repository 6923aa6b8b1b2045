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
      {s.mentions.user_variables, "uses@"},
      {s.mentions.assigned_user_variables, "sets@"},
      {s.mentions.diagnostics, "diagnostics"},
      {s.mentions.last_insert_id, "last_insert_id"},
      {s.set.role, "role"},
      {s.set.autocommit, "autocommit"},
      {s.set.connection_bound, "bound"},
      {s.set.next_transaction, "assigns_next"},
      {s.set.needs_reported_form, "reported_form"},
      {s.mentions.causeway_variables, "causeway"},
      {s.mentions.connection_id, "connection"},
      {s.mentions.get_lock, "takes_lock"},
      {s.mentions.user_locks, "uses_lock"},
      {s.mentions.writer_functions, "writer_function"},
      {s.mentions.locking_clause, "locking"},
      {s.mentions.sql_calc_found_rows, "calc_rows"},
      {s.shows.variables, "shows_variables"},
      {s.shows.processlist, "shows_processlist"},
      {s.shows.full, "full"},
      {s.mentions.forwarding_processlist, "processlist"},
      {s.set.for_one_statement, "set_statement"},
      {s.placeholders > 0, "placeholders"},
      {s.calls_procedure, "calls"},
      {s.compound, "compound"},
      {s.transaction.read_only, "read_only"},
      {s.transaction.read_write, "read_write"},
      {s.transaction.consistent_snapshot, "snapshot"},
      {s.transaction.next_only, "next_only"},
      {s.transaction.chain, "chain"},
      {s.transaction.release, "release"},
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
