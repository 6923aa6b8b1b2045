// One command on one connection: what is sent in one write, what is relayed, and how it ends.
#include <gtest/gtest.h>

#include "tests/support/session_test.h"

namespace causeway::test {
namespace {

using protocol::Command;

class ExchangeRun : public SessionTest {
 protected:
  // Of the answers to this: more than one of the kind that is expected.
  void append_packet(std::string_view text, std::string_view payload) {
    harness_.replica().on(text, [payload = std::string(payload)](Reply& reply) {
      reply.as_usual();
      reply.text(payload);
    });
  }
};

TEST_F(ExchangeRun, ACommandThatNeedsNothingAheadIsOneWriteAsItCame) {
  warm_up();
  EXPECT_EQ(ask("SELECT a FROM t"), "[replica1]");
  EXPECT_EQ(harness_.replica().round_trips(), 1U);
  EXPECT_EQ(on_replica(), Texts{"SELECT a FROM t"});
}

// What is ahead must have succeeded before something is done that cannot be taken back.
TEST_F(ExchangeRun, StateIsAnsweredForBeforeTheCommandIsSent) {
  report_variable(harness_.replica(), "SET sql_mode='ANSI'", "sql_mode", "ANSI");
  report_variable(harness_.writer(), "SET sql_mode='ANSI'", "sql_mode", "ANSI");
  warm_up();
  ask("SET sql_mode='ANSI'");
  const bool was_on_writer = harness_.writer().count("SET sql_mode") > 0;
  ScriptedServer& other = was_on_writer ? harness_.replica() : harness_.writer();
  other.forget();
  ask(was_on_writer ? "SELECT a FROM t" : "INSERT INTO t VALUES (1)");
  EXPECT_EQ(other.round_trips(), 2U);
  other.forget();
  ask(was_on_writer ? "SELECT a FROM t" : "INSERT INTO t VALUES (1)");
  EXPECT_EQ(other.round_trips(), 1U);
}

TEST_F(ExchangeRun, ACommandThatIsLongerThanWhatASocketHoldsArrives) {
  warm_up();
  const std::string sql = "INSERT INTO t VALUES ('" + std::string(5'000'000, 'x') + "')";
  EXPECT_EQ(ask(sql), "OK");
  EXPECT_EQ(on_writer(), Texts{sql});
}

TEST_F(ExchangeRun, ALongCommandBehindStateArrivesAsWell) {
  warm_up();
  client_->quit();
  harness_.settle();
  client_ = harness_.connect_and_log_in();
  const std::string sql = "SELECT '" + std::string(2'000'000, 'x') + "' FROM t";
  EXPECT_EQ(ask(sql), "[replica1]");
  EXPECT_EQ(last(on_replica()), sql);
}

TEST_F(ExchangeRun, AnAnswerThatTheClientDoesNotTakeIsWaitedFor) {
  warm_up();
  constexpr size_t kRows = 40'000;
  harness_.replica().on("SELECT many", [](Reply& reply) {
    reply.rows({"a"}, std::vector<Texts>(kRows, {std::string(100, 'x')}));
  });
  const Answer answer = client_->query("SELECT many FROM t");
  EXPECT_EQ(answer.text().size(), kRows * 102);
  EXPECT_GT(harness_.metrics().traffic.client_bytes_out.value(), kRows * 100);
}

TEST_F(ExchangeRun, MoreThanTheAnswerEndsTheConnection) {
  warm_up();
  append_packet("SELECT a", std::string("\0\0\0\2\0\0\0", 7));
  const Answer answer = client_->query("SELECT a FROM t");
  EXPECT_NE(answer.state, AnswerState::kComplete);
  harness_.settle();
  EXPECT_EQ(harness_.books().nodes[1].connections, 0U);
  EXPECT_TRUE(harness_.log_has("a server has sent an unexpected packet"));
}

// An ERR packet behind the answer is the server's goodbye: the answer was whole.
TEST_F(ExchangeRun, AGoodbyeBehindTheAnswerIsNotOfIt) {
  warm_up();
  harness_.replica().on(
      "SELECT a",
      [](Reply& reply) {
        reply.as_usual();
        reply.text("\xff\x1d\x04#08S01Server shutdown in progress");
        reply.connection.close_when_sent = true;
      },
      1);
  EXPECT_EQ(ask("SELECT a FROM t"), "[replica1]");
  // The monitor is to look first.
  harness_.advance(std::chrono::seconds{1});
  EXPECT_EQ(ask("SELECT b FROM t"), "[replica1]");
  EXPECT_EQ(harness_.replica().connections_opened(), 2U);
}

TEST_F(ExchangeRun, APacketThatIsNoAnswerIsAnErrorForTheClient) {
  warm_up();
  harness_.writer().on("INSERT", [](Reply& reply) { reply.text(std::string("\0\0", 2)); });
  const Answer answer = client_->query("INSERT INTO t VALUES ('mark')");
  EXPECT_NE(answer.error, 0) << answer.text();
  EXPECT_EQ(harness_.writer().count("mark"), 1U);
  EXPECT_EQ(ask("UPDATE t SET a = 1"), "OK");
}

// It has got rows: the rest cannot be had elsewhere.
TEST_F(ExchangeRun, APacketOutOfOrderBehindRowsIsAnErrorBehindThem) {
  warm_up();
  harness_.replica().on("SELECT many", [](Reply& reply) {
    reply.rows_then_error({"a"}, std::vector<Texts>(2000, {std::string(100, 'x')}), 1030, "HY000", "x");
    reply.rows({"b"}, {{"1"}});
  });
  const Answer answer = client_->query("SELECT many FROM t");
  EXPECT_FALSE(client_->hung());
  EXPECT_EQ(harness_.replica().count("many"), 1U);
  EXPECT_NE(answer.text().find("xxx"), std::string::npos);
}

TEST_F(ExchangeRun, AClientThatIsGoneWhileRowsComeCostsTheServersConnection) {
  warm_up();
  harness_.replica().on("SELECT many", [](Reply& reply) {
    reply.rows({"a"}, std::vector<Texts>(40'000, {std::string(100, 'x')}));
  });
  harness_.replica().on("SELECT slow", [](Reply& reply) { reply.later(); });
  client_->start(Command::kQuery, "SELECT slow FROM t");
  client_->close();
  harness_.replica().finish_late(
      [](Reply& reply) { reply.rows({"a"}, std::vector<Texts>(40'000, {std::string(100, 'x')})); });
  EXPECT_EQ(harness_.settle_books(), "");
}

TEST_F(ExchangeRun, AnErrorIsCountedAndRelayedAsItIs) {
  warm_up();
  harness_.writer().on("INSERT",
                       [](Reply& reply) { reply.error(1062, "23000", "Duplicate entry '1' for key 'a'"); });
  const uint64_t before = harness_.metrics().statement_errors.value();
  EXPECT_EQ(ask("INSERT INTO t VALUES (1)"), "1062 23000 Duplicate entry '1' for key 'a'");
  EXPECT_EQ(harness_.metrics().statement_errors.value(), before + 1);
}

TEST_F(ExchangeRun, SeveralResultsAreRelayedWithTheFlagsOfEach) {
  warm_up();
  harness_.writer().on("CALL", [](Reply& reply) {
    reply.more = true;
    reply.rows({"a"}, {{"1"}});
    reply.rows({"b"}, {{"2"}, {"3"}});
    reply.more = false;
    reply.ok({.affected_rows = 4});
  });
  const Answer answer = client_->query("CALL p()");
  EXPECT_EQ(answer.text(), "[1]; [2][3]; OK");
  EXPECT_EQ(answer.affected_rows, 4U);
}

TEST_F(ExchangeRun, AServerThatClosesBeforeTheCommandHasNotGotIt) {
  warm_up();
  harness_.writer().fault_at(harness_.writer().steps(), Fault::kCloseUnread);
  const std::string answer = ask("INSERT INTO t VALUES ('mark')");
  EXPECT_LE(harness_.writer().count("mark"), 1U);
  EXPECT_NE(answer, "");
}

TEST_F(ExchangeRun, AServerThatClosesBehindTheCommandMayHaveRunIt) {
  warm_up();
  harness_.writer().fault_at(harness_.writer().steps(), Fault::kClose);
  const Answer answer = client_->query("INSERT INTO t VALUES ('mark')");
  EXPECT_NE(answer.error, 0);
  EXPECT_EQ(harness_.writer().count("mark"), 1U);
}

TEST_F(ExchangeRun, AReadThatIsRefusedAsReadOnlyIsNotRelayed) {
  warm_up();
  harness_.replica().on("SELECT f()", [](Reply& reply) {
    reply.error(1792, "25006", "Cannot execute statement in a READ ONLY transaction.");
  });
  EXPECT_EQ(ask("SELECT f() FROM t"), "[writer]");
}

TEST_F(ExchangeRun, TwoStatementsAtOnceAreAnsweredOneAfterTheOther) {
  warm_up();
  Buffer both;
  for (const std::string_view sql : {"SELECT a FROM t", "SELECT b FROM t"}) {
    Buffer payload = {static_cast<uint8_t>(Command::kQuery)};
    payload.insert(payload.end(), sql.begin(), sql.end());
    const Buffer packet = packet_of(payload, 0);
    both.insert(both.end(), packet.begin(), packet.end());
  }
  client_->send_raw(both);
  harness_.settle();
  EXPECT_EQ(on_replica(), (Texts{"SELECT a FROM t", "SELECT b FROM t"}));
  client_->close();
}

}  // namespace
}  // namespace causeway::test
