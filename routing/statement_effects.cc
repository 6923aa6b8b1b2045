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
