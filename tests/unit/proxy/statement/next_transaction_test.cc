#include "proxy/statement/next_transaction.h"

#include <gtest/gtest.h>

#include "tests/support/session_test.h"

namespace causeway::test {
namespace {

class NextTransaction : public SessionTest {};

TEST_F(NextTransaction, IsSpentByTheTransaction) {
  warm_up();
  ask("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE");
  ask("BEGIN");
  ask("INSERT INTO t VALUES (1)");
  ask("COMMIT");
  on_writer();
  ask("BEGIN");
  ask("INSERT INTO t VALUES (2)");
  EXPECT_EQ(on_writer(), (Texts{"BEGIN", "INSERT INTO t VALUES (2)"}));
  ask("COMMIT");
}

// Whether a statement by itself has spent it only the server knows.
TEST_F(NextTransaction, IsTrackedWhereAStatementMayHaveSpentIt) {
  warm_up();
  ask("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE");
  EXPECT_EQ(ask("INSERT INTO t VALUES (1)"), "OK");
  const Texts asked = on_writer();
  ASSERT_GE(asked.size(), 3U);
  EXPECT_NE(asked[0].find("session_track_transaction_info"), std::string::npos) << asked[0];
  EXPECT_EQ(asked[1], "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE");
  EXPECT_EQ(asked[2], "INSERT INTO t VALUES (1)");
  EXPECT_EQ(ask("INSERT INTO t VALUES (2)"), "OK");
}

TEST_F(NextTransaction, ReadOnlyMakesItOneOfAReplica) {
  warm_up();
  ask("SET TRANSACTION READ ONLY");
  ask("BEGIN");
  EXPECT_EQ(ask("SELECT a FROM t"), "[replica1]");
  EXPECT_EQ(ask("COMMIT"), "OK");
  EXPECT_EQ(on_writer(), Texts{});
}

}  // namespace
}  // namespace causeway::test
