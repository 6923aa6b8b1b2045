#include "proxy/session/client_session.h"

#include "proxy/backend/shard.h"

namespace causeway::proxy {
namespace {

std::optional<std::string> value_of(const ClientSession& session, std::string_view variable) {
  const std::string* value = session.variables.find(variable);
  return value == nullptr ? std::nullopt : std::optional(*value);
}

}  // namespace

ParseContext parse_context(const ClientSession& session) {
  return {.schema = session.schema,
          .sql_mode = value_of(session, "sql_mode"),
          .character_set_client = value_of(session, "character_set_client"),
          .character_set_connection = value_of(session, "character_set_connection"),
          .collation_connection = value_of(session, "collation_connection")};
}

void count_session(ClientSession& session) {
  const Pins& pins = session.pins;
  CountedSession now;
  now.forwarding = session.logged_in && session.level != consistency::ReadConsistency::kOff;
  now.on_writer = session.used_writer;
  now.pin(PinReason::kTransaction) = session.transaction.is_open();
  now.pin(PinReason::kTemporaryTable) = pins.temporary_table;
  now.pin(PinReason::kTableLock) = pins.table_lock || pins.backup_lock;
  now.pin(PinReason::kUserLock) = pins.user_lock;
  now.pin(PinReason::kPreparedStatement) = pins.prepared_text;
  now.pin(PinReason::kDiagnostics) = session.last_warnings > 0;
  now.pin(PinReason::kSessionState) = pins.untrackable || pins.unreported || pins.user_variables;
  session.shard.metrics().recount(session.counted, now);
  session.counted = now;
}

}  // namespace causeway::proxy
