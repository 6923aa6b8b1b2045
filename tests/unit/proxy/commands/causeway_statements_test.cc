#include "proxy/commands/causeway_statements.h"

#include <gtest/gtest.h>

#include "tests/support/session_test.h"

namespace causeway::test {
namespace {

class CausewayStatements : public SessionTest {
 protected:
  // The last text that either server was asked.
  std::string asked(std::string_view sql) {
    on_replica();
    on_writer();
    ask(sql);
    Texts all = on_both();
    return all.empty() ? std::string() : last(all);
  }
};

TEST_F(CausewayStatements, TheLevelIsSetAndShown) {
  EXPECT_EQ(ask("SET SESSION aurora_replica_read_consistency = 'global'"), "OK");
  EXPECT_EQ(ask("SHOW VARIABLES LIKE 'aurora_replica_read_consistency'"),
            "[aurora_replica_read_consistency, GLOBAL]");
  EXPECT_EQ(ask("SET aurora_replica_read_consistency = DEFAULT"), "OK");
  EXPECT_EQ(ask("SHOW VARIABLES LIKE 'aurora_replica_read_consistency'"),
            "[aurora_replica_read_consistency, SESSION]");
  EXPECT_EQ(harness_.writer().connections_opened() + harness_.replica().connections_opened(), 0U);
}

TEST_F(CausewayStatements, WhatIsWrongIsRefusedAndChangesNothing) {
  EXPECT_EQ(client_->query("SET aurora_replica_read_consistency = 'nonsense'").error, 1231);
  EXPECT_EQ(client_->query("SET aurora_server_id = 'x'").error, 1238);
  EXPECT_EQ(client_->query("SET aurora_replica_read_consistency='GLOBAL', session_track_schema='x'").error,
            1231);
  EXPECT_EQ(client_->query("SET causeway_position = 'nonsense'").error, 1231);
  EXPECT_EQ(client_->query("SET session_track_gtids = 'x'").error, 1231);
  EXPECT_EQ(ask("SHOW VARIABLES LIKE 'aurora_replica_read_consistency'"),
            "[aurora_replica_read_consistency, SESSION]");
}

TEST_F(CausewayStatements, ForwardingIsNotSwitchedInATransaction) {
  ask("BEGIN");
  EXPECT_NE(client_->query("SET aurora_replica_read_consistency = ''").error, 0);
  ask("COMMIT");
  EXPECT_EQ(ask("SET aurora_replica_read_consistency = ''"), "OK");
}

TEST_F(CausewayStatements, ValuesStandInThePlacesOfVariables) {
  EXPECT_NE(asked("SELECT @@aurora_replica_read_consistency").find("'SESSION'"), std::string::npos);
  EXPECT_NE(asked("SELECT @@aurora_fwd_writer_idle_timeout").find("8"), std::string::npos);
  EXPECT_NE(asked("SELECT CONNECTION_ID()").find(std::to_string(client_->id())), std::string::npos);
  EXPECT_NE(asked("SELECT @@aurora_server_id").find("replica1"), std::string::npos);
}

TEST_F(CausewayStatements, WhatServersTrackTooIsBoth) {
  EXPECT_EQ(ask("SET session_track_schema = OFF"), "OK");
  EXPECT_EQ(ask("SET session_track_gtids = 'OWN_GTID'"), "OK");
  EXPECT_EQ(ask("SET session_track_system_variables = 'sql_mode,time_zone'"), "OK");
  EXPECT_NE(asked("SELECT @@session_track_system_variables").find("'sql_mode,time_zone'"), std::string::npos);
  EXPECT_EQ(ask("SET session_track_system_variables = CONCAT(@@session_track_system_variables, ',sql_mode')"),
            "OK");
  EXPECT_EQ(client_->query("SET session_track_system_variables = 'a''b'").error, 1231);
  EXPECT_EQ(ask("SET session_track_schema = DEFAULT, session_track_gtids = DEFAULT, "
                "session_track_system_variables = DEFAULT"),
            "OK");
}

TEST_F(CausewayStatements, APositionIsHandedOn) {
  warm_up();
  ask("INSERT INTO t VALUES (1)");
  const std::string position = "mysql:00000000-0000-0000-0000-000000000001:102";
  EXPECT_EQ(ask("SHOW VARIABLES LIKE 'causeway_position'").find("[causeway_position, mysql:"), 0U);
  const auto other = harness_.connect_and_log_in();
  EXPECT_EQ(other->query("SET causeway_position = '" + position + "'").text(), "OK");
  on_replica();
  EXPECT_EQ(other->query("SELECT a FROM t").text(), "[replica1]");
  EXPECT_EQ(harness_.replica().count("WAIT_FOR"), 1U);
  EXPECT_EQ(client_->query("SET causeway_position = 'mysql:00000000-0000-0000-0000-000000000001:5000'").error,
            1231);
  EXPECT_EQ(client_->query("SET causeway_position = 'mariadb:0-1-5'").error, 1231);
  other->quit();
}

TEST_F(CausewayStatements, StatusIsAurorasNamesWithThisProcessNumbers) {
  warm_up();
  ask("INSERT INTO t VALUES (1)");
  const std::string status = ask("SHOW GLOBAL STATUS LIKE 'Aurora_fwd_writer_dml_stmt_count'");
  EXPECT_EQ(status, "[Aurora_fwd_writer_dml_stmt_count, 2]");
}

TEST_F(CausewayStatements, OtherVariablesComeFromAServerAndOurOwnBehindThem) {
  harness_.replica().on("SHOW VARIABLES", [](Reply& reply) {
    reply.rows({"Variable_name", "Value"}, {{"a", "b"}});
  });
  const std::string answer = ask("SHOW VARIABLES");
  EXPECT_EQ(answer.find("[a, b]"), 0U);
  EXPECT_NE(answer.find("[aurora_replica_read_consistency, SESSION]"), std::string::npos);
}

TEST_F(CausewayStatements, TheRestOfASetGoesToTheServer) {
  EXPECT_NE(asked("SET aurora_replica_read_consistency='EVENTUAL', sql_mode='ANSI'").find("sql_mode"),
            std::string::npos);
}

class CausewayStatementsMariadb : public MariadbSessionTest {};

TEST_F(CausewayStatementsMariadb, HasNoTrackerOfGtids) {
  EXPECT_EQ(client_->query("SET session_track_gtids = 'OWN_GTID'").error, 1193);
}

TEST_F(CausewayStatements, StatusIsCausewaysOwn) {
  warm_up();
  const std::string status = ask("SHOW STATUS LIKE 'aurora_fwd_%'");
  EXPECT_NE(status.find("[Aurora_fwd_"), std::string::npos) << status;
  EXPECT_EQ(on_both(), Texts{});
}

TEST_F(CausewayStatements, AmongAllVariablesAreThoseOfServersAndOwnOnes) {
  warm_up();
  for (size_t node = 0; node < 2; ++node) {
    harness_.server(node).on("SHOW VARIABLES", [](Reply& reply) {
      reply.rows({"a", "b"}, {{"autocommit", "ON"}});
    });
  }
  const std::string all = ask("SHOW VARIABLES");
  EXPECT_NE(all.find("[autocommit, ON]"), std::string::npos) << all;
  EXPECT_NE(all.find("[aurora_replica_read_consistency, SESSION]"), std::string::npos) << all;
  EXPECT_NE(all.find("[causeway_position, "), std::string::npos) << all;
}

TEST_F(CausewayStatements, OnlyTheSessionsVariablesAreSetAndOnlyToValues) {
  EXPECT_EQ(client_->query("SET aurora_replica_read_consistency = @a").error, 1231);
  EXPECT_EQ(client_->query("SET session_track_system_variables = 'a;b'").error, 1231);
  EXPECT_EQ(client_->query("SET session_track_schema = 'x'").error, 1231);
}

TEST_F(CausewayStatements, ListsOfTrackedVariablesAreAdded) {
  EXPECT_EQ(ask("SET session_track_system_variables = CONCAT(@@session_track_system_variables, ',sql_mode')"),
            "OK");
  EXPECT_NE(asked("SELECT @@session_track_system_variables").find(",sql_mode'"), std::string::npos);
  EXPECT_EQ(ask("SET session_track_system_variables = DEFAULT"), "OK");
  EXPECT_NE(asked("SELECT @@session_track_system_variables").find("@@global.session_track_system_variables"),
            std::string::npos);
  EXPECT_EQ(ask("SET session_track_gtids = ALL_GTIDS"), "OK");
  EXPECT_NE(asked("SELECT @@session_track_gtids").find("'ALL_GTIDS'"), std::string::npos);
  EXPECT_EQ(ask("SET session_track_gtids = OFF"), "OK");
  EXPECT_EQ(ask("SET session_track_schema = OFF"), "OK");
  EXPECT_NE(asked("SELECT @@session_track_schema").find("0"), std::string::npos);
}

TEST_F(CausewayStatements, APositionIsTakenToAnotherSession) {
  warm_up();
  ask("INSERT INTO t VALUES (1)");
  const std::string shown = ask("SHOW VARIABLES LIKE 'causeway_position'");
  const size_t start = shown.find(", ") + 2;
  const std::string position = shown.substr(start, shown.size() - 1 - start);
  const auto second = harness_.connect_and_log_in();
  EXPECT_EQ(second->query("SET causeway_position = '" + position + "'").text(), "OK");
  on_both();
  EXPECT_EQ(second->query("SELECT a FROM t").text(), "[replica1]");
  EXPECT_TRUE(any_has(on_replica(), "WAIT_FOR_EXECUTED_GTID_SET"));
  EXPECT_EQ(second->query("SET causeway_position = DEFAULT").text(), "OK");
  EXPECT_EQ(second->query("SET causeway_position = '0-1-5'").error, 1231);
  EXPECT_EQ(second->query("SET causeway_position = '00000000-0000-0000-0000-000000000001:1-9999'").error,
            1231);
}

class CausewayStatementsOnMariadb : public MariadbSessionTest {};

TEST_F(CausewayStatementsOnMariadb, ItsServersTrackNoGtids) {
  EXPECT_EQ(client_->query("SET session_track_gtids = 'OWN_GTID'").error, 1193);
  EXPECT_EQ(ask("SET session_track_schema = ON"), "OK");
}

}  // namespace
}  // namespace causeway::test
