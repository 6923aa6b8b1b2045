// What becomes of a statement by the answers to what goes ahead of it.
#include <gtest/gtest.h>

#include "tests/support/session_test.h"

namespace causeway::test {
namespace {

using protocol::Command;

class PrefixAnswers : public SessionTest {
 protected:
  // The session's connections are gone: the next ones have nothing of its state.
  void lose_connections() {
    for (size_t node = 0; node < harness_.nodes(); ++node)
      harness_.server(node).close_all();
    harness_.settle();
    on_both();
  }

  static Reply& refuse(Reply& reply) {
    reply.error(1231, "42000", "no");
    return reply;
  }
};

TEST_F(PrefixAnswers, ReachedIsTheRead) {
  warm_up();
  ask("INSERT INTO t VALUES (1)");
  EXPECT_EQ(ask("SELECT a FROM t"), "[replica1]");
  EXPECT_EQ(harness_.replica().count("WAIT_FOR"), 1U);
}

TEST_F(PrefixAnswers, ReachedInTwoByteCharactersToo) {
  warm_up();
  harness_.replica().on("WAIT_FOR", [](Reply& reply) { reply.rows({"wait"}, {{std::string("\0000", 2)}}); });
  ask("INSERT INTO t VALUES (1)");
  EXPECT_EQ(ask("SELECT a FROM t"), "[replica1]");
}

// The read was sent with the wait: its answer is nobody's.
TEST_F(PrefixAnswers, AnErrorOrNothingForAWaitIsTheWritersRead) {
  for (const bool is_error : {true, false}) {
    warm_up();
    harness_.replica().on("WAIT_FOR", [is_error](Reply& reply) {
      if (is_error) return reply.error(1105, "HY000", "no");
      reply.rows({"wait"}, {{"NULL"}});
    });
    ask("INSERT INTO t VALUES (1)");
    on_replica();
    EXPECT_EQ(ask("SELECT a FROM t"), "[writer]");
    EXPECT_EQ(last(on_replica()), "SELECT a FROM t");
  }
}

TEST_F(PrefixAnswers, AFailedWaitThrowsALongAnswerAwayAsWell) {
  warm_up();
  harness_.replica().on("WAIT_FOR", [](Reply& reply) { reply.rows({"wait"}, {{"1"}}); });
  harness_.replica().on("SELECT long", [](Reply& reply) {
    reply.rows({"a"}, std::vector<Texts>(3, {std::string(1'000'000, 'x')}));
  });
  ask("INSERT INTO t VALUES (1)");
  EXPECT_EQ(ask("SELECT long FROM t"), "[writer]");
  EXPECT_EQ(ask("/* causeway: consistency=eventual */ SELECT a FROM t"), "[replica1]");
  EXPECT_EQ(harness_.replica().connections_opened(), 1U);
}

TEST_F(PrefixAnswers, AnAnswerThatIsTooLongToBeThrownAwayCostsTheConnection) {
  warm_up();
  harness_.replica().on("WAIT_FOR", [](Reply& reply) { reply.rows({"wait"}, {{"1"}}); });
  harness_.replica().on("SELECT long", [](Reply& reply) {
    reply.rows({"a"}, std::vector<Texts>(6, {std::string(1'000'000, 'x')}));
  });
  ask("INSERT INTO t VALUES (1)");
  EXPECT_EQ(ask("SELECT long FROM t"), "[writer]");
  EXPECT_EQ(harness_.books().nodes[1].connections, 0U);
}

TEST_F(PrefixAnswers, AnErrorBehindAFailedWaitIsThrownAway) {
  warm_up();
  harness_.replica().on("WAIT_FOR", [](Reply& reply) { reply.rows({"wait"}, {{"1"}}); });
  harness_.replica().on("SELECT a", [](Reply& reply) { reply.error(1690, "22003", "out of range"); });
  ask("INSERT INTO t VALUES (1)");
  EXPECT_EQ(ask("SELECT a FROM t"), "[writer]");
}

// Whoever was the writer may be none any more: the transaction waits for the monitor's word.
TEST_F(PrefixAnswers, AServerThatIsReadOnlyByNowIsNotTheWriter) {
  warm_up();
  ask("BEGIN");
  harness_.writer().on(
      "@@global.read_only", [](Reply& reply) { reply.rows({"read_only"}, {{"1"}}); }, 1);
  EXPECT_EQ(ask("SELECT a FROM t"), "[writer]");
  EXPECT_EQ(harness_.writer().count("@@global.read_only"), 2U);
  ask("COMMIT");
}

TEST_F(PrefixAnswers, ABeginThatIsRefusedAsReadOnlyIsTriedOnTheNextWriter) {
  warm_up();
  ask("BEGIN");
  harness_.writer().on(
      "BEGIN",
      [](Reply& reply) {
        reply.error(1290, "HY000", "The MySQL server is running with the --read-only option");
      },
      1);
  const std::string answer = ask("INSERT INTO t VALUES ('mark')");
  EXPECT_LE(harness_.writer().count("mark"), 2U);
  EXPECT_EQ(answer, "OK");
  EXPECT_EQ(ask("COMMIT"), "OK");
}

TEST_F(PrefixAnswers, VariablesThatAReplicaRefusesAreTheWritersRead) {
  for (size_t node = 0; node < 2; ++node)
    report_variable(harness_.server(node), "SET sql_mode='ANSI'", "sql_mode", "ANSI");
  warm_up();
  ask("SET sql_mode='ANSI'");
  lose_connections();
  harness_.replica().on("sql_mode", [](Reply& reply) { refuse(reply); });
  const std::string answer = ask("SELECT a FROM t");
  EXPECT_TRUE(answer == "[writer]" || answer == "1231 42000 no") << answer;
  EXPECT_EQ(harness_.replica().count("SELECT a"), 0U);
}

TEST_F(PrefixAnswers, ASchemaThatAReplicaDoesNotHaveIsTheWritersRead) {
  warm_up();
  ask(Command::kInitDb, "shop");
  lose_connections();
  harness_.replica().on(Command::kInitDb,
                        [](Reply& reply) { reply.error(1049, "42000", "Unknown database 'shop'"); });
  EXPECT_EQ(ask("SELECT a FROM t"), "[writer]");
  EXPECT_EQ(harness_.replica().count("SELECT a"), 0U);
}

// Somebody has dropped it: what needs none goes on, and what needs one is told why there is none.
TEST_F(PrefixAnswers, ASchemaThatIsGoneEverywhereIsNone) {
  warm_up();
  ask(Command::kInitDb, "shop");
  lose_connections();
  for (size_t node = 0; node < 2; ++node) {
    harness_.server(node).on(Command::kInitDb,
                             [](Reply& reply) { reply.error(1049, "42000", "Unknown database 'shop'"); });
    harness_.server(node).on("UPDATE t",
                             [](Reply& reply) { reply.error(1046, "3D000", "No database selected"); });
  }
  EXPECT_EQ(ask("INSERT INTO other.t VALUES (1)"), "OK");
  EXPECT_EQ(ask("UPDATE t SET a = 1"), "1049 42000 Unknown database 'shop'");
}

TEST_F(PrefixAnswers, ASchemaThatTheAccountMayNotUseIsRefusedLikewise) {
  warm_up();
  ask(Command::kInitDb, "shop");
  lose_connections();
  harness_.replica().on(Command::kInitDb,
                        [](Reply& reply) { reply.error(1044, "42000", "Access denied to 'shop'"); });
  EXPECT_EQ(ask("SELECT a FROM t"), "[writer]");
}

TEST_F(PrefixAnswers, AResetThatIsRefusedIsNoAnswerForTheClient) {
  warm_up();
  client_->quit();
  harness_.settle();
  harness_.writer().on(
      Command::kResetConnection, [](Reply& reply) { refuse(reply); }, 1);
  client_ = harness_.connect_and_log_in();
  const std::string answer = ask("INSERT INTO t VALUES ('mark')");
  EXPECT_TRUE(answer == "OK" || answer == "1231 42000 no") << answer;
  EXPECT_LE(harness_.writer().count("mark"), 1U);
  EXPECT_EQ(ask("INSERT INTO t VALUES (2)"), "OK");
}

// Nothing of its answers is what was asked for.
TEST_F(PrefixAnswers, APacketThatIsNoAnswerEndsTheConnection) {
  warm_up();
  harness_.replica().on("WAIT_FOR", [](Reply& reply) { reply.text(std::string(1, '\0')); });
  ask("INSERT INTO t VALUES (1)");
  const std::string answer = ask("SELECT a FROM t");
  EXPECT_TRUE(answer.starts_with("1053 08S01 Lost connection")) << answer;
  EXPECT_EQ(harness_.books().unbalanced().find("budget"), std::string::npos);
}

TEST_F(PrefixAnswers, AFileThatIsAskedForAheadOfAStatementIsNotSent) {
  warm_up();
  harness_.replica().on("WAIT_FOR", [](Reply& reply) { reply.file("/etc/passwd"); });
  ask("INSERT INTO t VALUES (1)");
  const Answer answer = client_->query("SELECT a FROM t");
  EXPECT_NE(answer.state, AnswerState::kWantsFile);
  EXPECT_EQ(answer.text().find("file"), std::string::npos) << answer.text();
}

// What a procedure that failed has changed, MySQL says with the next OK.
TEST_F(PrefixAnswers, AnOkTellsWhatTheStatementBeforeHasLeftBehind) {
  for (const bool has_changed : {false, true}) {
    warm_up();
    harness_.writer().on("CALL", [](Reply& reply) { reply.error(1644, "45000", "signalled"); });
    EXPECT_EQ(ask("CALL p()"), "1644 45000 signalled");
    harness_.writer().on("BEGIN", [has_changed](Reply& reply) {
      reply.connection.in_transaction = true;
      reply.ok({.state_change = has_changed});
    });
    ask("BEGIN");
    EXPECT_EQ(ask("INSERT INTO t VALUES (1)"), "OK");
    ask("COMMIT");
    EXPECT_EQ(ask("SELECT b FROM t"), has_changed ? "[writer]" : "[replica1]");
  }
}

TEST_F(PrefixAnswers, TheIdThatTheFormerStatementLeftIsAskedForWhereItIsNeeded) {
  warm_up();
  harness_.writer().on("SELECT LAST_INSERT_ID() LIMIT 1", [](Reply& reply) { reply.rows({"id"}, {{"17"}}); });
  harness_.writer().on("INSERT INTO t SELECT",
                       [](Reply& reply) { reply.error(1062, "23000", "Duplicate entry"); });
  ask("INSERT INTO t SELECT 1");
  ask("SELECT LAST_INSERT_ID() FROM t");
  const Texts asked = on_both();
  EXPECT_TRUE(any_has(asked, "LAST_INSERT_ID")) << asked.size();
}

TEST_F(PrefixAnswers, WhatAClientWithoutDeprecateEofNeedsIsReadWithEofPackets) {
  client_->quit();
  harness_.settle();
  client_ = harness_.connect();
  client_->log_in("app", "secret", {}, capabilities_ & ~protocol::capability::kDeprecateEof);
  warm_up();
  ask("INSERT INTO t VALUES (1)");
  EXPECT_EQ(ask("SELECT a FROM t"), "[replica1]");
  harness_.replica().on("WAIT_FOR", [](Reply& reply) { reply.rows({"wait"}, {{"1"}}); });
  ask("INSERT INTO t VALUES (1)");
  EXPECT_EQ(ask("SELECT a FROM t"), "[writer]");
}

}  // namespace
}  // namespace causeway::test
