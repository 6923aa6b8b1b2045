#include "routing/replication_variables.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "routing/set_statement.h"
#include "routing/statement_effects.h"

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

// As replicas write it: one literal, of which no other value (NULL, say) can come.
bool is_plain_text(std::string_view value) {
  return value.size() >= 2 && value.front() == '\'' && value.find('\'', 1) == value.size() - 1;
}

// What stands between the quotes, if that may be a server's uuid.
std::string_view uuid_of(std::string_view value) {
  constexpr size_t kUuidBytes = 36;
  if (!is_plain_text(value) || value.size() > kUuidBytes + 2) return {};
  const std::string_view text = value.substr(1, value.size() - 2);
  return text.find_first_not_of("0123456789abcdefABCDEF-") == std::string_view::npos ? text
                                                                                     : std::string_view();
}

}  // namespace

ReplicationVariables read_replication_variables(const Statement& statement, const LexMode& mode) {
  ReplicationVariables read;
  const bool assigns = statement.mentions.assigned_user_variables;
  if (statement.cls != StatementClass::kSet || !assigns) {
    if (assigns || is_opaque(statement)) read.connect_state = false;
    return read;
  }
  SetReader reader(statement.text, mode);
  while (const auto assignment = reader.next()) {
    if (assignment->kind != SetKind::kUserVariable) continue;
    const auto is_name = [&](std::string_view name) { return equals_ignoring_case(name, assignment->name); };
    if (!std::ranges::any_of(kReplicationVariables, is_name)) continue;
    read.any = true;
    if (is_name("replica_uuid") || is_name("slave_uuid")) read.uuid = uuid_of(assignment->value);
    if (is_name(kConnectState)) read.connect_state = is_plain_text(assignment->value);
  }
  // Within a value, perhaps, where it is not looked for.
  if (statement.text.find(":=") != std::string_view::npos) read.connect_state = false;
  return read;
}

}  // namespace causeway::routing
