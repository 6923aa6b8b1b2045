#include "proxy/statement/carried_variables.h"

#include <gtest/gtest.h>

#include "tests/support/session_test.h"

namespace causeway::test {
namespace {

class CarriedVariables : public SessionTest {};

TEST_F(CarriedVariables, WhatIsSetOnTheWriterIsKnownToReadsOnReplicas) {
  warm_up();
  ask("SET @a = 'x'");
  EXPECT_EQ(ask("SELECT b FROM t"), "[replica1]");
  EXPECT_TRUE(any_has(on_writer(), "HEX(@a)"));
  const Texts replica = on_replica();
  EXPECT_TRUE(any_has(replica, "SET @a=_utf8mb4 X'78'")) << testing::PrintToString(replica);
  EXPECT_EQ(last(replica), "SELECT b FROM t");
}

TEST_F(CarriedVariables, WhatAReadSetsOnAReplicaIsTakenToTheWriter) {
  warm_up();
  ask("SELECT @a := b FROM t");
  on_writer();
  on_replica();
  EXPECT_EQ(ask("INSERT INTO t VALUES (@a)"), "OK");
  EXPECT_EQ(last(on_writer()), "INSERT INTO t VALUES (@a)");
}

TEST_F(CarriedVariables, OfATransactionOnAReplicaTheyAreAskedForBehindIt) {
  warm_up();
  ask("START TRANSACTION READ ONLY");
  ask("SELECT a FROM t");
  ask("SET @a = 1");
  ask("COMMIT");
  EXPECT_EQ(ask("INSERT INTO t VALUES (@a, 'mark')"), "OK");
  EXPECT_EQ(harness_.writer().count("mark"), 1U);
}

}  // namespace
}  // namespace causeway::test
