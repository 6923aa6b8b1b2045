#include "routing/pin_reason.h"

namespace causeway::routing {

std::string_view to_string(PinReason reason) {
  switch (reason) {
    case PinReason::kTransaction:
      return "transaction";
    case PinReason::kTemporaryTable:
      return "temporary_table";
    case PinReason::kLockTables:
      return "lock_tables";
    case PinReason::kUserLock:
      return "user_lock";
    case PinReason::kUserVariable:
      return "user_variable";
    case PinReason::kPreparedText:
      return "prepared_text";
    case PinReason::kCursor:
      return "cursor";
    case PinReason::kDiagnostics:
      return "diagnostics";
    case PinReason::kHandler:
      return "handler";
    case PinReason::kUntrackable:
      return "untrackable";
  }
  return "unknown";
}

}  // namespace causeway::routing
