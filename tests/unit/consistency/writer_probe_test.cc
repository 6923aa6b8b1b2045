#include "consistency/writer_probe.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

namespace causeway::consistency {
namespace {

WriterPosition at(uint64_t sequence) {
  return {.executed = Position::parse(PositionKind::kMariadbGtid, "0-1-" + std::to_string(sequence)).value(),
          .logged = {}};
}

TEST(WriterProbe, AsksOnlyWhenSomebodyWaits) {
  WriterProbe probe;
  EXPECT_FALSE(probe.should_send());
  const WriterProbe::Ticket ticket = probe.join();
  EXPECT_TRUE(probe.should_send());
  EXPECT_EQ(probe.state(ticket), WriterProbe::State::kPending);
  const uint64_t epoch = probe.sent();
  EXPECT_FALSE(probe.should_send());
  EXPECT_EQ(probe.completed(epoch, at(7)), ticket.epoch);
  EXPECT_EQ(probe.state(ticket), WriterProbe::State::kAnswered);
  EXPECT_EQ(probe.position(), at(7));
  EXPECT_FALSE(probe.should_send());
}

TEST(WriterProbe, ReadsThatArriveBeforeItIsSentShareAQuestion) {
  WriterProbe probe;
  const WriterProbe::Ticket first = probe.join();
  EXPECT_EQ(probe.join(), first);
  EXPECT_EQ(probe.join(), first);
}

TEST(WriterProbe, ReadThatArrivesDuringAQuestionJoinsTheNext) {
  WriterProbe probe;
  const WriterProbe::Ticket first = probe.join();
  const uint64_t epoch = probe.sent();
  const WriterProbe::Ticket second = probe.join();
  EXPECT_NE(second, first);
  EXPECT_FALSE(probe.should_send());  // one at a time
  probe.completed(epoch, at(7));
  EXPECT_EQ(probe.state(first), WriterProbe::State::kAnswered);
  EXPECT_EQ(probe.state(second), WriterProbe::State::kPending);
  EXPECT_TRUE(probe.should_send());
  probe.completed(probe.sent(), at(9));
  EXPECT_EQ(probe.state(second), WriterProbe::State::kAnswered);
}

TEST(WriterProbe, WithManyReadsUnderWaySomeAreGatheredFirst) {
  WriterProbe probe;
  EXPECT_FALSE(probe.worth_sending(64));  // nobody waits
  probe.join();
  EXPECT_TRUE(probe.worth_sending(1));
  EXPECT_TRUE(probe.worth_sending(7));
  EXPECT_FALSE(probe.worth_sending(8));
  probe.join();
  EXPECT_TRUE(probe.worth_sending(8));
  EXPECT_FALSE(probe.worth_sending(64));
  for (int i = 0; i < 5; ++i)
    probe.join();
  EXPECT_FALSE(probe.worth_sending(64));
  probe.join();
  EXPECT_TRUE(probe.worth_sending(64));
  EXPECT_TRUE(probe.worth_sending(100'000));
  probe.sent();
  EXPECT_FALSE(probe.worth_sending(64));
}

TEST(WriterProbe, FailureSettlesOnlyWhoAsked) {
  WriterProbe probe;
  const WriterProbe::Ticket first = probe.join();
  const uint64_t epoch = probe.sent();
  const WriterProbe::Ticket second = probe.join();
  EXPECT_EQ(probe.failed(epoch), first.epoch);
  EXPECT_EQ(probe.state(first), WriterProbe::State::kFailed);
  EXPECT_EQ(probe.state(second), WriterProbe::State::kPending);
  EXPECT_TRUE(probe.should_send());
}

TEST(WriterProbe, LateAnswersAreIgnored) {
  WriterProbe probe;
  const WriterProbe::Ticket first = probe.join();
  const uint64_t epoch = probe.sent();
  const WriterProbe::Ticket second = probe.join();
  EXPECT_EQ(probe.reset(), second.epoch);
  EXPECT_EQ(probe.completed(epoch, at(7)), 0U);
  EXPECT_EQ(probe.failed(epoch), 0U);
  EXPECT_EQ(probe.completed(0, at(7)), 0U);
  EXPECT_EQ(probe.state(first), WriterProbe::State::kFailed);
  EXPECT_EQ(probe.state(second), WriterProbe::State::kFailed);
  EXPECT_TRUE(probe.position().executed.empty());
  EXPECT_FALSE(probe.should_send());
  const WriterProbe::Ticket third = probe.join();
  EXPECT_EQ(probe.state(third), WriterProbe::State::kPending);
}

// A writer that commits, answers when it likes, and reads that come at any time.
TEST(WriterProbe, NoReadGetsAPositionFromBeforeItArrived) {
  struct Read {
    WriterProbe::Ticket ticket;
    uint64_t committed_at_arrival;
  };
  std::mt19937_64 random(42);
  WriterProbe probe;
  std::vector<Read> reads;
  uint64_t committed = 1;
  uint64_t epoch = 0;
  uint64_t seen_by_writer =
      0;  // what it will answer, taken at any time after the question left; 0: not taken yet
  size_t questions = 0;
  size_t answered = 0;
  for (int step = 0; step < 200000; ++step) {
    switch (random() % 8) {
      case 0:
        ++committed;
        break;
      case 1:
      case 2:
      case 3:
        reads.push_back({probe.join(), committed});
        break;
      case 4:
        if (probe.should_send()) {
          epoch = probe.sent();
          seen_by_writer = 0;
          ++questions;
        }
        break;
      case 5:
        if (epoch != 0 && seen_by_writer == 0) seen_by_writer = committed;
        break;
      case 6:
        if (epoch != 0 && seen_by_writer != 0) {
          const uint64_t settled = probe.completed(epoch, at(seen_by_writer));
          ASSERT_EQ(settled, epoch);
          epoch = 0;
        }
        break;
      default:
        if (epoch != 0 && random() % 16 == 0) {
          probe.failed(epoch);
          epoch = 0;
        }
        break;
    }
    std::erase_if(reads, [&](const Read& read) {
      const WriterProbe::State state = probe.state(read.ticket);
      if (state == WriterProbe::State::kAnswered) {
        ++answered;
        EXPECT_TRUE(probe.position().executed.contains(at(read.committed_at_arrival).executed));
      }
      return state != WriterProbe::State::kPending;
    });
    // Whoever still waits has a question in flight or to come.
    ASSERT_TRUE(reads.empty() || epoch != 0 || probe.should_send());
  }
  EXPECT_GT(answered, questions);
}

}  // namespace
}  // namespace causeway::consistency
