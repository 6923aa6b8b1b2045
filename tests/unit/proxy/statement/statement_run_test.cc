#include "proxy/statement/statement_run.h"

#include <gtest/gtest.h>

#include "tests/support/session_test.h"

namespace causeway::test {
namespace {

class StatementRunTest : public SessionTest {};

TEST_F(StatementRunTest, AStatementRunsWhereItWasDecided) {
  struct Case {
    std::string_view sql;
    bool on_writer;
  };
  const Case cases[] = {
      {"SELECT a FROM t", false},
      {"SELECT a FROM t FOR UPDATE", true},
      {"INSERT INTO t VALUES (1)", true},
      {"CREATE TABLE x (a INT)", true},
      {"CALL p()", true},
      {"SHOW TABLES", false},
      {"EXPLAIN SELECT a FROM t", false},
      {"ANALYZE TABLE t", true},
      {"what nobody understands", true},
  };
  for (const Case& one : cases) {
    on_both();
    ask(one.sql);
    const bool wrote = any_has(on_writer(), one.sql);
    const bool read = any_has(on_replica(), one.sql);
    EXPECT_EQ(wrote, one.on_writer) << one.sql;
    EXPECT_EQ(read, !one.on_writer) << one.sql;
  }
}

TEST_F(StatementRunTest, TheErrorOfAServerIsCountedAndPassedOn) {
  harness_.writer().on("mark", [](Reply& reply) { reply.error(1062, "23000", "Duplicate entry"); });
  EXPECT_EQ(ask("INSERT INTO t VALUES ('mark')"), "1062 23000 Duplicate entry");
  EXPECT_EQ(harness_.metrics().statement_errors.value(), 1U);
}

// Whatever becomes of it, the session goes on.
TEST_F(StatementRunTest, AStatementWithoutAnyServerIsAnError) {
  harness_.view().nodes[1].reachable = false;
  harness_.view().writer = proxy::kNoNode;
  harness_.publish();
  harness_.shard().on_tick(proxy::Clock::now());
  const Answer answer = client_->query("SELECT a FROM t");
  EXPECT_NE(answer.error, 0);
  EXPECT_FALSE(answer.ended);
  harness_.heal();
  EXPECT_EQ(ask("SELECT a FROM t"), "[replica1]");
}

}  // namespace
}  // namespace causeway::test
