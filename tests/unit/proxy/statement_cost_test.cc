// What statements cost in round trips to servers and in system calls on sockets.
#include <gtest/gtest.h>

#include <functional>
#include <ostream>

#include "tests/support/harness.h"
#include "tests/support/socket_calls.h"

namespace causeway::test {
namespace {

using protocol::Command;

struct Cost {
  size_t round_trips = 0;  // to both servers
  SocketCalls calls;

  friend bool operator==(const Cost&, const Cost&) = default;
};

std::ostream& operator<<(std::ostream& out, const Cost& cost) {
  return out << cost.round_trips << " round trips, " << cost.calls.reads << " reads, " << cost.calls.writes
             << " writes, " << cost.calls.futile << " that found nothing";
}

// The client's command and answer, and the server's.
Cost one_round_trip(uint64_t futile) {
  return {.round_trips = 1, .calls = {.reads = 2, .writes = 2, .futile = futile}};
}

// A session whose connections to both servers are there, and are in its state.
class StatementCost : public testing::TestWithParam<Flavor> {
 protected:
  void SetUp() override {
    client_->log_in();
    client_->query("SELECT 1 FROM t");
    client_->query("UPDATE t SET warm = 1");
    catch_up();
    client_->query("SELECT 2 FROM t");
  }
  void TearDown() override {
    client_->quit();
    EXPECT_EQ(harness_.settle_books(), "");
  }

  // The replica has what the writer has, and the monitor knows it.
  void catch_up() {
    harness_.replica().next_gtid = harness_.writer().next_gtid;
    harness_.poll();
  }

  Cost cost_of(const std::function<Answer()>& play) {
    harness_.writer().forget();
    harness_.replica().forget();
    const SocketCalls before = socket_calls();
    const Answer answer = play();
    const SocketCalls after = socket_calls();
    EXPECT_EQ(answer.error, 0) << answer.text();
    answer_ = answer.text();
    return {.round_trips = harness_.writer().round_trips() + harness_.replica().round_trips(),
            .calls = {.reads = after.reads - before.reads,
                      .writes = after.writes - before.writes,
                      .futile = after.futile - before.futile}};
  }
  Cost cost_of(const char* sql) {
    return cost_of([&] { return client_->query(sql); });
  }
  size_t waits() {
    return harness_.replica().count("WAIT_FOR_EXECUTED_GTID_SET") +
           harness_.replica().count("MASTER_GTID_WAIT");
  }

  Harness harness_{{.flavor = GetParam()}};
  std::unique_ptr<ScriptedClient> client_ = harness_.connect();
  std::string answer_;
};

TEST_P(StatementCost, AReadThatMustSeeAWriteCostsWhatAPlainOneDoes) {
  const Cost plain = cost_of("/* causeway: consistency=eventual */ SELECT a FROM t");
  EXPECT_EQ(answer_, "[replica1]");
  EXPECT_EQ(plain, one_round_trip(plain.calls.futile));
  client_->query("INSERT INTO t VALUES (1)");
  catch_up();
  EXPECT_EQ(cost_of("SELECT covered FROM t"), plain);
  EXPECT_EQ(waits(), 0U);
  client_->query("INSERT INTO t VALUES (1)");
  EXPECT_EQ(cost_of("SELECT waits FROM t"), plain);
  EXPECT_EQ(waits(), 1U);
  EXPECT_EQ(answer_, "[replica1]");
}

TEST_P(StatementCost, SoDoesAPreparedOne) {
  const uint32_t id = client_->command(Command::kStmtPrepare, "SELECT a FROM t WHERE b = ?").statement_id;
  const auto execute = [this, id] { return client_->execute(id, {"1"}); };
  client_->execute(id, {"1"});
  const Cost plain = cost_of(execute);
  EXPECT_EQ(plain, one_round_trip(plain.calls.futile));
  client_->query("INSERT INTO t VALUES (1)");
  catch_up();
  EXPECT_EQ(cost_of(execute), plain);
  EXPECT_EQ(waits(), 0U);
  client_->query("INSERT INTO t VALUES (1)");
  EXPECT_EQ(cost_of(execute), plain);
  EXPECT_EQ(waits(), 1U);
}

TEST_P(StatementCost, AWriteIsOneRoundTrip) {
  const Cost write = cost_of("INSERT INTO t VALUES (1)");
  EXPECT_EQ(write, one_round_trip(write.calls.futile));
}

TEST_P(StatementCost, BeginAndTheFirstStatementAreOneRoundTrip) {
  const Cost write = cost_of("INSERT INTO t VALUES (1)");
  const Cost begin = cost_of("BEGIN");
  EXPECT_EQ(begin.round_trips, 0U);
  EXPECT_EQ(begin.calls.reads, 1U);
  EXPECT_EQ(begin.calls.writes, 1U);
  EXPECT_EQ(cost_of("INSERT INTO t VALUES (2)"), write);
  // MySQL's may be asked ahead of them for what replicas have shown already.
  const std::vector<std::string> asked = harness_.writer().statements();
  ASSERT_GE(asked.size(), 2U);
  EXPECT_EQ((std::vector<std::string>{asked.end() - 2, asked.end()}),
            (std::vector<std::string>{"BEGIN", "INSERT INTO t VALUES (2)"}));
  EXPECT_EQ(cost_of("COMMIT"), write);
}

TEST_P(StatementCost, SoTheyAreOnTheReplicaAndBehindAWait) {
  const Cost plain = cost_of("/* causeway: consistency=eventual */ SELECT a FROM t");
  client_->query("INSERT INTO t VALUES (1)");
  EXPECT_EQ(cost_of("START TRANSACTION READ ONLY").round_trips, 0U);
  EXPECT_EQ(cost_of("SELECT a FROM t"), plain);
  EXPECT_EQ(waits(), 1U);
  EXPECT_EQ(harness_.replica().statements().size(), 3U);
  EXPECT_EQ(cost_of("SELECT b FROM t"), plain);
  EXPECT_EQ(cost_of("COMMIT"), plain);
}

TEST_P(StatementCost, ATransactionOfNothingCostsNoServer) {
  EXPECT_EQ(cost_of("BEGIN").round_trips, 0U);
  EXPECT_EQ(cost_of("COMMIT").round_trips, 0U);
}

// Reset, session state and statement are one write.
TEST_P(StatementCost, AConnectionOfSomebodyElseCostsNothingMore) {
  const Cost plain = cost_of("/* causeway: consistency=eventual */ SELECT a FROM t");
  client_->quit();
  harness_.settle();
  client_ = harness_.connect_and_log_in();
  const Cost first = cost_of("SELECT a FROM t");
  EXPECT_EQ(first.round_trips, 1U);
  EXPECT_EQ(first.calls.reads, plain.calls.reads);
  EXPECT_EQ(first.calls.writes, plain.calls.writes);
  EXPECT_EQ(harness_.replica().statements().size(), 3U);
}

INSTANTIATE_TEST_SUITE_P(Flavors, StatementCost, testing::Values(Flavor::kMysql, Flavor::kMariadb),
                         [](const auto& flavor) {
                           return flavor.param == Flavor::kMysql ? "OnMysql" : "OnMariadb";
                         });

}  // namespace
}  // namespace causeway::test
