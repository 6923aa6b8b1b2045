#include "proxy/metrics/metrics.h"

#include <algorithm>

namespace causeway::proxy {

std::string_view to_string(StatementTarget value) {
  switch (value) {
    case StatementTarget::kWriter:
      return "writer";
    case StatementTarget::kReplica:
      return "replica";
    case StatementTarget::kLocal:
      return "local";
    case StatementTarget::kRejected:
      return "rejected";
  }
  return "";
}

std::string_view to_string(StatementKind value) {
  switch (value) {
    case StatementKind::kRead:
      return "read";
    case StatementKind::kDml:
      return "dml";
    case StatementKind::kLockingRead:
      return "locking_read";
    case StatementKind::kDdl:
      return "ddl";
    case StatementKind::kTransaction:
      return "transaction";
    case StatementKind::kSet:
      return "set";
    case StatementKind::kOther:
      return "other";
  }
  return "";
}

std::string_view to_string(PinReason value) {
  switch (value) {
    case PinReason::kTransaction:
      return "transaction";
    case PinReason::kTemporaryTable:
      return "temporary_table";
    case PinReason::kTableLock:
      return "table_lock";
    case PinReason::kUserLock:
      return "user_lock";
    case PinReason::kPreparedStatement:
      return "prepared_statement";
    case PinReason::kDiagnostics:
      return "diagnostics";
    case PinReason::kSessionState:
      return "session_state";
    case PinReason::kReplication:
      return "replication";
  }
  return "";
}

std::string_view to_string(RejectReason value) {
  switch (value) {
    case RejectReason::kTooManyConnections:
      return "too_many_connections";
    case RejectReason::kMaxClients:
      return "max_clients";
    case RejectReason::kDescriptors:
      return "descriptors";
    case RejectReason::kTlsRequired:
      return "tls_required";
    case RejectReason::kHandshake:
      return "handshake";
  }
  return "";
}

std::string_view to_string(ReplayedState value) {
  switch (value) {
    case ReplayedState::kSchema:
      return "schema";
    case ReplayedState::kVariables:
      return "variables";
    case ReplayedState::kCharacterSet:
      return "character_set";
    case ReplayedState::kTransaction:
      return "transaction";
    case ReplayedState::kStatement:
      return "statement";
  }
  return "";
}

StatementKind statement_kind(routing::StatementClass cls) {
  using routing::StatementClass;
  switch (cls) {
    case StatementClass::kRead:
    case StatementClass::kDiagnostics:
      return StatementKind::kRead;
    case StatementClass::kDml:
    case StatementClass::kLoadData:
      return StatementKind::kDml;
    case StatementClass::kLockingRead:
    case StatementClass::kWriterRead:
      return StatementKind::kLockingRead;
    case StatementClass::kDdl:
    case StatementClass::kPlugin:
    case StatementClass::kCreateTemporary:
    case StatementClass::kDropTemporary:
      return StatementKind::kDdl;
    case StatementClass::kBegin:
    case StatementClass::kCommit:
    case StatementClass::kRollback:
    case StatementClass::kSetTransaction:
    case StatementClass::kSavepoint:
    case StatementClass::kXa:
      return StatementKind::kTransaction;
    case StatementClass::kSet:
    case StatementClass::kUse:
      return StatementKind::kSet;
    case StatementClass::kEmpty:
    case StatementClass::kPrepare:
    case StatementClass::kExecute:
    case StatementClass::kDeallocate:
    case StatementClass::kLockTables:
    case StatementClass::kUnlockTables:
    case StatementClass::kKill:
    case StatementClass::kAdmin:
    case StatementClass::kUnknown:
      return StatementKind::kOther;
  }
  return StatementKind::kOther;
}

void ReadWaitHistogram::add(std::chrono::microseconds duration) {
  total.add(duration);
  const auto microseconds = static_cast<uint64_t>(duration.count());
  const auto bound = std::ranges::lower_bound(kReadWaitBounds, microseconds);
  buckets[static_cast<size_t>(bound - kReadWaitBounds.begin())].add();
}

}  // namespace causeway::proxy
