#include "routing/statement_effects.h"

#include <algorithm>
#include <array>
#include <string>

namespace causeway::routing {
namespace {

// What stands ahead of a parenthesis in most statements, and names no stored function. Sorted.
constexpr std::array kNoStoredFunctions = std::to_array<std::string_view>({
    "abs",
    "adddate",
    "addtime",
    "all",
    "and",
    "any",
    "as",
    "ascii",
    "avg",
    "between",
    "binary",
    "bit_length",
    "by",
    "case",
    "cast",
    "ceil",
    "ceiling",
    "char",
    "char_length",
    "character_length",
    "charset",
    "coalesce",
    "collation",
    "concat",
    "concat_ws",
    "connection_id",
    "convert",
    "convert_tz",
    "count",
    "curdate",
    "current_date",
    "current_time",
    "current_timestamp",
    "current_user",
    "curtime",
    "database",
    "date",
    "date_add",
    "date_format",
    "date_sub",
    "datediff",
    "day",
    "dayname",
    "dayofmonth",
    "dayofweek",
    "dayofyear",
    "distinct",
    "div",
    "else",
    "elt",
    "exists",
    "exp",
    "extract",
    "field",
    "find_in_set",
    "floor",
    "format",
    "found_rows",
    "from",
    "from_days",
    "from_unixtime",
    "greatest",
    "group_concat",
    "having",
    "hex",
    "hour",
    "if",
    "ifnull",
    "in",
    "interval",
    "isnull",
    "json_array",
    "json_extract",
    "json_object",
    "json_quote",
    "json_unquote",
    "last_insert_id",
    "lcase",
    "least",
    "left",
    "length",
    "like",
    "limit",
    "ln",
    "localtime",
    "localtimestamp",
    "locate",
    "log",
    "log10",
    "log2",
    "lower",
    "lpad",
    "ltrim",
    "max",
    "md5",
    "microsecond",
    "mid",
    "min",
    "minute",
    "mod",
    "month",
    "monthname",
    "not",
    "now",
    "nullif",
    "on",
    "or",
    "ord",
    "order",
    "over",
    "pi",
    "position",
    "pow",
    "power",
    "quarter",
    "quote",
    "rand",
    "regexp",
    "repeat",
    "replace",
    "reverse",
    "right",
    "round",
    "row",
    "row_count",
    "row_number",
    "rpad",
    "rtrim",
    "schema",
    "second",
    "select",
    "session_user",
    "sha",
    "sha1",
    "sha2",
    "sign",
    "sleep",
    "space",
    "sqrt",
    "str_to_date",
    "strcmp",
    "subdate",
    "substr",
    "substring",
    "substring_index",
    "sum",
    "sysdate",
    "system_user",
    "then",
    "time",
    "time_format",
    "time_to_sec",
    "timediff",
    "timestamp",
    "timestampadd",
    "timestampdiff",
    "to_days",
    "trim",
    "truncate",
    "ucase",
    "unhex",
    "union",
    "unix_timestamp",
    "upper",
    "user",
    "utc_date",
    "utc_time",
    "utc_timestamp",
    "uuid",
    "uuid_short",
    "values",
    "version",
    "week",
    "weekday",
    "weekofyear",
    "when",
    "where",
    "with",
    "xor",
    "year",
    "yearweek",
});
static_assert(std::ranges::is_sorted(kNoStoredFunctions));

bool is_stored_function(const Token& name) {
  if (name.kind == TokenKind::kQuotedIdentifier || name.after_dot) return true;
  if (name.kind != TokenKind::kWord) return false;
  const std::string lower = ascii_lower(name.text);
  return !std::ranges::binary_search(kNoStoredFunctions, std::string_view(lower));
}

bool may_call_stored_function(const Statement& statement, const LexMode& mode) {
  if (statement.text.find('(') == std::string_view::npos) return false;
  SqlLexer lexer(statement.text, mode);
  Token before;
  for (Token token = lexer.next(); token.kind != TokenKind::kEnd; token = lexer.next()) {
    const bool opens = token.kind == TokenKind::kOperator && token.text == "(";
    if (opens && is_stored_function(before)) return true;
    before = token;
  }
  return false;
}

}  // namespace

bool is_opaque(const Statement& statement) {
  switch (statement.cls) {
    case StatementClass::kDml:
      return statement.calls_procedure || statement.compound;
    case StatementClass::kExecute:
    case StatementClass::kUnknown:
      return true;
    default:
      return statement.calls_procedure;
  }
}

Statement together(std::span<const Statement> statements) {
  const Statement& first = statements.front();
  Statement all = first;
  bool unexplained = false;
  for (const Statement& statement : statements) {
    if (statement.cls == StatementClass::kDml) all.cls = StatementClass::kDml;
    all.mentions |= statement.mentions;
    all.calls_procedure |= statement.calls_procedure;
    all.compound |= statement.compound;
    all.uses_handler |= statement.uses_handler;
    unexplained |= is_opaque(statement) && !statement.mentions.user_variables;
  }
  // What a procedure changes is explained by what its own CALL names.
  all.mentions.user_variables &= !unexplained;
  // What went before all of them, or goes ahead of them, only the first one meets.
  all.mentions.diagnostics = first.mentions.diagnostics;
  all.mentions.row_count = first.mentions.row_count;
  all.mentions.found_rows = first.mentions.found_rows;
  all.mentions.access_mode = first.mentions.access_mode;
  all.mentions.from = first.mentions.from;
  return all;
}

bool uses_named_variables_only(const Statement& statement, const LexMode& mode) {
  return reads_no_table(statement) && !may_call_stored_function(statement, mode);
}

bool only_calls(const Statement& statement, const LexMode& mode) {
  const bool reads = statement.cls == StatementClass::kRead || statement.only_evaluates;
  return reads && reads_no_table(statement) && may_call_stored_function(statement, mode);
}

bool reads_no_table(const Statement& statement) {
  if (statement.cls == StatementClass::kPrepare) return true;
  if (is_opaque(statement) || statement.uses_handler || statement.mentions.from) return false;
  switch (statement.cls) {
    case StatementClass::kRead:
    case StatementClass::kWriterRead:
      return statement.mentions.select && !statement.shows.variables;
    case StatementClass::kDml:
      return statement.only_evaluates;
    case StatementClass::kSet:
    case StatementClass::kDiagnostics:
      return true;
    default:
      return false;
  }
}

bool can_be_replayed(const Statement& statement) {
  const bool leaves_something =
      statement.set.connection_bound || statement.set.role || statement.cls == StatementClass::kPrepare;
  return leaves_something && reads_no_table(statement) && statement.placeholders == 0 &&
         !statement.mentions.writer_functions;
}

bool keeps_warnings(const Statement& statement) {
  switch (statement.cls) {
    case StatementClass::kEmpty:
    case StatementClass::kBegin:
    case StatementClass::kCommit:
    case StatementClass::kRollback:
    case StatementClass::kSetTransaction:
    case StatementClass::kUse:
    case StatementClass::kDeallocate:
      return true;
    default:
      return reads_no_table(statement);
  }
}

bool keeps_found_rows(const Statement& statement, bool mariadb) {
  if (statement.mentions.select || statement.calls_procedure) return false;
  switch (statement.cls) {
    case StatementClass::kBegin:
    case StatementClass::kCommit:
    case StatementClass::kRollback:
    case StatementClass::kSetTransaction:
    case StatementClass::kSet:
    case StatementClass::kUse:
    case StatementClass::kPrepare:
    case StatementClass::kDeallocate:
    case StatementClass::kLockTables:
    case StatementClass::kUnlockTables:
    case StatementClass::kDdl:
      return true;
    case StatementClass::kDml:
      return mariadb && statement.only_evaluates;
    default:
      return false;
  }
}

// https://dev.mysql.com/doc/refman/9.0/en/implicit-commit.html,
// https://mariadb.com/kb/en/sql-statements-that-cause-an-implicit-commit/
bool may_commit(const Statement& statement) {
  switch (statement.cls) {
    case StatementClass::kEmpty:
    case StatementClass::kRead:
    case StatementClass::kLockingRead:
    case StatementClass::kWriterRead:
    case StatementClass::kDiagnostics:
    case StatementClass::kPrepare:
    case StatementClass::kDeallocate:
    case StatementClass::kRollback:
    case StatementClass::kSetTransaction:
    case StatementClass::kSavepoint:
    case StatementClass::kLoadData:
    case StatementClass::kCreateTemporary:
    case StatementClass::kDropTemporary:
    case StatementClass::kUse:
    case StatementClass::kKill:
      return false;
    case StatementClass::kDml:
      return is_opaque(statement);
    case StatementClass::kSet:
      return statement.set.autocommit;
    case StatementClass::kExecute:
    case StatementClass::kBegin:
    case StatementClass::kCommit:
    case StatementClass::kXa:
    case StatementClass::kPlugin:
    case StatementClass::kDdl:
    case StatementClass::kLockTables:
    case StatementClass::kUnlockTables:
    case StatementClass::kAdmin:
    case StatementClass::kUnknown:
      return true;
  }
  return true;
}

bool sees_nothing_behind_its_commit(const Statement& statement) {
  switch (statement.cls) {
    case StatementClass::kDml:
      return !is_opaque(statement);
    case StatementClass::kLoadData:
    case StatementClass::kDdl:
      return true;
    default:
      return false;
  }
}

}  // namespace causeway::routing
