#include "proxy/commands/session_loop.h"

#include <gtest/gtest.h>

#include "tests/support/session_test.h"

namespace causeway::test {
namespace {

using protocol::Command;
using std::chrono::seconds;

class SessionLoop : public SessionTest {
 protected:
  SessionLoop()
      : SessionTest({.configure = [](proxy::Config& config) { config.limits.max_packet_bytes = 100'000; }}) {}
};

TEST_F(SessionLoop, CommandsOfEverySizeAreTaken) {
  for (const size_t size :
       {size_t{10}, size_t{500}, size_t{511}, size_t{513}, size_t{16'384}, size_t{99'000}}) {
    const std::string sql = "SELECT '" + std::string(size, 'x') + "' FROM t";
    EXPECT_EQ(ask(sql), "[replica1]") << size;
    EXPECT_EQ(last(on_replica()), sql);
  }
}

TEST_F(SessionLoop, ATooLongCommandIsRefused) {
  EXPECT_EQ(client_->query("SELECT '" + std::string(100'001, 'x') + "'").error, 1153);
  EXPECT_EQ(ask("SELECT 1"), "closed");
  EXPECT_EQ(harness_.ends(), Texts{"packet too large"});
}

TEST_F(SessionLoop, CommandsThatComeTogetherAreAnsweredInTheirOrder) {
  warm_up();
  Buffer both;
  for (const std::string_view sql : {"\x03SELECT a FROM t", "\x03SELECT b FROM t"}) {
    const Buffer one = packet_of(protocol::as_bytes(sql), 0);
    both.insert(both.end(), one.begin(), one.end());
  }
  client_->send_raw(both);
  harness_.settle();
  EXPECT_EQ(on_replica(), (Texts{"SELECT a FROM t", "SELECT b FROM t"}));
  client_->receive_answer(Command::kQuery);
}

TEST_F(SessionLoop, APacketOutOfOrderIsTheEnd) {
  client_->send_raw(packet_of(protocol::as_bytes("\x0e"), 5));
  EXPECT_EQ(client_->receive_answer(Command::kPing).error, 1156);
  EXPECT_EQ(ask(Command::kPing), "closed");
  EXPECT_EQ(harness_.ends(), Texts{"malformed packets"});
}

TEST_F(SessionLoop, AnIdleClientIsToldGoodbye) {
  harness_.advance(seconds{16});
  EXPECT_EQ(harness_.books().sessions, 0U);
  EXPECT_NE(client_->receive_answer(Command::kPing).error, 0);
  EXPECT_EQ(harness_.ends(), Texts{"idle for too long"});
}

TEST_F(SessionLoop, AnIdleTransactionIsRolledBackAndSaidSo) {
  ask("BEGIN");
  ask("INSERT INTO t VALUES (1)");
  harness_.advance(seconds{9});
  EXPECT_EQ(harness_.books().nodes[0].connections, 0U);
  EXPECT_EQ(harness_.books().sessions, 1U);
  EXPECT_NE(ask("INSERT INTO t VALUES (2)").find(" 40001 "), std::string::npos);
  EXPECT_EQ(ask("INSERT INTO t VALUES (3)"), "OK");
  EXPECT_EQ(harness_.writer().count("VALUES (2)"), 0U);
}

TEST_F(SessionLoop, ASessionsOwnWaitTimeoutCounts) {
  report_variable(harness_.writer(), "SET wait_timeout", "wait_timeout", "3");
  report_variable(harness_.replica(), "SET wait_timeout", "wait_timeout", "3");
  ask("SET wait_timeout=3");
  harness_.advance(seconds{4});
  EXPECT_EQ(harness_.books().sessions, 0U);
  EXPECT_EQ(client_->receive_answer(Command::kPing).error, 4031);
  EXPECT_EQ(harness_.ends(), Texts{"wait_timeout"});
}

TEST_F(SessionLoop, WhileTheProcessEndsIdleClientsAreSentAway) {
  warm_up();
  harness_.services().draining = true;
  harness_.worker().drain();
  harness_.settle();
  EXPECT_EQ(client_->receive_answer(Command::kPing).error, 1053);
  EXPECT_EQ(harness_.books().sessions, 0U);
  EXPECT_EQ(harness_.ends(), Texts{"shutdown"});
}

TEST_F(SessionLoop, AndTransactionsMayFinish) {
  ask("BEGIN");
  ask("INSERT INTO t VALUES (1)");
  harness_.services().draining = true;
  harness_.worker().drain();
  harness_.settle();
  EXPECT_EQ(ask("INSERT INTO t VALUES (2)"), "OK");
  EXPECT_EQ(ask("COMMIT").substr(0, 2), "OK");  // and goodbye
  harness_.settle();
  EXPECT_EQ(harness_.books().sessions, 0U);
  EXPECT_EQ(harness_.ends(), Texts{"shutdown"});
}

TEST_F(SessionLoop, QuitEndsTheSessionAndKeepsItsConnections) {
  warm_up();
  client_->quit();
  harness_.settle();
  EXPECT_EQ(harness_.books().sessions, 0U);
  EXPECT_EQ(harness_.books().nodes[0].connections, 1U);
  EXPECT_EQ(harness_.books().nodes[1].connections, 1U);
  EXPECT_EQ(harness_.ends(), Texts{"quit"});
}

TEST_F(SessionLoop, AClientThatIsGoneIsNoQuit) {
  warm_up();
  client_->close();
  harness_.settle();
  EXPECT_EQ(harness_.ends(), Texts{"client gone"});
}

TEST_F(SessionLoop, AClientThatIsGoneWhileAServerWorksIsNoticed) {
  warm_up();
  harness_.writer().on("SLEEP", [](Reply& reply) { reply.later(); });
  client_->start(Command::kQuery, "UPDATE t SET a = SLEEP(9)");
  client_->close();
  harness_.advance(seconds{1});
  EXPECT_EQ(harness_.ends(), Texts{"client gone"});
}

TEST_F(SessionLoop, ReleaseIsAnEndOfItsOwn) {
  ask("BEGIN");
  ask("INSERT INTO t VALUES (1)");
  EXPECT_EQ(ask("COMMIT RELEASE"), "OK");
  EXPECT_EQ(ask("SELECT 1"), "closed");
  const auto idle = harness_.connect_and_log_in();
  EXPECT_EQ(idle->query("ROLLBACK RELEASE").text(), "OK");
  const auto deferred = harness_.connect_and_log_in();
  deferred->query("BEGIN");
  EXPECT_EQ(deferred->query("COMMIT RELEASE").text(), "OK");
  harness_.settle();
  EXPECT_EQ(harness_.ends(), (Texts{"released", "released", "released"}));
}

TEST_F(SessionLoop, AKilledSessionIsSaidToBe) {
  const auto killer = harness_.connect_and_log_in();
  EXPECT_EQ(killer->query("KILL " + std::to_string(client_->id())).text(), "OK");
  harness_.settle();
  EXPECT_EQ(harness_.ends(), Texts{"killed"});
  killer->query("KILL " + std::to_string(killer->id()));
  harness_.settle();
  EXPECT_EQ(harness_.ends(), (Texts{"killed", "killed"}));
  EXPECT_TRUE(harness_.log_has("level=info event=\"a session has ended\""));
}

TEST_F(SessionLoop, WithAServerTheStateOfASessionMayBeLost) {
  ask("CREATE TEMPORARY TABLE tt (a INT)");
  harness_.writer().close_all();
  harness_.settle();
  EXPECT_NE(client_->query("INSERT INTO tt VALUES (1)").error, 0);
  EXPECT_EQ(ask("SELECT 1"), "closed");
  EXPECT_EQ(harness_.ends(), Texts{"state lost with a server"});
}

TEST_F(SessionLoop, AnAnswerThatIsCutOffIsTheEnd) {
  warm_up();
  harness_.writer().fault_at(harness_.writer().steps(), Fault::kTruncated);
  harness_.writer().on("RETURNING", [](Reply& reply) {
    reply.rows({"a"}, std::vector<std::vector<std::string>>(2000, {std::string(100, 'x')}));
  });
  client_->query("DELETE FROM t RETURNING a");
  harness_.settle();
  EXPECT_EQ(harness_.ends(), Texts{"answer cut off by a server"});
}

}  // namespace
}  // namespace causeway::test
