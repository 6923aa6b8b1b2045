#include "proxy/session/session_token.h"

#include <gtest/gtest.h>

#include "tests/support/session_test.h"

namespace causeway::test {
namespace {

constexpr std::string_view kOf1 = "mysql:00000000-0000-0000-0000-000000000001:";

class SessionToken : public SessionTest {
 protected:
  std::string hand(std::string_view numbers) {
    return ask("SET causeway_position = '" + std::string(kOf1) + std::string(numbers) + "'");
  }
};

TEST_F(SessionToken, APositionThatTheMonitorHasSeenIsTakenWithoutAQuestion) {
  EXPECT_EQ(hand("1-100"), "OK");
  EXPECT_EQ(harness_.writer().connections_opened(), 0U);
}

TEST_F(SessionToken, OneThatItHasNotSeenIsAskedFor) {
  harness_.writer().next_gtid = 151;
  EXPECT_EQ(hand("1-150"), "OK");
  EXPECT_EQ(harness_.writer().count("gtid_executed"), 1U);
  EXPECT_TRUE(hand("1-200").starts_with("1231"));
}

TEST_F(SessionToken, OfAnotherKindItIsRefused) {
  EXPECT_TRUE(ask("SET causeway_position = 'binlog:1/log.000001:4'").starts_with("1231"));
}

TEST_F(SessionToken, WhatANewWriterLacksIsDropped) {
  warm_up();
  ask("INSERT INTO t VALUES (1)");
  // The new writer has not got it, and never will.
  harness_.writer().next_gtid = 101;
  harness_.replica().next_gtid = 101;
  ++harness_.view().writer_epoch;
  harness_.poll();
  on_replica();
  EXPECT_EQ(ask("SELECT a FROM t"), "[replica1]");
  EXPECT_EQ(harness_.replica().count("WAIT_FOR"), 0U);
  EXPECT_EQ(harness_.metrics().consistency.tokens_dropped.value(), 1U);
}

TEST_F(SessionToken, WhatItHasIsKept) {
  warm_up();
  ask("INSERT INTO t VALUES (1)");
  ++harness_.view().writer_epoch;
  harness_.poll();
  EXPECT_EQ(ask("SELECT a FROM t"), "[replica1]");
  EXPECT_EQ(harness_.replica().count("WAIT_FOR"), 1U);
}

}  // namespace
}  // namespace causeway::test
