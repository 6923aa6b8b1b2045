#include <gtest/gtest.h>

#include "consistency/wait_statement.h"
#include "proxy/statement/statement_run.h"
#include "tests/support/session_test.h"
#include "tests/support/socket_calls.h"

namespace causeway::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// Ahead of what reads on the writer behind a read on a replica.
const std::string kWriterCheck = [] {
  std::string check;
  consistency::append_writer_check(check, consistency::PositionKind::kGtidSet,
                                   {.flavor = protocol::ServerFlavor::kMysql, .server_version = 90700},
                                   seconds{1});
  return check;
}();

class StatementRunWriter : public SessionTest {};

TEST_F(StatementRunWriter, BeginAndTheFirstStatementAreOneRoundTrip) {
  warm_up();
  EXPECT_EQ(ask("BEGIN"), "OK");
  EXPECT_EQ(harness_.writer().round_trips(), 0U);
  const SocketCalls before = socket_calls();
  EXPECT_EQ(ask("INSERT INTO t VALUES (1)"), "OK");
  const SocketCalls after = socket_calls();
  EXPECT_EQ(harness_.writer().round_trips(), 1U);
  EXPECT_EQ(after.reads - before.reads, 2U);
  EXPECT_EQ(after.writes - before.writes, 2U);
  EXPECT_EQ(on_writer(), (Texts{kWriterCheck, "BEGIN", "INSERT INTO t VALUES (1)"}));
  EXPECT_EQ(ask("SELECT a FROM t"), "[writer]");
  EXPECT_EQ(ask("COMMIT"), "OK");
  EXPECT_EQ(on_writer(), (Texts{"SELECT a FROM t", "COMMIT"}));
}

// A replica may have shown what the writer does not show yet.
TEST_F(StatementRunWriter, WhatTheWriterIsCommittingIsToBeSeen) {
  warm_up();
  harness_.writer().owned = harness_.writer().uuid + ":500#1";
  const std::string read = "/* causeway: route=writer */ SELECT a FROM t";
  const std::string refused = "1205 HY000 Read wait timeout exceeded: writer unix:";
  EXPECT_TRUE(ask(read).starts_with(refused));
  EXPECT_EQ(on_writer(), (Texts{kWriterCheck, read}));
  ask("BEGIN");
  const std::string in_transaction = ask("SELECT a FROM t");
  EXPECT_TRUE(in_transaction.starts_with(refused)) << in_transaction;
  EXPECT_NE(in_transaction.find("SESSION read consistency"), std::string::npos) << in_transaction;
  ask("ROLLBACK");
  EXPECT_EQ(harness_.metrics().consistency.read_wait_timeouts[1].value(), 2U);
  on_writer();
  EXPECT_EQ(ask("SELECT a FROM t FOR UPDATE"), "[writer]");
  EXPECT_EQ(on_writer(), (Texts{"SELECT @@global.read_only LIMIT 1", "SELECT a FROM t FOR UPDATE"}))
      << "it waits for locks";
  ask("BEGIN");
  on_writer();
  EXPECT_EQ(ask("INSERT INTO t VALUES (1)"), "OK");
  EXPECT_EQ(on_writer(), (Texts{kWriterCheck, "BEGIN", "INSERT INTO t VALUES (1)"}))
      << "it is not left undone";
  ask("ROLLBACK");
  harness_.writer().owned.clear();
  on_writer();
  EXPECT_EQ(ask(read), "[writer]");
  EXPECT_EQ(on_writer(), (Texts{kWriterCheck, read}));
  EXPECT_EQ(ask(read), "[writer]");
  EXPECT_EQ(on_writer(), Texts{read}) << "nothing was read elsewhere since";
}

// A transaction's snapshot is made by its first read, whatever it begins with.
TEST_F(StatementRunWriter, ATransactionThatBeginsWithAWriteIsChecked) {
  warm_up();
  ask("BEGIN");
  ask("INSERT INTO t VALUES (1)");
  EXPECT_EQ(on_writer(), (Texts{kWriterCheck, "BEGIN", "INSERT INTO t VALUES (1)"}));
  ask("COMMIT");
  ask("BEGIN");
  on_writer();
  ask("INSERT INTO t VALUES (1)");
  EXPECT_EQ(on_writer(), (Texts{"BEGIN", "INSERT INTO t VALUES (1)"})) << "nothing was read elsewhere since";
  ask("COMMIT");
}

TEST_F(StatementRunWriter, AWriteOfItsOwnIsNot) {
  warm_up();
  ask("INSERT INTO t VALUES (1)");
  EXPECT_EQ(on_writer(), Texts{"INSERT INTO t VALUES (1)"});
}

TEST_F(StatementRunWriter, ATransactionOfNothingCostsNothing) {
  warm_up();
  ask("BEGIN");
  EXPECT_EQ(ask("COMMIT"), "OK");
  EXPECT_EQ(on_writer(), Texts{});
}

TEST_F(StatementRunWriter, AWriteIsNotSentOnceMore) {
  warm_up();
  harness_.writer().fault_at(harness_.writer().steps(), Fault::kClose);
  const std::string answer = ask("INSERT INTO t VALUES (1)");
  EXPECT_NE(answer.find("It may or may not have been committed"), std::string::npos) << answer;
  EXPECT_EQ(on_writer(), Texts{"INSERT INTO t VALUES (1)"});
  EXPECT_EQ(ask("INSERT INTO t VALUES (2)"), "OK");
}

TEST_F(StatementRunWriter, AWriteThatWasNotSentIs) {
  warm_up();
  harness_.writer().close_all();
  harness_.settle();
  EXPECT_EQ(ask("INSERT INTO t VALUES (1)"), "OK");
}

TEST_F(StatementRunWriter, ATransactionThatIsCutIsLostForSure) {
  warm_up();
  ask("BEGIN");
  ask("INSERT INTO t VALUES (1)");
  harness_.writer().close_all();
  harness_.settle();
  EXPECT_NE(ask("INSERT INTO t VALUES (2)").find(" 40001 "), std::string::npos);
  EXPECT_EQ(harness_.writer().count("VALUES (2)"), 0U);
  EXPECT_EQ(ask("INSERT INTO t VALUES (3)"), "OK");
}

TEST_F(StatementRunWriter, WhoseCommitIsCutNobodyKnows) {
  warm_up();
  ask("BEGIN");
  ask("INSERT INTO t VALUES (1)");
  harness_.writer().fault_at(harness_.writer().steps(), Fault::kClose);
  const std::string answer = ask("COMMIT");
  EXPECT_EQ(answer.find(" 40001 "), std::string::npos) << answer;
  EXPECT_NE(answer, "OK");
}

TEST_F(StatementRunWriter, AFormerWriterRefusesAndTheNewOneHasIt) {
  warm_up();
  harness_.writer().read_only = true;
  client_->start(protocol::Command::kQuery, "INSERT INTO t VALUES ('mark')");
  EXPECT_EQ(harness_.writer().count("mark"), 1U);
  harness_.replica().read_only = false;
  harness_.view().writer = 1;
  ++harness_.view().writer_epoch;
  harness_.view().nodes[1].role = proxy::NodeRole::kWriter;
  harness_.view().nodes[0].role = proxy::NodeRole::kReplica;
  harness_.publish();
  EXPECT_EQ(client_->finish().text(), "OK");
  EXPECT_EQ(harness_.replica().count("mark"), 1U);
  EXPECT_EQ(harness_.metrics().write_retries.value(), 1U);
}

TEST_F(StatementRunWriter, WithoutAWriterItWaitsForOne) {
  warm_up();
  harness_.view().writer = proxy::kNoNode;
  harness_.publish();
  client_->start(protocol::Command::kQuery, "INSERT INTO t VALUES ('mark')");
  harness_.advance(seconds{3});
  harness_.view().writer = 0;
  harness_.publish();
  EXPECT_EQ(client_->finish().text(), "OK");
}

TEST_F(StatementRunWriter, AndGivesUpInTheEnd) {
  warm_up();
  harness_.view().writer = proxy::kNoNode;
  harness_.publish();
  const auto before = proxy::Clock::now();
  const std::string answer = ask("INSERT INTO t VALUES ('mark')");
  EXPECT_NE(answer.find("writer"), std::string::npos) << answer;
  EXPECT_NE(answer, "OK");
  EXPECT_GE(proxy::Clock::now() - before, seconds{10});
  EXPECT_LE(proxy::Clock::now() - before, seconds{11});
}

TEST_F(StatementRunWriter, ATransactionDoesNotMoveToANewWriter) {
  warm_up();
  ask("BEGIN");
  ask("INSERT INTO t VALUES (1)");
  harness_.view().writer = 1;
  ++harness_.view().writer_epoch;
  harness_.publish();
  harness_.advance(milliseconds{50});
  EXPECT_EQ(harness_.books().nodes[0].connections, 0U);  // what it held there is free
  EXPECT_NE(ask("INSERT INTO t VALUES (2)").find(" 40001 "), std::string::npos);
}

TEST_F(StatementRunWriter, ASessionIsToldWhenTheWritersConnectionsAreUsedUp) {
  harness_.services().budgets[0].set_limit(1);
  const auto other = harness_.connect_and_log_in();
  other->query("BEGIN");
  other->query("UPDATE t SET a = 1");
  EXPECT_EQ(client_->query("INSERT INTO t VALUES ('mark')").error, 1040);
  EXPECT_EQ(harness_.metrics().forwarding.errors_session_limit.value(), 1U);
  // Once there is one it is taken over, reset.
  EXPECT_EQ(other->query("COMMIT").text(), "OK");
  on_writer();
  EXPECT_EQ(ask("INSERT INTO t VALUES ('mark')"), "OK");
  EXPECT_EQ(on_writer().at(0), "COM_RESET_CONNECTION");
  other->quit();
}

TEST_F(StatementRunWriter, AWriteWithoutAPositionIsAskedFor) {
  warm_up();
  harness_.writer().on("mark",
                       [](Reply& reply) { reply.error(1205, "HY000", "Lock wait timeout exceeded"); });
  EXPECT_EQ(client_->query("INSERT INTO t VALUES ('mark')").error, 1205);
  EXPECT_EQ(harness_.metrics().consistency.unknown_tokens.value(), 1U);
  harness_.writer().next_gtid = 301;
  EXPECT_EQ(ask("SELECT a FROM t"), "[replica1]");
  EXPECT_NE(on_replica().at(0).find(":1-300'"), std::string::npos);
}

TEST_F(StatementRunWriter, AClientThatLeavesIsNotWorkedFor) {
  warm_up();
  harness_.writer().on("mark", [](Reply& reply) { reply.later(); });
  client_->start(protocol::Command::kQuery, "INSERT INTO t VALUES ('mark')");
  client_->close();
  harness_.advance(seconds{1});
  EXPECT_EQ(harness_.writer().count("KILL"), 1U);
  EXPECT_EQ(harness_.books().sessions, 0U);
}

}  // namespace
}  // namespace causeway::test
