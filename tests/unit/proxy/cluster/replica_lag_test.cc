#include "proxy/cluster/replica_lag.h"

#include <gtest/gtest.h>

#include <string>

namespace causeway::proxy {
namespace {

using consistency::Position;
using std::chrono::milliseconds;
using std::chrono::seconds;

Position at(uint64_t sequence) {
  return *Position::parse("mariadb:0-1-" + std::to_string(sequence));
}

WriterHistory::Clock::time_point time(milliseconds since_start) {
  return WriterHistory::Clock::time_point(std::chrono::hours(1)) + since_start;
}

TEST(WriterHistory, TellsHowLongAgoTheWriterHadWhatTheReplicaHas) {
  WriterHistory history;
  EXPECT_EQ(history.lag(at(5), time(milliseconds(0))), std::nullopt) << "nothing is known of the writer";
  history.note(at(10), time(milliseconds(0)));
  history.note(at(20), time(milliseconds(250)));
  history.note(at(30), time(milliseconds(500)));
  EXPECT_EQ(history.lag(at(30), time(milliseconds(600))), milliseconds(100));
  EXPECT_EQ(history.lag(at(35), time(milliseconds(600))), milliseconds(100));
  EXPECT_EQ(history.lag(at(29), time(milliseconds(600))), milliseconds(350));
  EXPECT_EQ(history.lag(at(10), time(milliseconds(600))), milliseconds(600));
  EXPECT_EQ(history.lag(at(9), time(milliseconds(600))), std::nullopt);
  EXPECT_EQ(history.lag(at(30), time(milliseconds(400))), milliseconds(0)) << "asked before the writer";
  EXPECT_EQ(history.lag(Position(), time(milliseconds(600))), std::nullopt);
}

TEST(WriterHistory, AWriterThatDoesNothingLeavesNobodyBehind) {
  WriterHistory history;
  history.note(at(10), time(milliseconds(0)));
  history.note(Position(), time(milliseconds(1)));
  for (int i = 1; i <= 100; ++i)
    history.note(at(10), time(milliseconds(250 * i)));
  EXPECT_EQ(history.lag(at(10), time(milliseconds(25'100))), milliseconds(100));
  history.note(at(11), time(milliseconds(25'250)));
  EXPECT_EQ(history.lag(at(10), time(milliseconds(30'000))), milliseconds(5000));
}

TEST(WriterHistory, AnotherWriterBeginsAnew) {
  WriterHistory history;
  history.note(at(10), time(milliseconds(0)));
  history.clear();
  EXPECT_EQ(history.lag(at(10), time(milliseconds(0))), std::nullopt);
}

TEST(WriterHistory, IsBoundedAndExactToSomePercent) {
  WriterHistory history;
  constexpr int kPolls = 20'000;
  for (int i = 0; i <= kPolls; ++i)
    history.note(at(static_cast<uint64_t>(i) + 1), time(milliseconds(250) * i));
  for (const int polls_behind : {1, 10, 100, 1000, 10'000, 15'000}) {
    const auto lag =
        history.lag(at(static_cast<uint64_t>(kPolls + 1 - polls_behind)), time(milliseconds(250) * kPolls));
    ASSERT_TRUE(lag) << polls_behind;
    EXPECT_GE(*lag, milliseconds(250) * polls_behind);
    EXPECT_LE(*lag, milliseconds(250) * polls_behind * 11 / 10 + milliseconds(500));
  }
}

}  // namespace
}  // namespace causeway::proxy
