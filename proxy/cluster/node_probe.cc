#include "proxy/cluster/node_probe.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <initializer_list>

namespace causeway::proxy {
namespace {

using consistency::BinlogCoordinates;
using consistency::Position;
using consistency::PositionKind;
using Names = std::initializer_list<std::string_view>;

// One row by column name. Names differ between versions: the first that is there counts.
class RowView {
 public:
  RowView(const std::vector<std::string>& columns, const NativeRows::Row& row)
      : columns_(columns), row_(row) {}

  const std::optional<std::string>* find(Names names) const {
    for (const std::string_view name : names) {
      const auto found = std::ranges::find(columns_, name);
      const auto index = static_cast<size_t>(found - columns_.begin());
      if (index < row_.size()) return &row_[index];
    }
    return nullptr;
  }
  std::string text(Names names) const {
    const auto* value = find(names);
    return value != nullptr ? value->value_or("") : "";
  }
  std::optional<uint64_t> number(Names names) const {
    const std::string value = text(names);
    uint64_t result = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), result);
    if (error != std::errc() || end != value.data() + value.size()) return std::nullopt;
    return result;
  }
  // MariaDB 12's read_only has more values than two: what is not off is on.
  bool flag(Names names) const {
    const std::string value = text(names);
    return !value.empty() && value != "0" && value != "OFF" && value != "No" && value != "N";
  }

 private:
  const std::vector<std::string>& columns_;
  const NativeRows::Row& row_;
};

std::optional<BinlogCoordinates> coordinates(const RowView& row, Names file, Names offset) {
  const auto at = row.number(offset);
  if (!at) return std::nullopt;
  auto made = BinlogCoordinates::make(row.text(file), *at);
  if (!made) return std::nullopt;
  return *made;
}

constexpr uint32_t kMysqlReplicaWords = 80022;       // SHOW REPLICA STATUS
constexpr uint32_t kMysqlLogReplicaUpdates = 80026;  // log_replica_updates
constexpr uint32_t kMysqlBinaryLogStatus = 80200;    // SHOW BINARY LOG STATUS
constexpr uint32_t kMysqlMemberRole = 80002;
constexpr uint32_t kMariadbMonitorRights =
    100502;  // BINLOG MONITOR, SLAVE MONITOR (10.5.8 requires the latter)

std::string_view required_right(ProbeStatement statement, ServerFlavor flavor, uint32_t version_number) {
  const bool fine_rights = flavor == ServerFlavor::kMariadb && version_number >= kMariadbMonitorRights;
  switch (statement) {
    case ProbeStatement::kVariables:
      return "SELECT on system variables";
    case ProbeStatement::kReplicaStatus:
      return fine_rights ? "SLAVE MONITOR" : "REPLICATION CLIENT";
    case ProbeStatement::kBinlogStatus:
      return fine_rights ? "BINLOG MONITOR" : "REPLICATION CLIENT";
    case ProbeStatement::kGroupMembers:
      return "SELECT on performance_schema.replication_group_members";
  }
  return "";
}

bool is_about_rights(const NativeError& error) {
  constexpr unsigned kDatabaseAccessDenied = 1044;
  constexpr unsigned kTableAccessDenied = 1142;
  constexpr unsigned kColumnAccessDenied = 1143;
  constexpr unsigned kSpecificAccessDenied = 1227;
  return error.code == kDatabaseAccessDenied || error.code == kTableAccessDenied ||
         error.code == kColumnAccessDenied || error.code == kSpecificAccessDenied;
}

constexpr std::array<std::string_view, 9> kReplicationFilters = {
    "Replicate_Do_DB",         "Replicate_Ignore_DB",         "Replicate_Do_Table",
    "Replicate_Ignore_Table",  "Replicate_Wild_Do_Table",     "Replicate_Wild_Ignore_Table",
    "Replicate_Do_Domain_Ids", "Replicate_Ignore_Domain_Ids", "Replicate_Rewrite_DB"};
constexpr std::array<std::string_view, 2> kBinaryLogFilters = {"Binlog_Do_DB", "Binlog_Ignore_DB"};

// What is left out, by the names of the columns.
std::string read_filters(const RowView& row, std::span<const std::string_view> names) {
  constexpr size_t kMaxBytes = 300;
  std::string filters;
  for (const std::string_view name : names) {
    const std::string value = row.text({name});
    if (value.empty()) continue;
    filters.append(filters.empty() ? "" : "; ").append(name).append(": ").append(value);
  }
  if (filters.size() > kMaxBytes) filters.resize(kMaxBytes);
  return filters;
}

ReplicaChannel read_channel(const RowView& row) {
  ReplicaChannel channel;
  channel.name = row.text({"Channel_Name", "Connection_name"});
  channel.source_host = row.text({"Source_Host", "Master_Host"});
  channel.source_port = static_cast<uint16_t>(
      std::min<uint64_t>(row.number({"Source_Port", "Master_Port"}).value_or(0), 65535));
  channel.source_uuid = row.text({"Source_UUID", "Master_UUID"});
  channel.source_server_id = row.number({"Source_Server_Id", "Master_Server_Id"}).value_or(0);
  channel.receiver_running = row.text({"Replica_IO_Running", "Slave_IO_Running"}) == "Yes";
  channel.applier_running = row.text({"Replica_SQL_Running", "Slave_SQL_Running"}) == "Yes";
  channel.uses_gtid = row.flag({"Auto_Position", "Using_Gtid"});
  constexpr uint64_t kYears = uint64_t{100} * 366 * 86400;
  if (const auto seconds = row.number({"Seconds_Behind_Source", "Seconds_Behind_Master"}))
    channel.lag = std::chrono::seconds(std::min(*seconds, kYears));
  channel.executed = coordinates(row, {"Relay_Source_Log_File", "Relay_Master_Log_File"},
                                 {"Exec_Source_Log_Pos", "Exec_Master_Log_Pos"});
  channel.filters = read_filters(row, kReplicationFilters);
  const uint64_t applier_error = row.number({"Last_SQL_Errno"}).value_or(0);
  channel.last_error =
      applier_error != 0 ? "error " + std::to_string(applier_error) : row.text({"Last_IO_Error"});
  return channel;
}

bool read_position(const RowView& row, std::string_view column, PositionKind kind, Position& position) {
  auto parsed = Position::parse(kind, row.text({column}));
  if (parsed) position = std::move(*parsed);
  return parsed.has_value();
}

// What cannot be read of gtid_owned counts as nothing: it makes a replica less suspicious, no more.
void read_owned(const RowView& row, NodeProbe& probe) {
  const auto owned = consistency::GtidSet::parse_owned(row.text({"gtid_owned"}));
  if (owned) static_cast<void>(probe.gtid_logged.merge(Position(*owned)));
}

constexpr std::string_view kMariadbVariables =
    "SELECT @@global.server_id AS server_id, "
    "CONCAT(@@global.hostname, ':', @@global.port) AS host_name, "
    "@@global.read_only AS read_only, "
    "@@global.innodb_read_only AS innodb_read_only, @@global.log_bin AS log_bin, "
    "@@global.log_slave_updates AS logs_updates, "
    "@@global.max_connections AS max_connections, @@global.sql_mode AS sql_mode, "
    "@@global.init_connect <> '' AS init_connect, @@global.autocommit AS autocommit, "
    "@@global.sql_auto_is_null AS auto_is_null, @@global.completion_type AS completion_type, "
    "@@global.tx_read_only AS transaction_read_only, "
    "@@global.session_track_transaction_info AS track_transactions, "
    "@@global.session_track_state_change AS track_state_change, "
    "@@global.gtid_current_pos AS gtid_current_pos, "
    "@@global.gtid_slave_pos AS gtid_slave_pos";

constexpr std::string_view kMysqlVariables =
    "SELECT @@global.server_id AS server_id, @@global.server_uuid AS server_uuid, "
    "CONCAT(@@global.hostname, ':', @@global.port) AS host_name, "
    "@@global.read_only AS read_only, @@global.super_read_only AS super_read_only, "
    "@@global.innodb_read_only AS innodb_read_only, @@global.log_bin AS log_bin, "
    "@@global.max_connections AS max_connections, @@global.sql_mode AS sql_mode, "
    "@@global.init_connect <> '' AS init_connect, @@global.autocommit AS autocommit, "
    "@@global.sql_auto_is_null AS auto_is_null, @@global.completion_type AS completion_type, "
    "@@global.transaction_read_only AS transaction_read_only, "
    "@@global.session_track_transaction_info AS track_transactions, "
    "@@global.session_track_state_change AS track_state_change, "
    "@@global.gtid_mode AS gtid_mode, "
    "@@global.gtid_owned AS gtid_owned, "  // ahead of gtid_executed, where a transaction goes from here
    "@@global.gtid_executed AS gtid_executed, "
    "EXISTS (SELECT 1 FROM information_schema.PLUGINS WHERE PLUGIN_NAME = 'group_replication' "
    "AND PLUGIN_STATUS = 'ACTIVE') AS group_replication";

// It has another name by now, and the former one is deprecated.
const std::string& mysql_variables() {
  static const std::string text =
      std::string(kMysqlVariables) + ", @@global.log_replica_updates AS logs_updates";
  return text;
}

const std::string& older_mysql_variables() {
  static const std::string text =
      std::string(kMysqlVariables) + ", @@global.log_slave_updates AS logs_updates";
  return text;
}

}  // namespace

std::string_view probe_statement(ProbeStatement statement, ServerFlavor flavor, uint32_t version_number) {
  const bool mysql = flavor == ServerFlavor::kMysql;
  switch (statement) {
    case ProbeStatement::kVariables:
      if (!mysql) return kMariadbVariables;
      return version_number >= kMysqlLogReplicaUpdates ? mysql_variables() : older_mysql_variables();
    case ProbeStatement::kReplicaStatus:
      if (!mysql) return "SHOW ALL SLAVES STATUS";
      return version_number >= kMysqlReplicaWords ? "SHOW REPLICA STATUS" : "SHOW SLAVE STATUS";
    case ProbeStatement::kBinlogStatus:
      return mysql && version_number >= kMysqlBinaryLogStatus ? "SHOW BINARY LOG STATUS"
                                                              : "SHOW MASTER STATUS";
    case ProbeStatement::kGroupMembers:
      if (version_number >= kMysqlMemberRole)
        return "SELECT MEMBER_ID, MEMBER_STATE, MEMBER_ROLE FROM "
               "performance_schema.replication_group_members";
      return "SELECT MEMBER_ID, MEMBER_STATE, IF((SELECT VARIABLE_VALUE FROM "
             "performance_schema.global_status "
             "WHERE VARIABLE_NAME = 'group_replication_primary_member') IN ('', MEMBER_ID), 'PRIMARY', "
             "'SECONDARY') "
             "AS MEMBER_ROLE FROM performance_schema.replication_group_members";
  }
  return "";
}

OrProblem<> read_variables(const NativeRows& rows, NodeProbe& probe) {
  if (rows.rows.size() != 1) return Problem{"the server variables have come in no row, or several"};
  const RowView row(rows.columns, rows.rows.front());
  const auto server_id = row.number({"server_id"});
  if (!server_id) return Problem{"the server has no server_id"};
  probe.server_id = *server_id;
  probe.server_uuid = row.text({"server_uuid"});
  probe.host_name = row.text({"host_name"});
  probe.facts.read_only =
      row.flag({"read_only"}) || row.flag({"super_read_only"}) || row.flag({"innodb_read_only"});
  probe.facts.binary_log = row.flag({"log_bin"});
  probe.facts.logs_updates = probe.facts.binary_log && row.flag({"logs_updates"});
  probe.facts.max_connections = row.number({"max_connections"}).value_or(0);
  probe.facts.sql_mode = row.text({"sql_mode"});
  probe.facts.init_connect = row.flag({"init_connect"});
  probe.facts.defaults = {.autocommit = row.find({"autocommit"}) == nullptr || row.flag({"autocommit"}),
                          .auto_is_null = row.flag({"auto_is_null"}),
                          .transaction_read_only = row.flag({"transaction_read_only"}),
                          .tracks_transactions = row.flag({"track_transactions"}),
                          .tracks_state_change = row.flag({"track_state_change"}),
                          .completion_type = routing::parse_completion_type(row.text({"completion_type"}))};
  probe.gtid_mode = row.text({"gtid_mode"}) == "ON";
  if (probe.facts.flavor == ServerFlavor::kMariadb) {
    if (!read_position(row, "gtid_current_pos", PositionKind::kMariadbGtid, probe.gtid_executed))
      return Problem{"gtid_current_pos cannot be read"};
    if (!read_position(row, "gtid_slave_pos", PositionKind::kMariadbGtid, probe.gtid_applied))
      return Problem{"gtid_slave_pos cannot be read"};
  } else if (probe.gtid_mode &&
             !read_position(row, "gtid_executed", PositionKind::kGtidSet, probe.gtid_executed)) {
    return Problem{"gtid_executed cannot be read"};
  }
  probe.gtid_logged = probe.gtid_executed;
  if (probe.gtid_mode) read_owned(row, probe);
  return {};
}

std::vector<ReplicaChannel> read_replica_status(const NativeRows& rows) {
  std::vector<ReplicaChannel> channels;
  for (const NativeRows::Row& row : rows.rows) {
    ReplicaChannel channel = read_channel(RowView(rows.columns, row));
    // What a replication group does is told by its members table.
    if (!channel.name.starts_with("group_replication_")) channels.push_back(std::move(channel));
  }
  return channels;
}

std::optional<BinlogCoordinates> read_binlog_status(const NativeRows& rows) {
  if (rows.rows.empty()) return std::nullopt;
  return coordinates(RowView(rows.columns, rows.rows.front()), {"File"}, {"Position"});
}

std::string read_binlog_filters(const NativeRows& rows) {
  if (rows.rows.empty()) return {};
  return read_filters(RowView(rows.columns, rows.rows.front()), kBinaryLogFilters);
}

std::optional<GroupMembership> read_group_members(const NativeRows& rows, std::string_view server_uuid) {
  std::optional<GroupMembership> self;
  size_t reachable = 0;
  for (const NativeRows::Row& values : rows.rows) {
    const RowView row(rows.columns, values);
    const std::string state = row.text({"MEMBER_STATE"});
    if (state == "ONLINE" || state == "RECOVERING") ++reachable;
    // A server whose plugin is loaded but not started is alone, without an id or OFFLINE.
    if (row.text({"MEMBER_ID"}) != server_uuid || state == "OFFLINE") continue;
    self = GroupMembership{.online = state == "ONLINE", .primary = row.text({"MEMBER_ROLE"}) == "PRIMARY"};
  }
  if (self) self->has_quorum = reachable * 2 > rows.rows.size();
  return self;
}

bool has_group_replication(const NativeRows& variables) {
  return variables.rows.size() == 1 &&
         RowView(variables.columns, variables.rows.front()).flag({"group_replication"});
}

std::string describe_refusal(ProbeStatement statement, const NativeError& error, ServerFlavor flavor,
                             uint32_t version_number, std::string_view user) {
  const std::string_view text = probe_statement(statement, flavor, version_number);
  std::string result;
  if (is_about_rights(error)) {
    result.append("user '").append(user).append("' lacks the right ");
    result.append(required_right(statement, flavor, version_number)).append(", needed for ");
  }
  result.append(text.substr(0, 40)).append(text.size() > 40 ? "...: " : ": ").append(error.text);
  return result;
}

}  // namespace causeway::proxy
