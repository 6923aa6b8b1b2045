#include "proxy/commands/text_prepared.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "proxy/session/text_prepared_statements.h"
#include "tests/support/session_test.h"

namespace causeway::test {
namespace {

class TextPrepared : public SessionTest {};

TEST_F(TextPrepared, IsPreparedWhereItRuns) {
  warm_up();
  EXPECT_EQ(ask("PREPARE s FROM 'SELECT a FROM t'"), "OK");
  harness_.replica().on("EXECUTE s", [](Reply& reply) { reply.rows({"a"}, {{"executed"}}); });
  EXPECT_EQ(ask("EXECUTE s"), "[executed]");
  EXPECT_EQ(ask("EXECUTE s"), "[executed]");
  EXPECT_EQ(ask("DEALLOCATE PREPARE s"), "OK");
  EXPECT_EQ(client_->query("EXECUTE s").error, 1243);
}

TEST_F(TextPrepared, AWriteRunsOnTheWriter) {
  warm_up();
  ask("PREPARE s FROM 'INSERT INTO t VALUES (1)'");
  on_writer();
  EXPECT_EQ(ask("EXECUTE s"), "OK");
  EXPECT_EQ(last(on_writer()), "EXECUTE s");
}

TEST_F(TextPrepared, AnotherOneOfTheNameTakesItsPlace) {
  warm_up();
  ask("PREPARE s FROM 'SELECT a FROM t'");
  ask("PREPARE S FROM 'INSERT INTO t VALUES (1)'");
  on_writer();
  EXPECT_EQ(ask("EXECUTE s"), "OK");
  EXPECT_EQ(last(on_writer()), "EXECUTE s");
}

TEST_F(TextPrepared, WhatIsRejectedIsRejectedHereToo) {
  EXPECT_EQ(client_->query("PREPARE s FROM 'SAVEPOINT a'").error, 1235);
  EXPECT_EQ(client_->query("DEALLOCATE PREPARE nothere").error, 1243);
}

TEST_F(TextPrepared, FromAVariableItPinsTheSession) {
  warm_up();
  ask("SET @sql = 'SELECT 1'");
  EXPECT_EQ(ask("PREPARE s FROM @sql"), "OK");
  EXPECT_EQ(ask("SELECT a FROM t"), "[writer]");
}

TEST_F(TextPrepared, AReconnectedServerGetsItAgain) {
  warm_up();
  ask("PREPARE s FROM 'INSERT INTO t VALUES (1)'");
  ask("EXECUTE s");
  harness_.writer().close_all();
  harness_.settle();
  on_writer();
  EXPECT_EQ(ask("EXECUTE s"), "OK");
  EXPECT_EQ(on_writer(), (Texts{"PREPARE s FROM 'INSERT INTO t VALUES (1)'", "EXECUTE s"}));
}

TEST_F(TextPrepared, CausewaysOwnVariablesHaveTheValuesOfNow) {
  warm_up();
  EXPECT_EQ(ask("PREPARE s FROM 'SELECT @@aurora_replica_read_consistency, ''it''''s'' FROM t'"), "OK");
  ask("EXECUTE s");
  ask("SET aurora_replica_read_consistency = 'EVENTUAL'");
  on_both();
  ask("EXECUTE s");
  const Texts asked = on_both();
  const auto prepared = std::find_if(asked.begin(), asked.end(),
                                     [](const std::string& one) { return one.starts_with("PREPARE `s`"); });
  ASSERT_NE(prepared, asked.end());
  EXPECT_NE(prepared->find("''EVENTUAL''"), std::string::npos) << *prepared;
  EXPECT_NE(prepared->find("''it''''s''"), std::string::npos) << *prepared;
  EXPECT_TRUE(any_has(asked, "EXECUTE s"));
}

TEST_F(TextPrepared, BackslashesAreEscapedAsTheSqlModeHasThem) {
  warm_up();
  ask(R"(PREPARE s FROM 'SELECT @@aurora_server_id, ''a\\b'' FROM t')");
  EXPECT_TRUE(any_has(on_both(), R"(a\\b)"));
}

TEST_F(TextPrepared, ASetOfCausewaysOwnVariablesIsDoneHere) {
  EXPECT_EQ(ask("PREPARE s FROM 'SET aurora_replica_read_consistency = ''GLOBAL'''"), "OK");
  EXPECT_EQ(on_both(), Texts{});
  EXPECT_EQ(ask("EXECUTE s"), "OK");
  EXPECT_EQ(ask("SHOW VARIABLES LIKE 'aurora_replica_read_consistency'"),
            "[aurora_replica_read_consistency, GLOBAL]");
  ask("PREPARE s FROM 'SET aurora_replica_read_consistency = ''nonsense'''");
  EXPECT_EQ(client_->query("EXECUTE s").error, 1231);
}

TEST_F(TextPrepared, WhatIsLeftOfSuchASetGoesToTheServers) {
  report_variable(harness_.replica(), "SET", "time_zone", "UTC");
  report_variable(harness_.writer(), "SET", "time_zone", "UTC");
  EXPECT_EQ(ask("PREPARE s FROM 'SET aurora_replica_read_consistency = ''GLOBAL'', time_zone = ''UTC'''"),
            "OK");
  EXPECT_EQ(ask("EXECUTE s"), "OK");
  const Texts asked = on_both();
  EXPECT_TRUE(any_has(asked, "time_zone"));
  EXPECT_FALSE(any_has(asked, "aurora"));
}

TEST_F(TextPrepared, ACharacterSetIsPreparedInAFormThatServersReport) {
  warm_up();
  EXPECT_EQ(ask("PREPARE s FROM 'SET CHARACTER SET latin1'"), "OK");
  EXPECT_TRUE(any_has(on_both(), "collation_connection = @@collation_database"));
}

TEST_F(TextPrepared, UserVariablesAreParameters) {
  warm_up();
  EXPECT_EQ(ask("PREPARE s FROM 'SELECT a FROM t WHERE b = ?'"), "OK");
  EXPECT_EQ(ask("SET @x = 1"), "OK");
  harness_.replica().on("EXECUTE s", [](Reply& reply) { reply.rows({"a"}, {{"on the replica"}}); });
  harness_.writer().on("EXECUTE s", [](Reply& reply) { reply.rows({"a"}, {{"on the writer"}}); });
  EXPECT_EQ(ask("EXECUTE s USING @x"), "[on the writer]");
}

TEST_F(TextPrepared, WithinATransactionItIsPreparedBeside) {
  warm_up();
  ask("BEGIN");
  const Answer prepared = client_->query("PREPARE s FROM 'INSERT INTO t VALUES (1)'");
  EXPECT_EQ(prepared.text(), "OK");
  EXPECT_NE(prepared.status & protocol::status::kInTransaction, 0);
  EXPECT_EQ(ask("EXECUTE s"), "OK");
  EXPECT_EQ(ask("COMMIT"), "OK");
  ask("START TRANSACTION READ ONLY");
  const Answer read_only = client_->query("PREPARE s FROM 'SELECT a FROM t'");
  EXPECT_NE(read_only.status & protocol::status::kInTransactionReadonly, 0);
  ask("COMMIT");
}

TEST_F(TextPrepared, OnlyTheServerKnowsWhatAVariableHeld) {
  warm_up();
  ask("SET @sql = 'SELECT 1'");
  ask("PREPARE s FROM @sql");
  on_both();
  ask("EXECUTE s");
  ask("DEALLOCATE PREPARE s");
  EXPECT_EQ(on_writer(), (Texts{"SET session_track_state_change=1", "EXECUTE s", "DEALLOCATE PREPARE s"}));
}

TEST_F(TextPrepared, OneThatTheServerRefusesIsNone) {
  warm_up();
  for (size_t node = 0; node < 2; ++node)
    harness_.server(node).on("PREPARE",
                             [](Reply& reply) { reply.error(1064, "42000", "You have an error"); });
  EXPECT_EQ(client_->query("PREPARE s FROM 'SELEC'").error, 1064);
  EXPECT_EQ(client_->query("EXECUTE s").error, 1243);
}

TEST_F(TextPrepared, ThereAreNoMoreThanItsBound) {
  for (size_t i = 0; i < proxy::kMaxTextPrepared; ++i)
    ASSERT_EQ(ask("PREPARE s" + std::to_string(i) + " FROM 'SET aurora_replica_read_consistency=DEFAULT'"),
              "OK");
  EXPECT_EQ(client_->query("PREPARE more FROM 'SET aurora_replica_read_consistency=DEFAULT'").error, 1461);
  EXPECT_EQ(ask("DEALLOCATE PREPARE s0"), "OK");
  EXPECT_EQ(ask("PREPARE more FROM 'SET aurora_replica_read_consistency=DEFAULT'"), "OK");
}

class TextPreparedMariadb : public MariadbSessionTest {};

TEST_F(TextPreparedMariadb, AShortSetIsPreparedInAFormThatItReports) {
  warm_up();
  EXPECT_EQ(ask("PREPARE s FROM 'SET @@sql_mode = ''ANSI'''"), "OK");
  EXPECT_TRUE(any_has(on_both(), "@@session.sql_mode"));
}

}  // namespace
}  // namespace causeway::test
