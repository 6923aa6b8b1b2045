#include "proxy/session/client_session.h"

#include <gtest/gtest.h>

#include "tests/support/session_test.h"

namespace causeway::test {
namespace {

class ClientSessionTest : public SessionTest {
 protected:
  int64_t pinned(proxy::PinReason reason) {
    return harness_.metrics().clients.pinned_sessions[static_cast<size_t>(reason)].value();
  }
};

TEST_F(ClientSessionTest, GaugesSayWhyASessionStaysWhereItIs) {
  ask("BEGIN");
  ask("INSERT INTO t VALUES (1)");
  EXPECT_EQ(pinned(proxy::PinReason::kTransaction), 1);
  ask("COMMIT");
  EXPECT_EQ(pinned(proxy::PinReason::kTransaction), 0);
  ask("LOCK TABLES t WRITE");
  EXPECT_EQ(pinned(proxy::PinReason::kTableLock), 1);
  ask("UNLOCK TABLES");
  EXPECT_EQ(pinned(proxy::PinReason::kTableLock), 0);
  ask("SELECT GET_LOCK('a', 1)");
  EXPECT_EQ(pinned(proxy::PinReason::kUserLock), 1);
  client_->close();
  harness_.settle();
  EXPECT_EQ(pinned(proxy::PinReason::kUserLock), 0);
}

TEST_F(ClientSessionTest, OneThatStopsForwardingIsNotCounted) {
  EXPECT_EQ(harness_.books().gauge_forwarding, 1);
  ask("SET aurora_replica_read_consistency = ''");
  EXPECT_EQ(harness_.books().gauge_forwarding, 0);
}

}  // namespace
}  // namespace causeway::test
