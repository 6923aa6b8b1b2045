#include "proxy/commands/statement_commands.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/support/session_test.h"

namespace causeway::test {
namespace {

using protocol::Command;

class StatementCommands : public SessionTest {
 protected:
  uint32_t prepare(std::string_view sql) {
    const Answer answer = client_->command(Command::kStmtPrepare, sql);
    EXPECT_EQ(answer.error, 0) << answer.text();
    return answer.statement_id;
  }
};

TEST_F(StatementCommands, AReadIsPreparedWhereItRuns) {
  warm_up();
  const uint32_t id = prepare("SELECT a FROM t WHERE b = ?");
  EXPECT_EQ(client_->execute(id, {"1"}).text(), "[replica1]");
  EXPECT_EQ(client_->execute(id, {"2"}).text(), "[replica1]");
  EXPECT_EQ(on_replica(), (Texts{"COM_STMT_PREPARE SELECT a FROM t WHERE b = ?",
                                 "COM_STMT_EXECUTE SELECT a FROM t WHERE b = ?",
                                 "COM_STMT_EXECUTE SELECT a FROM t WHERE b = ?"}));
  EXPECT_EQ(on_writer(), Texts{});
}

// A read in a transaction of a session that has read on a replica may not miss what it saw there.
TEST_F(StatementCommands, InATransactionItIsPreparedOnTheWriterToo) {
  warm_up();
  const uint32_t id = prepare("SELECT a FROM t WHERE b = ?");
  client_->execute(id, {"1"});
  ask("BEGIN");
  EXPECT_EQ(client_->execute(id, {"1"}).text(), "[writer]");
  EXPECT_EQ(on_writer(), (Texts{"SELECT @@global.read_only LIMIT 1", "BEGIN",
                                "COM_STMT_PREPARE SELECT a FROM t WHERE b = ?",
                                "COM_STMT_EXECUTE SELECT a FROM t WHERE b = ?"}));
  EXPECT_EQ(client_->execute(id, {"1"}).text(), "[writer]");
  EXPECT_EQ(on_writer(), Texts{"COM_STMT_EXECUTE SELECT a FROM t WHERE b = ?"});
  ask("COMMIT");
}

TEST_F(StatementCommands, AnExecuteBehindAWriteWaits) {
  warm_up();
  const uint32_t id = prepare("SELECT a FROM t WHERE b = ?");
  client_->execute(id, {"1"});
  ask("INSERT INTO t VALUES (1)");
  on_replica();
  EXPECT_EQ(client_->execute(id, {"1"}).text(), "[replica1]");
  const Texts asked = on_replica();
  ASSERT_EQ(asked.size(), 2U);
  EXPECT_NE(asked[0].find("WAIT_FOR"), std::string::npos);
}

TEST_F(StatementCommands, AClosedStatementIsClosedWhereItWasPrepared) {
  warm_up();
  const uint32_t id = prepare("SELECT a FROM t WHERE b = ?");
  client_->statement_command(Command::kStmtClose, id);
  ask("SELECT b FROM t");
  const Texts asked = on_replica();
  EXPECT_NE(std::find(asked.begin(), asked.end(), "COM_STMT_CLOSE SELECT a FROM t WHERE b = ?"), asked.end());
  EXPECT_EQ(client_->execute(id, {"1"}).error, 1243);
}

TEST_F(StatementCommands, OnANewConnectionItIsPreparedAgain) {
  warm_up();
  const uint32_t id = prepare("INSERT INTO t VALUES (?)");
  EXPECT_EQ(client_->execute(id, {"1"}).text(), "OK");
  harness_.writer().close_all();
  harness_.settle();
  on_writer();
  EXPECT_EQ(client_->execute(id, {"2"}).text(), "OK");
  EXPECT_EQ(on_writer(), (Texts{"COM_STMT_PREPARE INSERT INTO t VALUES (?)",
                                "COM_STMT_EXECUTE INSERT INTO t VALUES (?)"}));
}

TEST_F(StatementCommands, WhatIsUnknownIsRefused) {
  EXPECT_EQ(client_->execute(77).error, 1243);
  EXPECT_EQ(client_->statement_command(Command::kStmtReset, 77).error, 1243);
  EXPECT_EQ(client_->statement_command(Command::kStmtFetch, 77).error, 1243);
  client_->statement_command(Command::kStmtClose, 77);  // has no answer
  EXPECT_EQ(ask(Command::kPing), "OK");
}

TEST_F(StatementCommands, TheServersErrorIsTheClients) {
  for (size_t node = 0; node < harness_.nodes(); ++node)
    harness_.server(node).on("SELEC", [](Reply& reply) { reply.error(1064, "42000", "You have an error"); });
  EXPECT_EQ(client_->command(Command::kStmtPrepare, "SELEC a").error, 1064);
}

TEST_F(StatementCommands, LongDataGoesAheadOfItsExecute) {
  warm_up();
  const uint32_t id = prepare("INSERT INTO t VALUES (?)");
  client_->send_long_data(id, 0, "abc");
  client_->send_long_data(id, 0, "def");
  EXPECT_EQ(on_writer(), (Texts{"COM_STMT_PREPARE INSERT INTO t VALUES (?)"}));
  EXPECT_EQ(client_->execute(id, {""}).text(), "OK");
  EXPECT_EQ(on_writer(), (Texts{"COM_STMT_SEND_LONG_DATA INSERT INTO t VALUES (?)",
                                "COM_STMT_EXECUTE INSERT INTO t VALUES (?)"}));
  client_->send_long_data(id, 0, "abc");
  EXPECT_EQ(client_->statement_command(Command::kStmtReset, id).text(), "OK");
  client_->execute(id, {"x"});
  for (const std::string& one : on_writer())
    EXPECT_EQ(one.find("LONG_DATA"), std::string::npos);
}

TEST_F(StatementCommands, AMalformedExecuteIsRefused) {
  const uint32_t id = prepare("SELECT a FROM t WHERE b = ?");
  const std::string id_bytes = {static_cast<char>(id), 0, 0, 0};
  EXPECT_NE(client_->command(Command::kStmtExecute, id_bytes).error, 0);
  EXPECT_NE(client_->command(Command::kStmtExecute, "x").error, 0);
  EXPECT_EQ(ask(Command::kPing), "OK");
}

TEST_F(StatementCommands, ACursorKeepsItsConnection) {
  warm_up();
  harness_.replica().on(Command::kStmtExecute, [](Reply& reply) { reply.cursor({"a"}); });
  harness_.replica().on(Command::kStmtFetch, [](Reply& reply) { reply.fetched({"1", "2"}, true); });
  const uint32_t id = prepare("SELECT a FROM t");
  client_->execute(id, {}, 1);
  EXPECT_EQ(harness_.books().nodes[1].gauge_leases_in_use, 1);
  EXPECT_NE(client_->fetch(id, 10).bytes.size(), 0U);
  client_->statement_command(Command::kStmtClose, id);
  ask("SELECT b FROM t");
  EXPECT_EQ(harness_.books().nodes[1].gauge_leases_in_use, 0);
}

TEST_F(StatementCommands, KnowsCausewaysOwnVariables) {
  const uint32_t id = prepare("SELECT @@aurora_replica_read_consistency");
  client_->execute(id);
  Texts asked = on_both();
  EXPECT_NE(last(asked).find("'SESSION'"), std::string::npos) << last(asked);
}

TEST_F(StatementCommands, TransactionControlIsPreparedToo) {
  warm_up();
  const uint32_t begin = prepare("BEGIN");
  const uint32_t commit = prepare("COMMIT");
  EXPECT_EQ(client_->execute(begin).text(), "OK");
  EXPECT_EQ(ask("INSERT INTO t VALUES (1)"), "OK");
  EXPECT_EQ(client_->execute(commit).text(), "OK");
  EXPECT_EQ(ask("SELECT a FROM t"), "[replica1]");
}

TEST_F(StatementCommands, WhatIsRejectedIsRejectedWhenItIsPrepared) {
  EXPECT_EQ(client_->command(Command::kStmtPrepare, "SAVEPOINT a").error, 1235);
}

class FewStatements : public SessionTest {
 protected:
  FewStatements()
      : SessionTest({.configure = [](proxy::Config& config) { config.limits.max_prepared_statements = 2; }}) {
  }
};

TEST_F(FewStatements, MoreThanItsLimitASessionDoesNotPrepare) {
  EXPECT_EQ(client_->command(Command::kStmtPrepare, "SELECT 1 FROM t").error, 0);
  EXPECT_EQ(client_->command(Command::kStmtPrepare, "SELECT 2 FROM t").error, 0);
  EXPECT_EQ(client_->command(Command::kStmtPrepare, "SELECT 3 FROM t").error, 1461);
}

class StatementCommandsMariadb : public MariadbSessionTest {};

TEST_F(StatementCommandsMariadb, TheLastPreparedStatementCanBeMeant) {
  client_->command(Command::kStmtPrepare, "SELECT a FROM t");
  EXPECT_EQ(client_->execute(0xffffffff).text(), "[replica1]");
}

}  // namespace
}  // namespace causeway::test
