#include "routing/statement_effects.h"

namespace causeway::routing {

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

bool uses_named_variables_only(const Statement& statement) {
  return reads_no_table(statement) && statement.text.find('(') == std::string_view::npos;
}

bool reads_no_table(const Statement& statement) {
  if (statement.cls == StatementClass::kPrepare) return true;
  if (is_opaque(statement) || statement.uses_handler || statement.has_from) return false;
  switch (statement.cls) {
    case StatementClass::kRead:
    case StatementClass::kWriterRead:
      return statement.has_select && !statement.shows_variables;
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
      statement.sets_connection_bound || statement.sets_role || statement.cls == StatementClass::kPrepare;
  return leaves_something && reads_no_table(statement) && !statement.has_placeholders &&
         !statement.calls_writer_function;
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
  if (statement.has_select || statement.calls_procedure) return false;
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
      return statement.sets_autocommit;
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
