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
}

TEST_F(SessionLoop, AnIdleClientIsToldGoodbye) {
  harness_.advance(seconds{16});
  EXPECT_EQ(harness_.books().sessions, 0U);
  EXPECT_NE(client_->receive_answer(Command::kPing).error, 0);
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
}

TEST_F(SessionLoop, WhileTheProcessEndsIdleClientsAreSentAway) {
  warm_up();
  harness_.services().draining = true;
  harness_.worker().drain();
  harness_.settle();
  EXPECT_EQ(client_->receive_answer(Command::kPing).error, 1053);
  EXPECT_EQ(harness_.books().sessions, 0U);
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
}

TEST_F(SessionLoop, QuitEndsTheSessionAndKeepsItsConnections) {
  warm_up();
  client_->quit();
  harness_.settle();
  EXPECT_EQ(harness_.books().sessions, 0U);
  EXPECT_EQ(harness_.books().nodes[0].connections, 1U);
  EXPECT_EQ(harness_.books().nodes[1].connections, 1U);
}

}  // namespace
}  // namespace causeway::test
