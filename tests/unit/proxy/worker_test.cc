#include "proxy/worker.h"

#include <gtest/gtest.h>

#include "tests/support/harness.h"

namespace causeway::test {
namespace {

TEST(Worker, ServesAClientFromLoginToItsEnd) {
  Harness harness;
  const auto client = harness.connect();
  EXPECT_EQ(client->log_in().text(), "OK");
  EXPECT_EQ(harness.books().sessions, 1U);
  EXPECT_EQ(client->query("SELECT a FROM t").text(), "[replica1]");
  EXPECT_EQ(client->query("INSERT INTO t VALUES (1)").text(), "OK");
  const std::vector<std::string> read = {"SET SESSION transaction_read_only=1", "SELECT a FROM t"};
  EXPECT_EQ(harness.replica().statements(), read);
  EXPECT_EQ(harness.writer().statements(), std::vector<std::string>{"INSERT INTO t VALUES (1)"});
  client->quit();
  EXPECT_EQ(harness.settle_books(), "");
}

}  // namespace
}  // namespace causeway::test
