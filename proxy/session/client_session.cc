#include "proxy/session/client_session.h"

namespace causeway::proxy {

CountedSession counted_as(const SessionState& state, const Backends& backends, bool logged_in) {
  const Pins& pins = state.pins;
  CountedSession now;
  now.forwarding = logged_in && state.level != consistency::ReadConsistency::kOff;
  now.on_writer = backends.used_writer;
  now.pin(PinReason::kTransaction) = state.transaction.is_open();
  now.pin(PinReason::kTemporaryTable) = pins.temporary_table;
  now.pin(PinReason::kTableLock) = pins.table_lock || pins.backup_lock;
  now.pin(PinReason::kUserLock) = pins.user_lock;
  now.pin(PinReason::kPreparedStatement) = pins.prepared_text;
  now.pin(PinReason::kDiagnostics) = state.last.warnings > 0;
  now.pin(PinReason::kSessionState) = pins.untrackable || pins.unreported || pins.user_variables;
  now.pin(PinReason::kReplication) = pins.replication;
  return now;
}

}  // namespace causeway::proxy
