#include "proxy/cluster/ahead_watch.h"

#include <gtest/gtest.h>

#include <string>

namespace causeway::proxy {
namespace {

using consistency::Position;
using enum AheadWatch::Verdict;

Position set(const std::string& intervals) {
  return *Position::parse("mysql:3e11fa47-71ca-11e1-9e33-c80aa9429561:" + intervals);
}

AheadWatch::Clock::time_point time(int milliseconds) {
  return AheadWatch::Clock::time_point(std::chrono::milliseconds(milliseconds));
}

TEST(AheadWatch, OnlyAWriterThatWasAskedLaterCanTell) {
  AheadWatch watch;
  EXPECT_EQ(watch.verdict(), kWithin);
  watch.reset();
  EXPECT_EQ(watch.verdict(), kUnknown);
  watch.observe(set("1-10"), time(100), set("1-9"), time(50), false);
  EXPECT_EQ(watch.verdict(), kUnknown);
  watch.observe(set("1-10"), time(100), set("1-12"), time(150), false);
  EXPECT_EQ(watch.verdict(), kWithin);
  watch.observe(set("1-20"), time(200), set("1-12"), time(150), false);
  EXPECT_EQ(watch.verdict(), kWithin) << "an older answer of the writer takes nothing back";
}

TEST(AheadWatch, IsSureWhenTheWriterStillLacksIt) {
  AheadWatch watch;
  watch.observe(set("1-10"), time(100), set("1-9"), time(150), false);
  EXPECT_EQ(watch.verdict(), kSuspected);
  watch.observe(set("1-11"), time(200), set("1-9"), time(150), false);
  EXPECT_EQ(watch.verdict(), kSuspected) << "the same answer of the writer twice";
  watch.observe(set("1-11"), time(200), set("1-9"), time(250), false);
  EXPECT_EQ(watch.verdict(), kAhead);
  watch.observe(set("1-11"), time(300), set("1-11"), time(350), false);
  EXPECT_EQ(watch.verdict(), kWithin) << "the writer was given an empty transaction of that number";
}

TEST(AheadWatch, AWriterThatCommitsAfterItsReplicasIsNoCause) {
  AheadWatch watch;
  for (int i = 1; i < 20; ++i) {
    const std::string has = "1-" + std::to_string(10 * i);
    const std::string writer_has = "1-" + std::to_string(10 * i - 1);
    watch.observe(set(has), time(100 * i), set(writer_has), time(100 * i + 50), false);
    EXPECT_NE(watch.verdict(), kAhead);
  }
}

TEST(AheadWatch, StaysWhereLaterTransactionsHideIt) {
  AheadWatch watch;
  watch.observe(set("1-10"), time(100), set("1-9"), time(150), true);
  watch.observe(set("1-10"), time(100), set("1-9"), time(250), true);
  watch.observe(set("1-10"), time(300), set("1-20"), time(350), true);
  EXPECT_EQ(watch.verdict(), kAhead);
  watch.reset();
  watch.observe(set("1-10"), time(300), set("1-20"), time(350), true);
  EXPECT_EQ(watch.verdict(), kWithin);
}

}  // namespace
}  // namespace causeway::proxy
