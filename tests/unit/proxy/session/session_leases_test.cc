#include "proxy/session/session_leases.h"

#include <gtest/gtest.h>

#include "tests/support/session_test.h"

namespace causeway::test {
namespace {

class SessionLeases : public SessionTest {};

TEST_F(SessionLeases, ASessionKeepsItsConnectionsWhileNobodyNeedsThem) {
  warm_up();
  for (int i = 0; i < 3; ++i) {
    ask("SELECT a FROM t");
    ask("INSERT INTO t VALUES (1)");
  }
  EXPECT_EQ(harness_.writer().connections_of("app"), 1U);
  EXPECT_EQ(harness_.replica().connections_opened(), 1U);
}

TEST_F(SessionLeases, WhatLivesInAConnectionEndsWithTheSession) {
  warm_up();
  ask("LOCK TABLES t WRITE");
  client_->quit();
  harness_.settle();
  EXPECT_EQ(harness_.books().nodes[0].connections, 0U);
}

TEST_F(SessionLeases, ATransactionDoesToo) {
  warm_up();
  ask("BEGIN");
  ask("INSERT INTO t VALUES (1)");
  client_->close();
  harness_.settle();
  EXPECT_EQ(harness_.books().nodes[0].connections, 0U);
}

TEST_F(SessionLeases, AFormerWriterIsLeftAtOnce) {
  warm_up();
  ask("LOCK TABLES t WRITE");
  harness_.view().writer = 1;
  ++harness_.view().writer_epoch;
  harness_.publish();
  harness_.advance(std::chrono::milliseconds{50});
  EXPECT_EQ(harness_.books().nodes[0].connections, 0U);
  const Answer answer = client_->query("SELECT a FROM t");
  EXPECT_NE(answer.text().find("writer"), std::string::npos) << answer.text();
}

}  // namespace
}  // namespace causeway::test
