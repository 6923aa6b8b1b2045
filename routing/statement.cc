#include "routing/statement.h"

#include <array>
#include <bit>
#include <cstddef>

namespace causeway::routing {

Mentions& Mentions::operator|=(const Mentions& others) {
  using Flags = std::array<unsigned char, sizeof(Mentions)>;
  auto all = std::bit_cast<Flags>(*this);
  const auto more = std::bit_cast<Flags>(others);
  for (size_t i = 0; i < all.size(); ++i)
    all[i] |= more[i];
  return *this = std::bit_cast<Mentions>(all);
}

std::string_view to_string(StatementClass cls) {
  switch (cls) {
    case StatementClass::kEmpty:
      return "empty";
    case StatementClass::kDml:
      return "dml";
    case StatementClass::kLockingRead:
      return "locking_read";
    case StatementClass::kWriterRead:
      return "writer_read";
    case StatementClass::kRead:
      return "read";
    case StatementClass::kDiagnostics:
      return "diagnostics";
    case StatementClass::kPrepare:
      return "prepare";
    case StatementClass::kExecute:
      return "execute";
    case StatementClass::kDeallocate:
      return "deallocate";
    case StatementClass::kBegin:
      return "begin";
    case StatementClass::kCommit:
      return "commit";
    case StatementClass::kRollback:
      return "rollback";
    case StatementClass::kSetTransaction:
      return "set_transaction";
    case StatementClass::kSavepoint:
      return "savepoint";
    case StatementClass::kXa:
      return "xa";
    case StatementClass::kLoadData:
      return "load_data";
    case StatementClass::kPlugin:
      return "plugin";
    case StatementClass::kDdl:
      return "ddl";
    case StatementClass::kCreateTemporary:
      return "create_temporary";
    case StatementClass::kDropTemporary:
      return "drop_temporary";
    case StatementClass::kLockTables:
      return "lock_tables";
    case StatementClass::kUnlockTables:
      return "unlock_tables";
    case StatementClass::kSet:
      return "set";
    case StatementClass::kUse:
      return "use";
    case StatementClass::kKill:
      return "kill";
    case StatementClass::kAdmin:
      return "admin";
    case StatementClass::kUnknown:
      return "unknown";
  }
  return "unknown";
}

CompletionType parse_completion_type(std::string_view value) {
  if (equals_ignoring_case(value, "CHAIN") || value == "1") return CompletionType::kChain;
  if (equals_ignoring_case(value, "RELEASE") || value == "2") return CompletionType::kRelease;
  return CompletionType::kNoChain;
}

void complete(Statement& statement, CompletionType type) {
  if (statement.cls != StatementClass::kCommit && statement.cls != StatementClass::kRollback) return;
  if (type == CompletionType::kChain && !statement.transaction.no_chain) statement.transaction.chain = true;
  if (type == CompletionType::kRelease && !statement.transaction.no_release)
    statement.transaction.release = true;
}

}  // namespace causeway::routing
