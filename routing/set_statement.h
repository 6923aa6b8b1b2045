// The assignments of a SET statement.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "routing/sql_lexer.h"

namespace causeway::routing {

enum class SetKind : uint8_t {
  kSessionVariable,  // a = 1, SESSION a = 1, LOCAL a = 1, @@a = 1, @@session.a = 1
  kGlobalVariable,   // GLOBAL, PERSIST, PERSIST_ONLY in either form
  kUserVariable,     // @a = 1
  kNames,            // NAMES utf8mb4 [COLLATE c], NAMES DEFAULT
  kCharset,          // CHARACTER SET x, CHARSET x
  kTransaction,      // [SESSION] TRANSACTION READ ONLY, ...; `scope` tells the three forms apart
  kRole,             // ROLE r
  kDefaultRole,      // DEFAULT ROLE r TO account
  kPassword,         // PASSWORD [FOR account] = ...
  kResourceGroup,    // RESOURCE GROUP g
  kUnknown,          // not understood; the span is what stands up to the next comma or the end
};

// Views point into the parsed text.
struct SetAssignment {
  SetKind kind = SetKind::kUnknown;
  VariableScope scope =
      VariableScope::kNone;  // as written, or taken over from the last GLOBAL / SESSION before it
  std::string_view
      name;  // of variables: unquoted, case as written, with its component ("hot.key_buffer_size")
  std::string_view value;     // right of the = or behind the keywords, trimmed, quotes kept
  std::string_view span;      // the whole assignment, with its scope word, without the comma
  uint32_t placeholders = 0;  // number of ? in the value
  bool at_form = false;       // a system variable written with @@, and nothing before it
};

// @@x = v, with no scope: MariaDB reports nothing of it, and of the transaction's characteristics both
// servers take it for the next transaction's alone.
inline bool is_bare(const SetAssignment& assignment) {
  return assignment.kind == SetKind::kSessionVariable && assignment.at_form &&
         assignment.scope == VariableScope::kNone;
}

// transaction_isolation, tx_isolation, transaction_read_only, tx_read_only. Any case.
bool is_transaction_characteristic(std::string_view name);

// Yields the assignments of a SET statement one by one, without allocating.
class SetReader {
 public:
  // `sql` is one statement that starts with SET (comments before it are fine); otherwise there are no
  // assignments. SET STATEMENT ... FOR (MariaDB) gives the assignments before FOR.
  SetReader(std::string_view sql, const LexMode& mode);

  // The next assignment, or nothing at the end.
  std::optional<SetAssignment> next();

  // SET STATEMENT a = 1 FOR ...: the text behind FOR once all assignments were read; empty in all other
  // forms.
  std::string_view statement_after_for() const { return after_for_; }

 private:
  void advance() { token_ = lexer_.next(); }
  bool at_end() const;
  SetAssignment read_variable(const char* start);
  SetAssignment read_scoped_variable(const char* start, bool assigned);
  void read_user_variable(SetAssignment& assignment);
  void end_assignment();
  void read_value(SetAssignment& assignment, bool commas_too);

  std::string_view sql_;
  LexMode mode_;
  SqlLexer lexer_;
  Token token_;
  VariableScope sticky_scope_ = VariableScope::kNone;
  bool set_statement_ = false;
  bool done_ = false;
  std::string_view after_for_;
};

// The same SET in a form of which servers report everything (README.md, "Session variables"); empty if they
// do of `sql` as it is. What MariaDB does not report is said with its scope, @@session.x; the collation that
// SET CHARACTER SET leaves behind is assigned once more.
std::string reported_form(std::string_view sql, const LexMode& mode);

// The collation that SET NAMES c COLLATE x asks for, as written without quotes; empty if it names none, and
// for all other assignments.
std::string_view names_collation(const SetAssignment& assignment, const LexMode& mode);

}  // namespace causeway::routing
