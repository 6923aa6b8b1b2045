#include "proxy/backend/log_reader.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/support/fake_log.h"
#include "tests/support/session_test.h"

namespace causeway::test {
namespace {

using proxy::Answer;
using proxy::LogFile;

class LogReaderTest : public SessionTest {
 protected:
  void SetUp() override {
    SessionTest::SetUp();
    log_.files = {{.name = "b.000001", .transactions = {1, 2}}, {.name = "b.000002", .transactions = {3}}};
    log_.serve(harness_.writer());
  }

  proxy::LogReader reader() {
    proxy::ClientSession& session = harness_.session();
    return {.shard = harness_.shard(),
            .node = 0,
            .login = session.identity.login,
            .waiter = session.waiter,
            .in_flight = session.backends.in_flight};
  }

  // "file:position" behind each event, until there were so many; then why it has ended.
  std::vector<std::string> read(std::string_view file, uint64_t position, size_t most = 100) {
    std::vector<std::string> events;
    const proxy::TakeEvent take = [&](const protocol::BinlogStreamState& state) {
      events.push_back(state.file + ":" + std::to_string(state.position) +
                       (state.transaction.is_open() ? "+" : ""));
      return events.size() < most;
    };
    const Answer<void> answer = harness_.run(proxy::read_log(reader(), file, position, take));
    events.push_back(answer ? "end" : answer.error().refusal ? answer.error().reason : "lost");
    return events;
  }

  FakeLog log_;
};

TEST_F(LogReaderTest, ReadsToTheEndOfTheLog) {
  const std::vector<std::string> expected = {
      "b.000001:200", "b.000001:230+", "b.000001:260+", "b.000001:300", "b.000002:4",
      "b.000002:100", "b.000002:130+", "b.000002:160+", "b.000002:200", "end"};
  EXPECT_EQ(read("b.000001", 200), expected);
  EXPECT_EQ(harness_.session().backends.in_flight, nullptr);
}

TEST_F(LogReaderTest, OrUntilItIsEnough) {
  EXPECT_EQ(read("b.000001", 4, 2), (std::vector<std::string>{"b.000001:4", "b.000001:100", "end"}));
}

TEST_F(LogReaderTest, SaysWhatTheServerSays) {
  EXPECT_EQ(read("b.000001", 101), (std::vector<std::string>{"no event begins at 101"}));
  EXPECT_EQ(read("c.000001", 4),
            (std::vector<std::string>{"Could not find first log file name in binary log index file"}));
}

TEST_F(LogReaderTest, WhateverGoesWrongAtAnyStepIsSaid) {
  for (const Fault fault : kFaults) {
    // Deadlines are those of the command for which it is read.
    if (fault == Fault::kStall || fault == Fault::kCloseBehind) continue;
    for (size_t step = 0;; ++step) {
      ASSERT_LT(step, 20U);
      harness_.writer().fault_at(harness_.writer().steps() + step, fault);
      const std::vector<std::string> events = read("b.000002", 4);
      const bool happened = harness_.writer().fault_happened();
      const bool is_whole = fault == Fault::kBytewise || !happened;
      // Not every refusal in a connection's set-up is one of the connection.
      const bool read_all = events.back() == "end" && events.size() == 6;
      EXPECT_TRUE(read_all == is_whole || fault == Fault::kError) << to_string(fault) << " at " << step;
      EXPECT_TRUE(read_all || events.back() != "end") << to_string(fault) << " at " << step;
      EXPECT_EQ(harness_.session().backends.in_flight, nullptr);
      harness_.heal();
      if (!happened) break;
    }
  }
}

TEST_F(LogReaderTest, TheFilesAreAskedForAsTheMonitor) {
  const Answer<std::vector<LogFile>> files = harness_.run(proxy::list_log_files(reader()));
  ASSERT_TRUE(files.has_value());
  ASSERT_EQ(files->size(), 2U);
  EXPECT_EQ(files->at(1).name, "b.000002");
  EXPECT_EQ(files->at(1).bytes, 200U);
}

}  // namespace
}  // namespace causeway::test
