#include "proxy/session/client_session.h"

#include "proxy/backend/shard.h"

namespace causeway::proxy {

void count_session(ClientSession& session) {
  const Pins& pins = session.state.pins;
  CountedSession now;
  now.forwarding = session.activity.logged_in && session.state.level != consistency::ReadConsistency::kOff;
  now.on_writer = session.backends.used_writer;
  now.pin(PinReason::kTransaction) = session.state.transaction.is_open();
  now.pin(PinReason::kTemporaryTable) = pins.temporary_table;
  now.pin(PinReason::kTableLock) = pins.table_lock || pins.backup_lock;
  now.pin(PinReason::kUserLock) = pins.user_lock;
  now.pin(PinReason::kPreparedStatement) = pins.prepared_text;
  now.pin(PinReason::kDiagnostics) = session.state.last.warnings > 0;
  now.pin(PinReason::kSessionState) = pins.untrackable || pins.unreported || pins.user_variables;
  session.shard.metrics().clients.recount(session.activity.counted, now);
  session.activity.counted = now;
}

}  // namespace causeway::proxy
