#include "proxy/commands/text_prepared.h"

#include <gtest/gtest.h>

#include "tests/support/session_test.h"

namespace causeway::test {
namespace {

class TextPrepared : public SessionTest {};

TEST_F(TextPrepared, IsPreparedWhereItRuns) {
  warm_up();
  EXPECT_EQ(ask("PREPARE s FROM 'SELECT a FROM t'"), "OK");
  harness_.replica().on("EXECUTE s", [](Reply& reply) { reply.rows({"a"}, {{"executed"}}); });
  EXPECT_EQ(ask("EXECUTE s"), "[executed]");
  EXPECT_EQ(ask("EXECUTE s"), "[executed]");
  EXPECT_EQ(ask("DEALLOCATE PREPARE s"), "OK");
  EXPECT_EQ(client_->query("EXECUTE s").error, 1243);
}

TEST_F(TextPrepared, AWriteRunsOnTheWriter) {
  warm_up();
  ask("PREPARE s FROM 'INSERT INTO t VALUES (1)'");
  on_writer();
  EXPECT_EQ(ask("EXECUTE s"), "OK");
  EXPECT_EQ(last(on_writer()), "EXECUTE s");
}

TEST_F(TextPrepared, AnotherOneOfTheNameTakesItsPlace) {
  warm_up();
  ask("PREPARE s FROM 'SELECT a FROM t'");
  ask("PREPARE S FROM 'INSERT INTO t VALUES (1)'");
  on_writer();
  EXPECT_EQ(ask("EXECUTE s"), "OK");
  EXPECT_EQ(last(on_writer()), "EXECUTE s");
}

TEST_F(TextPrepared, WhatIsRejectedIsRejectedHereToo) {
  EXPECT_EQ(client_->query("PREPARE s FROM 'SAVEPOINT a'").error, 1235);
  EXPECT_EQ(client_->query("DEALLOCATE PREPARE nothere").error, 1243);
}

TEST_F(TextPrepared, FromAVariableItPinsTheSession) {
  warm_up();
  ask("SET @sql = 'SELECT 1'");
  EXPECT_EQ(ask("PREPARE s FROM @sql"), "OK");
  EXPECT_EQ(ask("SELECT a FROM t"), "[writer]");
}

TEST_F(TextPrepared, AReconnectedServerGetsItAgain) {
  warm_up();
  ask("PREPARE s FROM 'INSERT INTO t VALUES (1)'");
  ask("EXECUTE s");
  harness_.writer().close_all();
  harness_.settle();
  on_writer();
  EXPECT_EQ(ask("EXECUTE s"), "OK");
  EXPECT_EQ(on_writer(), (Texts{"PREPARE s FROM 'INSERT INTO t VALUES (1)'", "EXECUTE s"}));
}

}  // namespace
}  // namespace causeway::test
