#include "proxy/commands/dispatch.h"

#include <gtest/gtest.h>

#include "tests/support/session_test.h"

namespace causeway::test {
namespace {

class DispatchTest : public SessionTest {};

// Answers of Causeway's own stand in the sequence of the packet's answers as a server's would.
TEST_F(DispatchTest, AnswersGivenHereHaveTheirPlace) {
  warm_up();
  const Answer answer = client_->query("BEGIN; SELECT a FROM t; COMMIT");
  EXPECT_EQ(answer.text(), "OK; [writer]; OK");
  size_t taken = 0;
  const std::vector<Packet> packets = split_packets(answer.bytes, taken);
  for (size_t i = 0; i < packets.size(); ++i)
    EXPECT_EQ(packets[i].sequence_id, i + 1);
}

TEST_F(DispatchTest, StatementsAreCountedByWhereTheyRan) {
  const auto count = [this](proxy::StatementTarget target) {
    uint64_t all = 0;
    for (const proxy::Counter& one : harness_.metrics().statements[static_cast<size_t>(target)])
      all += one.value();
    return all;
  };
  ask("SELECT a FROM t");
  ask("INSERT INTO t VALUES (1)");
  ask("BEGIN");
  ask("COMMIT");
  ask("SAVEPOINT a");
  EXPECT_EQ(count(proxy::StatementTarget::kReplica), 1U);
  EXPECT_EQ(count(proxy::StatementTarget::kWriter), 1U);
  EXPECT_EQ(count(proxy::StatementTarget::kLocal), 2U);
  EXPECT_EQ(count(proxy::StatementTarget::kRejected), 1U);
}

}  // namespace
}  // namespace causeway::test
