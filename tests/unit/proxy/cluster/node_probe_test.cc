#include "proxy/cluster/node_probe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <fstream>
#include <string>

namespace causeway::proxy {
namespace {

using consistency::PositionKind;
using std::chrono::seconds;
using ::testing::HasSubstr;

// One row as the command line clients print it with \G: "name: value".
NativeRows captured(const std::string& name) {
  const std::string path = std::string(CAUSEWAY_TEST_DATA) + "/unit/proxy/captures/" + name;
  std::ifstream file(path);
  EXPECT_TRUE(file) << path;
  NativeRows result;
  result.rows.emplace_back();
  for (std::string line; std::getline(file, line);) {
    const size_t colon = line.find(':');
    if (line.starts_with("#") || colon == std::string::npos) continue;
    result.columns.push_back(line.substr(line.find_first_not_of(' '), colon - line.find_first_not_of(' ')));
    const std::string value = colon + 2 <= line.size() ? line.substr(colon + 2) : "";
    result.rows[0].push_back(value == "NULL" ? std::nullopt : std::optional(value));
  }
  return result;
}

void set(NativeRows& rows, std::string_view column, std::string value) {
  for (size_t i = 0; i < rows.columns.size(); ++i)
    if (rows.columns[i] == column) rows.rows[0][i] = std::move(value);
}

ReplicaChannel captured_channel(const std::string& name) {
  const auto channels = read_replica_status(captured(name));
  EXPECT_EQ(channels.size(), 1u);
  return channels.empty() ? ReplicaChannel() : channels[0];
}

TEST(NodeProbe, ReadsTheVariablesOfMysql) {
  NodeProbe probe;
  ASSERT_TRUE(read_variables(captured("mysql_9_7_variables"), probe));
  EXPECT_EQ(probe.server_id, 11u);
  EXPECT_EQ(probe.server_uuid, "32a6d841-e565-11f1-b3e0-02fc00000001");
  EXPECT_FALSE(probe.facts.read_only);
  EXPECT_TRUE(probe.facts.binary_log);
  EXPECT_TRUE(probe.gtid_mode);
  EXPECT_EQ(probe.facts.max_connections, 151u);
  EXPECT_EQ(probe.gtid_executed.to_string(), "mysql:32a6d841-e565-11f1-b3e0-02fc00000001:1-10");
  EXPECT_FALSE(has_group_replication(captured("mysql_9_7_variables")));
}

TEST(NodeProbe, ReadsTheVariablesOfMariadb) {
  NodeProbe probe;
  probe.facts.flavor = ServerFlavor::kMariadb;
  ASSERT_TRUE(read_variables(captured("mariadb_10_11_variables"), probe));
  EXPECT_EQ(probe.server_id, 1u);
  EXPECT_TRUE(probe.facts.read_only);
  EXPECT_TRUE(probe.facts.binary_log);
  EXPECT_EQ(probe.gtid_executed.to_string(), "mariadb:0-2-15");
  EXPECT_EQ(probe.gtid_applied.to_string(), "mariadb:0-2-15");
}

TEST(NodeProbe, WhatIsAppliedIsInTheLogWhereThereIsOne) {
  const struct {
    const char* log_bin;
    const char* logs_updates;
    bool expected;
  } cases[] = {{"1", "1", true}, {"1", "0", false}, {"0", "1", false}};
  for (const auto& c : cases) {
    NativeRows rows = captured("mariadb_10_11_variables");
    set(rows, "log_bin", c.log_bin);
    rows.columns.emplace_back("logs_updates");
    rows.rows[0].emplace_back(c.logs_updates);
    NodeProbe probe;
    probe.facts.flavor = ServerFlavor::kMariadb;
    ASSERT_TRUE(read_variables(rows, probe));
    EXPECT_EQ(probe.facts.logs_updates, c.expected) << c.log_bin << " " << c.logs_updates;
  }
}

TEST(NodeProbe, EveryWayOfBeingReadOnlyCounts) {
  const struct {
    const char* column;
    const char* value;
    bool read_only;
  } cases[] = {
      {"read_only", "1", true},       {"read_only", "0", false},
      {"read_only", "OFF", false},    {"read_only", "NO_LOCK_NO_ADMIN", true},
      {"super_read_only", "1", true}, {"innodb_read_only", "1", true},
  };
  for (const auto& c : cases) {
    NativeRows rows = captured("mysql_9_7_variables");
    set(rows, c.column, c.value);
    NodeProbe probe;
    ASSERT_TRUE(read_variables(rows, probe));
    EXPECT_EQ(probe.facts.read_only, c.read_only) << c.column << " " << c.value;
  }
}

TEST(NodeProbe, OnlyGtidModeOnMakesGtidsPositions) {
  for (const char* mode : {"OFF", "OFF_PERMISSIVE", "ON_PERMISSIVE"}) {
    NativeRows rows = captured("mysql_9_7_variables");
    set(rows, "gtid_mode", mode);
    NodeProbe probe;
    ASSERT_TRUE(read_variables(rows, probe));
    EXPECT_FALSE(probe.gtid_mode) << mode;
    EXPECT_EQ(probe.gtid_executed.kind(), PositionKind::kNone) << mode;
  }
}

TEST(NodeProbe, WhatMysqlIsCommittingItsReplicasMayHave) {
  const std::string uuid = "32a6d841-e565-11f1-b3e0-02fc00000001";
  const struct {
    std::string owned, logged;
  } cases[] = {
      {"", "1-10"},
      {uuid + ":12#40:11#39", "1-12"},
      {uuid + ":14#40", "1-10:14"},
      {"what nobody can read", "1-10"},
  };
  for (const auto& c : cases) {
    NativeRows rows = captured("mysql_9_7_variables");
    set(rows, "gtid_owned", c.owned);
    NodeProbe probe;
    ASSERT_TRUE(read_variables(rows, probe));
    EXPECT_EQ(probe.gtid_executed.to_string(), "mysql:" + uuid + ":1-10") << c.owned;
    EXPECT_EQ(probe.gtid_logged.to_string(), "mysql:" + uuid + ":" + c.logged) << c.owned;
  }
  const std::string_view asked = probe_statement(ProbeStatement::kVariables, ServerFlavor::kMysql, 90700);
  EXPECT_LT(asked.find("gtid_owned"), asked.find("gtid_executed"))
      << "asked for in the other order, what is committed in between would be in neither";
}

TEST(NodeProbe, RefusesAnswersThatMakeNoSense) {
  NodeProbe probe;
  EXPECT_FALSE(read_variables({}, probe));
  EXPECT_FALSE(read_variables({.columns = {"server_id"}, .rows = {{std::nullopt}}}, probe));
  NativeRows rows = captured("mysql_9_7_variables");
  set(rows, "gtid_executed", "not a set");
  EXPECT_FALSE(read_variables(rows, probe));
  rows = captured("mysql_9_7_variables");
  rows.rows[0].resize(1);  // fewer values than columns
  EXPECT_TRUE(read_variables(rows, probe));
}

TEST(NodeProbe, ReadsAReplicaOfMysql) {
  const ReplicaChannel channel = captured_channel("mysql_9_7_replica");
  EXPECT_EQ(channel.name, "");
  EXPECT_EQ(channel.source_host, "127.0.0.1");
  EXPECT_EQ(channel.source_port, 33081);
  EXPECT_EQ(channel.source_uuid, "32a6d841-e565-11f1-b3e0-02fc00000001");
  EXPECT_EQ(channel.source_server_id, 11u);
  EXPECT_TRUE(channel.receiver_running);
  EXPECT_TRUE(channel.applier_running);
  EXPECT_TRUE(channel.uses_gtid);
  EXPECT_EQ(channel.lag, seconds(0));
  ASSERT_TRUE(channel.executed);
  EXPECT_EQ(channel.executed->to_string(), "binlog.000001:2934");
  EXPECT_EQ(channel.last_error, "");
}

TEST(NodeProbe, AReplicaWhoseWriterIsDownStillApplies) {
  const ReplicaChannel channel = captured_channel("mysql_9_7_replica_with_writer_down");
  EXPECT_FALSE(channel.receiver_running);
  EXPECT_TRUE(channel.applier_running);
  EXPECT_EQ(channel.lag, std::nullopt);
  EXPECT_EQ(channel.source_server_id, 11u);
  EXPECT_THAT(channel.last_error, HasSubstr("Error reconnecting to source"));
}

TEST(NodeProbe, ReadsReplicasOfMariadb) {
  const ReplicaChannel with = captured_channel("mariadb_10_11_replica_with_gtid");
  EXPECT_TRUE(with.uses_gtid);
  EXPECT_EQ(with.source_port, 33072);
  EXPECT_EQ(with.source_server_id, 2u);
  const ReplicaChannel without = captured_channel("mariadb_10_11_replica_without_gtid");
  EXPECT_FALSE(without.uses_gtid);
  ASSERT_TRUE(without.executed);
  EXPECT_EQ(without.executed->to_string(), "bin.000001:2743");
  EXPECT_EQ(without.lag, seconds(0));
  const ReplicaChannel broken = captured_channel("mariadb_10_11_replica_with_applier_error");
  EXPECT_FALSE(broken.applier_running);
  EXPECT_TRUE(broken.receiver_running);
  EXPECT_EQ(broken.lag, std::nullopt);
  EXPECT_EQ(broken.last_error, "error 1062") << "the server's text has a statement and data in it";
}

TEST(NodeProbe, LeavesTheChannelsOfAReplicationGroupOut) {
  NativeRows rows = captured("mysql_9_7_replica");
  set(rows, "Channel_Name", "group_replication_recovery");
  EXPECT_TRUE(read_replica_status(rows).empty());
}

TEST(NodeProbe, ReadsTheBinaryLogStatus) {
  EXPECT_EQ(read_binlog_status(captured("mysql_9_7_binlog_status"))->to_string(), "binlog.000001:2934");
  EXPECT_EQ(read_binlog_status(captured("mariadb_10_11_binlog_status"))->to_string(), "bin.000001:2893");
  EXPECT_FALSE(read_binlog_status({}));
  EXPECT_EQ(read_binlog_filters(captured("mysql_9_7_binlog_status")), "");
  EXPECT_EQ(read_binlog_filters({.columns = {"Binlog_Do_DB", "Binlog_Ignore_DB"}, .rows = {{"", "a,b"}}}),
            "Binlog_Ignore_DB: a,b");
  EXPECT_FALSE(read_binlog_status({.columns = {"File", "Position"}, .rows = {{"", "4"}}}));
}

TEST(NodeProbe, ReadsTheMembersOfAGroup) {
  const auto members = [](std::vector<std::array<const char*, 3>> given) {
    NativeRows rows{.columns = {"MEMBER_ID", "MEMBER_STATE", "MEMBER_ROLE"}, .rows = {}};
    for (const auto& member : given)
      rows.rows.push_back({member[0], member[1], member[2]});
    return read_group_members(rows, "a");
  };
  EXPECT_EQ(members({}), std::nullopt);
  EXPECT_EQ(members({{"", "OFFLINE", ""}}), std::nullopt) << "loaded, never started";
  EXPECT_EQ(members({{"a", "OFFLINE", ""}}), std::nullopt) << "stopped";
  EXPECT_EQ(members({{"a", "ONLINE", "PRIMARY"}, {"b", "ONLINE", "SECONDARY"}}),
            (GroupMembership{.online = true, .primary = true, .has_quorum = true}));
  EXPECT_EQ(members({{"a", "ONLINE", "PRIMARY"}, {"b", "UNREACHABLE", "SECONDARY"}}),
            (GroupMembership{.online = true, .primary = true, .has_quorum = false}));
  EXPECT_EQ(members({{"a", "RECOVERING", "SECONDARY"}, {"b", "ONLINE", "PRIMARY"}}),
            (GroupMembership{.online = false, .primary = false, .has_quorum = true}));
}

TEST(NodeProbe, SpeaksEachVersionsWords) {
  const auto statement = [](ProbeStatement what, ServerFlavor flavor, uint32_t version) {
    return std::string(probe_statement(what, flavor, version));
  };
  using enum ProbeStatement;
  EXPECT_EQ(statement(kReplicaStatus, ServerFlavor::kMysql, 50744), "SHOW SLAVE STATUS");
  EXPECT_EQ(statement(kReplicaStatus, ServerFlavor::kMysql, 80400), "SHOW REPLICA STATUS");
  EXPECT_EQ(statement(kReplicaStatus, ServerFlavor::kMariadb, 101119), "SHOW ALL SLAVES STATUS");
  EXPECT_EQ(statement(kBinlogStatus, ServerFlavor::kMysql, 80040), "SHOW MASTER STATUS");
  EXPECT_EQ(statement(kBinlogStatus, ServerFlavor::kMysql, 80400), "SHOW BINARY LOG STATUS");
  EXPECT_EQ(statement(kBinlogStatus, ServerFlavor::kMariadb, 120000), "SHOW MASTER STATUS");
  EXPECT_THAT(statement(kGroupMembers, ServerFlavor::kMysql, 50744), HasSubstr("primary_member"));
  EXPECT_THAT(statement(kVariables, ServerFlavor::kMysql, 80025), HasSubstr("@@global.log_slave_updates"));
  EXPECT_THAT(statement(kVariables, ServerFlavor::kMysql, 80026), HasSubstr("@@global.log_replica_updates"));
  EXPECT_THAT(statement(kVariables, ServerFlavor::kMariadb, 101119), HasSubstr("@@global.log_slave_updates"));
}

TEST(NodeProbe, NamesTheRightThatIsMissing) {
  const NativeError denied{.code = 1227, .sqlstate = "42000", .text = "Access denied; you need more"};
  EXPECT_EQ(describe_refusal(ProbeStatement::kReplicaStatus, denied, ServerFlavor::kMariadb, 101119, "mon"),
            "user 'mon' lacks the right SLAVE MONITOR, needed for SHOW ALL SLAVES STATUS: Access denied; you "
            "need more");
  EXPECT_THAT(describe_refusal(ProbeStatement::kReplicaStatus, denied, ServerFlavor::kMysql, 80400, "mon"),
              HasSubstr("lacks the right REPLICATION CLIENT, needed for SHOW REPLICA STATUS"));
  const NativeError other{.code = 1040, .sqlstate = "08004", .text = "Too many connections"};
  EXPECT_EQ(describe_refusal(ProbeStatement::kBinlogStatus, other, ServerFlavor::kMysql, 80400, "mon"),
            "SHOW BINARY LOG STATUS: Too many connections");
}

}  // namespace
}  // namespace causeway::proxy
