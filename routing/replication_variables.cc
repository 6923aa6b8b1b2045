#include "routing/replication_variables.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "routing/set_statement.h"

namespace causeway::routing {
namespace {

constexpr std::string_view kConnectState = "slave_connect_state";
constexpr std::array<std::string_view, 13> kReplicationVariables = {
    "source_heartbeat_period",
    "master_heartbeat_period",
    "source_binlog_checksum",
    "master_binlog_checksum",
    "replica_uuid",
    "slave_uuid",
    "rpl_semi_sync_replica",
    "rpl_semi_sync_slave",
    "mariadb_slave_capability",
    kConnectState,
    "slave_gtid_strict_mode",
    "slave_gtid_ignore_duplicates",
    "slave_until_gtid",
};

}  // namespace

ReplicationVariables read_replication_variables(const Statement& statement, const LexMode& mode) {
  ReplicationVariables read;
  if (statement.cls != StatementClass::kSet || !statement.mentions.assigned_user_variables) return read;
  SetReader reader(statement.text, mode);
  while (const auto assignment = reader.next()) {
    if (assignment->kind != SetKind::kUserVariable) continue;
    const auto is_name = [&](std::string_view name) { return equals_ignoring_case(name, assignment->name); };
    if (!std::ranges::any_of(kReplicationVariables, is_name)) continue;
    read.any = true;
    if (is_name(kConnectState)) read.connect_state = !equals_ignoring_case(assignment->value, "NULL");
  }
  return read;
}

}  // namespace causeway::routing
