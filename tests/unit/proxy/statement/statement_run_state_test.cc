#include <gtest/gtest.h>

#include <algorithm>

#include "proxy/statement/statement_run.h"
#include "tests/support/session_test.h"

namespace causeway::test {
namespace {

class StatementRunState : public SessionTest {};

TEST_F(StatementRunState, ATemporaryTableKeepsTheSessionOnTheWriter) {
  warm_up();
  harness_.writer().on("CREATE TEMPORARY", [](Reply& reply) { reply.ok({.state_change = true}); });
  EXPECT_EQ(ask("CREATE TEMPORARY TABLE x (a INT)"), "OK");
  EXPECT_EQ(ask("SELECT a FROM t"), "[writer]");
  EXPECT_EQ(harness_.books().gauge_pinned, 1);
  EXPECT_EQ(harness_.books().nodes[0].gauge_leases_in_use, 1);
  EXPECT_EQ(ask(protocol::Command::kResetConnection), "OK");
  EXPECT_EQ(ask("SELECT a FROM t"), "[replica1]");
  EXPECT_EQ(harness_.books().gauge_pinned, 0);
}

TEST_F(StatementRunState, LocksKeepItUntilTheyAreReleased) {
  warm_up();
  ask("LOCK TABLES t WRITE");
  EXPECT_EQ(ask("SELECT a FROM t"), "[writer]");
  ask("UNLOCK TABLES");
  EXPECT_EQ(ask("SELECT a FROM t"), "[replica1]");
  EXPECT_EQ(ask("SELECT GET_LOCK('l', 1)"), "[writer]");
  EXPECT_EQ(ask("SELECT a FROM t"), "[writer]");
}

TEST_F(StatementRunState, WhatIsLostWithAConnectionEndsTheSession) {
  warm_up();
  ask("LOCK TABLES t WRITE");
  harness_.writer().close_all();
  harness_.settle();
  const Answer answer = client_->query("SELECT a FROM t");
  EXPECT_NE(answer.error, 0);
  EXPECT_EQ(ask("SELECT b FROM t"), "closed");
}

TEST_F(StatementRunState, ATransactionIsWhereTheStatusFlagsSayThatItIs) {
  warm_up();
  harness_.writer().on("CALL p", [](Reply& reply) {
    reply.connection.in_transaction = true;
    reply.ok();
  });
  ask("CALL p()");
  EXPECT_EQ(ask("SELECT a FROM t"), "[writer]");
  ask("ROLLBACK");
  EXPECT_EQ(ask("SELECT a FROM t"), "[replica1]");
}

TEST_F(StatementRunState, AnErrorMayHaveEndedATransaction) {
  warm_up();
  ask("BEGIN");
  ask("INSERT INTO t VALUES (1)");
  harness_.writer().on("deadlock", [](Reply& reply) {
    reply.connection.in_transaction = false;
    reply.error(1213, "40001", "Deadlock found when trying to get lock; try restarting transaction");
  });
  EXPECT_EQ(client_->query("UPDATE t SET a = 'deadlock'").error, 1213);
  EXPECT_EQ(ask("SELECT a FROM t"), "[writer]");  // not known to have ended
  EXPECT_EQ(ask("SELECT a FROM t"), "[replica1]");
}

TEST_F(StatementRunState, LastInsertIdIsTheWriters) {
  warm_up();
  harness_.writer().on("mark", [](Reply& reply) { reply.ok({.affected_rows = 1, .last_insert_id = 7}); });
  ask("INSERT INTO t VALUES ('mark')");
  EXPECT_EQ(ask("SELECT LAST_INSERT_ID(), a FROM t"), "[writer]");
  EXPECT_EQ(ask("SELECT a FROM t"), "[replica1]");
}

TEST_F(StatementRunState, WhoTakesTheConnectionOverAsksForTheFormersLastInsertId) {
  harness_.services().budgets[0].set_limit(1);
  harness_.writer().on("mark", [](Reply& reply) { reply.ok({.affected_rows = 1, .last_insert_id = 7}); });
  harness_.writer().on("SELECT LAST_INSERT_ID() LIMIT 1", [](Reply& reply) { reply.rows({"id"}, {{"9"}}); });
  ask("INSERT INTO t VALUES ('mark')");
  const auto other = harness_.connect_and_log_in();
  on_writer();
  EXPECT_EQ(other->query("INSERT INTO t VALUES (1)").text(), "OK");
  const Texts asked = on_writer();
  ASSERT_GE(asked.size(), 2U);
  EXPECT_EQ(asked[0], "SELECT LAST_INSERT_ID() LIMIT 1");
  EXPECT_EQ(asked[1], "COM_RESET_CONNECTION");
  ask("SELECT LAST_INSERT_ID(), a FROM t");
  const Texts told = on_writer();
  EXPECT_TRUE(any_has(told, "SET last_insert_id=9")) << testing::PrintToString(told);
  other->quit();
}

TEST_F(StatementRunState, SeveralStatementsCountAsTheirLastOne) {
  warm_up();
  EXPECT_EQ(ask("SELECT a FROM t; SELECT b FROM t"), "[replica1]; [replica1]");
  EXPECT_EQ(ask("INSERT INTO t VALUES (1); SELECT c FROM t"), "OK; [writer]");
}

TEST_F(StatementRunState, ASessionIsCountedWhereItHasRunSomething) {
  EXPECT_EQ(harness_.books().gauge_forwarding, 1);
  EXPECT_EQ(harness_.books().gauge_on_writer, 0);
  ask("INSERT INTO t VALUES (1)");
  EXPECT_EQ(harness_.books().gauge_on_writer, 1);
}

}  // namespace
}  // namespace causeway::test
