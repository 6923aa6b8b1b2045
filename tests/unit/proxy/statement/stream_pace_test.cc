#include "proxy/statement/stream_pace.h"

#include <gtest/gtest.h>

#include "tests/support/binlog_events.h"
#include "tests/support/session_test.h"

namespace causeway::test {
namespace {

using protocol::Command;
using std::chrono::milliseconds;

// Of a client that has nothing.
const std::string kDumpOfAll =
    std::string(2 + 4 + 4 + 8, '\0') + std::string("\10\0\0\0", 4) + std::string(8, '\0');

constexpr size_t kPacedBytes = 20'000;
constexpr uint64_t kPacedRate = 40'000;

class StreamPace : public SessionTest {
 protected:
  StreamPace()
      : SessionTest({.configure = [](proxy::Config& config) {
          config.listeners.front().purpose = proxy::ListenerPurpose::kReplication;
          config.listeners.front().max_bytes_per_second = kPacedRate;
        }}) {}

  // Begins the stream, of so many events that all come at once.
  void begin(int events) {
    harness_.writer().on(Command::kBinlogDumpGtid, [events](Reply& reply) {
      constexpr auto kUnknown = static_cast<protocol::BinlogEventType>(100);
      reply.text(rotate_packet("binlog.000001", 4));
      for (int i = 1; i <= events; ++i)
        reply.text(event_packet(kUnknown, Buffer(kPacedBytes, 'x'), static_cast<uint32_t>(kPacedBytes) * i));
    });
    client_->start(Command::kBinlogDumpGtid, kDumpOfAll);
    harness_.settle();
  }

  uint64_t sent() { return harness_.metrics().traffic.client_bytes_out.value(); }
};

TEST_F(StreamPace, IsTheListeners) {
  const uint64_t before = sent();
  begin(40);
  const uint64_t at_once = sent() - before;
  EXPECT_GE(at_once, kPacedRate);
  EXPECT_LE(at_once, kPacedRate + (64 << 10)) << "a second's worth and what was read in one go";
  for (int second = 1; second <= 10; ++second) {
    harness_.advance(std::chrono::seconds(1));
    EXPECT_GE(sent() - before, kPacedRate * second);
    EXPECT_LE(sent() - before, kPacedRate * (second + 1) + (64 << 10));
  }
  harness_.advance(std::chrono::seconds(20));
  EXPECT_GT(sent() - before, 40 * kPacedBytes) << "and in the end it is all there";
  EXPECT_GE(client_->receive_answer(Command::kBinlogDump).text().size(), kPacedBytes);
}

TEST_F(StreamPace, OfStatementsThereIsNone) {
  const std::string large(200'000, 'x');
  harness_.writer().on("SELECT big", [&large](Reply& reply) { reply.rows({"big"}, {{large}}); });
  client_->start(Command::kQuery, "SELECT big FROM t");
  harness_.settle();
  EXPECT_EQ(client_->finish().text().size(), large.size() + 2);
  EXPECT_FALSE(harness_.session().waiter.wake_up.waiting());
}

TEST_F(StreamPace, EndsAtOnceWithTheSession) {
  begin(40);
  EXPECT_TRUE(harness_.session().waiter.wake_up.waiting());
  const uint64_t before = sent();
  harness_.worker().drain();
  harness_.settle();
  EXPECT_EQ(harness_.books().sessions, 0U) << "without any time";
  EXPECT_LE(sent(), before + 2 * kPacedBytes) << "the event that was under way is whole";
  EXPECT_EQ(harness_.ends(), Texts{"shutdown"});
}

TEST_F(StreamPace, EndsWithTheClient) {
  begin(40);
  client_->close();
  harness_.advance(milliseconds(300));
  EXPECT_EQ(harness_.books().sessions, 0U);
  EXPECT_EQ(harness_.writer().connections_of("app"), 0U);
}

TEST_F(StreamPace, EndsWithTheWriter) {
  begin(40);
  harness_.view().writer = 1;
  ++harness_.view().writer_epoch;
  harness_.view().nodes[1].role = proxy::NodeRole::kWriter;
  harness_.view().nodes[0].role = proxy::NodeRole::kReadOnly;
  harness_.publish();
  harness_.advance(milliseconds(50));
  EXPECT_EQ(harness_.books().sessions, 0U);
  EXPECT_EQ(harness_.ends(), Texts{"another server is the writer"});
}

}  // namespace
}  // namespace causeway::test
