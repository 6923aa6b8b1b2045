#include "consistency/replica_progress.h"

#include <gtest/gtest.h>

#include <string>

namespace causeway::consistency {
namespace {

using std::chrono::milliseconds;
using Time = ReplicaProgress::Time;

constexpr milliseconds kSecond{1000};

Position at(uint64_t sequence) {
  return Position::parse(PositionKind::kMariadbGtid, "0-1-" + std::to_string(sequence)).value();
}

Time ms(int64_t count) {
  return Time(milliseconds(100000 + count));
}

TEST(ReplicaProgress, NothingKnownIsWorthAWait) {
  EXPECT_TRUE(ReplicaProgress().gets_there_within(kSecond));
  EXPECT_TRUE(ReplicaProgress().gets_there_within(milliseconds(0)));
}

TEST(ReplicaProgress, AReplicaThatStandsStillIsGivenUpAfterTheTimeOfAWait) {
  ReplicaProgress progress;
  for (int64_t t = 0; t < 1000; t += 250) {
    progress.polled(at(5), ms(t), at(6), ms(t - 10), {});
    EXPECT_TRUE(progress.gets_there_within(kSecond)) << t;
  }
  progress.polled(at(5), ms(1000), at(9), ms(990), {});
  EXPECT_FALSE(progress.gets_there_within(kSecond));
  EXPECT_TRUE(progress.gets_there_within(milliseconds(20000)));
  progress.polled(at(6), ms(1250), at(9), ms(1240), {});
  EXPECT_TRUE(progress.gets_there_within(kSecond)) << "it moves";
}

TEST(ReplicaProgress, AnIdleReplicaIsNotStandingStill) {
  ReplicaProgress progress;
  for (int64_t t = 0; t < 10000; t += 250)
    progress.polled(at(5), ms(t), at(5), ms(t - 10), {});
  EXPECT_TRUE(progress.gets_there_within(kSecond));
  // The writer was polled later than the replica: no proof.
  progress.polled(at(5), ms(10000), at(6), ms(10100), {});
  EXPECT_TRUE(progress.gets_there_within(kSecond));
  progress.polled(at(6), ms(10250), at(6), ms(10350), {});
  EXPECT_TRUE(progress.gets_there_within(kSecond));
}

TEST(ReplicaProgress, WhereTheWriterIsPolledLaterTheFormerPollCounts) {
  ReplicaProgress progress;
  for (int64_t t = 0; t <= 2000; t += 250)
    progress.polled(at(5), ms(t), at(6), ms(t + 100), {});
  EXPECT_FALSE(progress.gets_there_within(kSecond));
}

TEST(ReplicaProgress, LagBeyondTheTimeOfAWait) {
  ReplicaProgress progress;
  progress.polled(at(5), ms(0), at(6), ms(0), milliseconds(1000));
  EXPECT_TRUE(progress.gets_there_within(milliseconds(100))) << "whole seconds tell nothing of one";
  progress.polled(at(6), ms(250), at(7), ms(250), milliseconds(5000));
  EXPECT_FALSE(progress.gets_there_within(kSecond));
  EXPECT_TRUE(progress.gets_there_within(milliseconds(6000)));
}

TEST(ReplicaProgress, AWaitInVainIsNotRepeatedUntilItsTargetCame) {
  ReplicaProgress progress;
  progress.polled(at(5), ms(0), at(5), ms(0), {});
  progress.missed(at(7), milliseconds(990));
  EXPECT_FALSE(progress.gets_there_within(kSecond));
  EXPECT_TRUE(progress.gets_there_within(milliseconds(5000)));
  progress.polled(at(6), ms(250), at(8), ms(250), {});
  EXPECT_FALSE(progress.gets_there_within(kSecond));
  progress.polled(at(7), ms(500), at(9), ms(500), {});
  EXPECT_TRUE(progress.gets_there_within(kSecond));
}

TEST(ReplicaProgress, AWaitInVainIsForgottenInTheEnd) {
  ReplicaProgress progress;
  progress.polled(at(5), ms(0), at(5), ms(0), {});
  progress.missed(at(7), kSecond);
  progress.polled(at(5), ms(9900), at(5), ms(9900), {});
  EXPECT_FALSE(progress.gets_there_within(kSecond));
  progress.polled(at(5), ms(10000), at(5), ms(10000), {});
  EXPECT_TRUE(progress.gets_there_within(kSecond));
}

TEST(ReplicaProgress, AWaitThatEndedWellIsProgress) {
  ReplicaProgress progress;
  progress.polled(at(5), ms(0), at(6), ms(0), {});
  progress.polled(at(5), ms(2000), at(6), ms(2000), {});
  progress.missed(at(6), kSecond);
  progress.reached(at(6));
  EXPECT_TRUE(progress.gets_there_within(kSecond));
}

}  // namespace
}  // namespace causeway::consistency
