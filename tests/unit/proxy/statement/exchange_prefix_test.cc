#include "proxy/statement/exchange_prefix.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/support/session_test.h"

namespace causeway::test {
namespace {

class ExchangePrefix : public SessionTest {};

// What is done may not be done in another state: it waits for the server's word on it.
TEST_F(ExchangePrefix, VariablesGoAheadOfTheFirstStatementOnEachServer) {
  report_variable(harness_.replica(), "SET sql_mode", "sql_mode", "ANSI");
  report_variable(harness_.writer(), "SET sql_mode", "sql_mode", "ANSI");
  warm_up();
  ask("SET sql_mode='ANSI'");
  ask("SELECT a FROM t");
  ask("SELECT b FROM t");
  ask("INSERT INTO t VALUES (1)");
  ask("INSERT INTO t VALUES (2)");
  const Texts replica = on_replica();
  const Texts writer = on_writer();
  const auto sets = [](const Texts& all) {
    return std::count_if(all.begin(), all.end(),
                         [](const std::string& sql) { return sql.starts_with("SET "); });
  };
  EXPECT_EQ(sets(replica), 1);
  EXPECT_EQ(sets(writer), 1);
  EXPECT_EQ(last(replica), "SELECT b FROM t");
  EXPECT_EQ(last(writer), "INSERT INTO t VALUES (2)");
}

TEST_F(ExchangePrefix, AServerThatRefusesTheSessionsStateDoesNotGetTheStatement) {
  warm_up();
  report_variable(harness_.replica(), "SET sql_mode", "sql_mode", "ANSI");
  report_variable(harness_.writer(), "SET sql_mode", "sql_mode", "ANSI");
  ask("SET sql_mode='ANSI'");
  const bool set_on_writer = harness_.writer().count("SET sql_mode") > 0;
  ScriptedServer& other = set_on_writer ? harness_.replica() : harness_.writer();
  other.on("SET ", [](Reply& reply) { reply.error(1231, "42000", "Variable cannot be set"); });
  on_writer();
  const std::string answer = ask("INSERT INTO t VALUES ('mark')");
  if (!set_on_writer) {
    EXPECT_EQ(answer, "1231 42000 Variable cannot be set");
    EXPECT_EQ(harness_.writer().count("mark"), 0U);
  }
}

TEST_F(ExchangePrefix, ASchemaGoesAheadOfTheStatementThatNeedsIt) {
  warm_up();
  EXPECT_EQ(ask(protocol::Command::kInitDb, "shop"), "OK");
  ask("SELECT a FROM t");
  ask("INSERT INTO t VALUES (1)");
  const Texts replica = on_replica();
  const Texts writer = on_writer();
  EXPECT_EQ(std::count(replica.begin(), replica.end(), "COM_INIT_DB shop") +
                std::count(writer.begin(), writer.end(), "COM_INIT_DB shop"),
            2);
}

TEST_F(ExchangePrefix, AConnectionOfSomebodyElseIsResetInTheSameWrite) {
  warm_up();
  client_->quit();
  harness_.settle();
  client_ = harness_.connect_and_log_in();
  EXPECT_EQ(ask("SELECT a FROM t"), "[replica1]");
  EXPECT_EQ(harness_.replica().round_trips(), 1U);
  const Texts asked = on_replica();
  ASSERT_EQ(asked.size(), 3U);
  EXPECT_EQ(asked[0], "COM_RESET_CONNECTION");
  EXPECT_EQ(asked[1],
            "SET session_track_system_variables=_utf8mb4'*', session_track_schema=1, "
            "session_track_gtids=_utf8mb4'OWN_GTID', NAMES 'utf8mb4' COLLATE 'utf8mb4_general_ci', SESSION "
            "transaction_read_only=1");
  EXPECT_EQ(asked[2], "SELECT a FROM t");
  EXPECT_EQ(harness_.replica().connections_opened(), 1U);
}

TEST_F(ExchangePrefix, AResetThatFailsCostsTheConnectionAndNotTheRead) {
  warm_up();
  client_->quit();
  harness_.settle();
  harness_.replica().on(
      protocol::Command::kResetConnection, [](Reply& reply) { reply.error(1105, "HY000", "no"); }, 1);
  client_ = harness_.connect_and_log_in();
  const std::string answer = ask("SELECT a FROM t");
  EXPECT_TRUE(answer == "[replica1]" || answer == "[writer]") << answer;
}

TEST_F(ExchangePrefix, SeveralStatementsAreAnOptionOfTheConnection) {
  warm_up();
  client_->quit();
  harness_.settle();
  capabilities_ &= ~protocol::capability::kMultiStatements;
  client_ = harness_.connect();
  client_->log_in("app", "secret", {}, capabilities_);
  ask("SELECT a FROM t");
  const Texts asked = on_replica();
  EXPECT_NE(std::find(asked.begin(), asked.end(), "COM_SET_OPTION"), asked.end());
  EXPECT_EQ(harness_.replica().connections_opened(), 1U);
}

TEST_F(ExchangePrefix, SetTransactionGoesAheadOfTheTransaction) {
  warm_up();
  EXPECT_EQ(ask("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE"), "OK");
  EXPECT_EQ(ask("BEGIN"), "OK");
  EXPECT_EQ(on_writer(), Texts{});
  EXPECT_EQ(ask("INSERT INTO t VALUES (1)"), "OK");
  EXPECT_EQ(harness_.writer().round_trips(), 1U);
  const Texts asked = on_writer();
  ASSERT_EQ(asked.size(), 4U);
  EXPECT_EQ(asked[1], "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE");
  EXPECT_EQ(asked[2], "BEGIN");
  ask("COMMIT");
}

TEST_F(ExchangePrefix, WhatAStatementAsksAboutTheLastOneIsAnsweredForLocalAnswers) {
  warm_up();
  EXPECT_EQ(client_->query("SAVEPOINT a").error, 1235);
  ask("SHOW WARNINGS");
  Texts asked = on_both();
  ASSERT_EQ(asked.size(), 2U);
  EXPECT_TRUE(asked[0].starts_with("SIGNAL SQLSTATE '42000' SET MYSQL_ERRNO=1235")) << asked[0];
  EXPECT_EQ(asked[1], "SHOW WARNINGS");
}

TEST_F(ExchangePrefix, APingCountsAsTheLastCommand) {
  warm_up();
  ask("INSERT INTO t VALUES (1)");
  EXPECT_EQ(ask(protocol::Command::kPing), "OK");
  on_writer();
  ask("SELECT ROW_COUNT()");
  Texts asked = on_writer();
  for (std::string& one : on_replica())
    asked.push_back(std::move(one));
  EXPECT_NE(std::find(asked.begin(), asked.end(), "COM_PING"), asked.end());
}

class ExchangePrefixMariadb : public MariadbSessionTest {};

TEST_F(ExchangePrefixMariadb, AConnectionOfSomebodyElseIsResetInItsOwnWords) {
  warm_up();
  client_->quit();
  harness_.settle();
  client_ = harness_.connect_and_log_in();
  ask("SELECT a FROM t");
  const Texts asked = on_replica();
  ASSERT_EQ(asked.size(), 3U);
  EXPECT_EQ(asked[0], "COM_RESET_CONNECTION");
  EXPECT_TRUE(asked[1].ends_with("SESSION tx_read_only=1")) << asked[1];
}

TEST_F(ExchangePrefixMariadb, AWaitIsMariadbs) {
  warm_up();
  ask("INSERT INTO t VALUES (1)");
  ask("SELECT a FROM t");
  EXPECT_EQ(on_replica(),
            (Texts{"SELECT MASTER_GTID_WAIT(_utf8mb4'0-1-102',1.000) LIMIT 1", "SELECT a FROM t"}));
}

}  // namespace
}  // namespace causeway::test
