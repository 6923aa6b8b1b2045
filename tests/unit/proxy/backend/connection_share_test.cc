#include "proxy/backend/connection_share.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <numeric>
#include <random>

namespace causeway::proxy {
namespace {

// The next poll's answer.
NodeRoom counted(uint64_t max_connections, std::optional<uint64_t> open_connections) {
  static std::chrono::steady_clock::time_point now;
  now += std::chrono::milliseconds(250);
  return {.counted_at = now, .max_connections = max_connections, .open_connections = open_connections};
}

TEST(ConnectionShare, IsAllThatIsConfiguredWhileTheNodeHasRoom) {
  ConnectionShare share;
  EXPECT_EQ(share.after_count({.most = 135, .open = 100, .in_use = 3}, counted(151, 110)), 135u);
  EXPECT_FALSE(share.node_is_short());
}

TEST(ConnectionShare, IsAllThatIsConfiguredWhereNothingIsKnown) {
  ConnectionShare share;
  EXPECT_EQ(share.after_count({.most = 54}, {}), 54u);
  EXPECT_EQ(share.after_count({.most = 54}, counted(60, std::nullopt)), 54u);
  EXPECT_EQ(share.after_count({.most = 54}, counted(0, 60)), 54u);
}

TEST(ConnectionShare, GivesBackAQuarterWhileTheNodeIsShort) {
  ConnectionShare share;
  EXPECT_EQ(share.after_count({.most = 54, .open = 54, .in_use = 0}, counted(60, 60)), 40u);
  EXPECT_TRUE(share.node_is_short());
  EXPECT_EQ(share.after_count({.most = 54, .open = 40, .in_use = 0}, counted(60, 60)), 30u);
}

TEST(ConnectionShare, OnePollCountsOnce) {
  ConnectionShare share;
  const NodeRoom full = counted(60, 60);
  EXPECT_EQ(share.after_count({.most = 54, .open = 54, .in_use = 0}, full), 40u);
  EXPECT_EQ(share.after_count({.most = 54, .open = 40, .in_use = 0}, full), 40u);
  EXPECT_TRUE(share.node_is_short());
  EXPECT_EQ(share.after_count({.most = 6, .open = 40, .in_use = 0}, full), 6u) << "another role";
}

TEST(ConnectionShare, IsNeverLessThanIsInUse) {
  ConnectionShare share;
  EXPECT_EQ(share.after_count({.most = 54, .open = 54, .in_use = 50}, counted(60, 60)), 50u);
  EXPECT_EQ(share.after_count({.most = 54, .open = 50, .in_use = 50}, counted(60, 60)), 50u);
}

TEST(ConnectionShare, KeepsALittleHoweverShortTheNodeIs) {
  ConnectionShare share;
  for (uint32_t open = 54; open > 2;)
    open = share.after_count({.most = 54, .open = open, .in_use = 0}, counted(60, 75));
  EXPECT_EQ(share.after_count({.most = 54, .open = 2, .in_use = 0}, counted(60, 75)), 2u);
}

TEST(ConnectionShare, NeverExceedsItsConfigurationWhichMayBeNone) {
  ConnectionShare share;
  EXPECT_EQ(share.after_count({.most = 0, .open = 1, .in_use = 1}, counted(60, 60)), 0u);
  EXPECT_EQ(share.after_count({.most = 1, .open = 1, .in_use = 1}, counted(60, 60)), 1u);
  EXPECT_EQ(share.after_count({.most = 0, .open = 1, .in_use = 1}, counted(60, 10)), 0u);
}

TEST(ConnectionShare, GrowsAgainStepByStepWhenThereIsRoom) {
  ConnectionShare share;
  const OwnConnections own{.most = 54, .open = 54, .in_use = 0};
  ASSERT_EQ(share.after_count(own, counted(60, 60)), 40u);
  EXPECT_EQ(share.after_count(own, counted(60, 50)), 41u);
  for (int count = 0; count < 20; ++count)
    share.after_count(own, counted(60, 50));
  EXPECT_EQ(share.after_count(own, counted(60, 50)), 54u);
}

TEST(ConnectionShare, FollowsAnotherRoleOfTheNode) {
  ConnectionShare share;
  EXPECT_EQ(share.after_count({.most = 54, .open = 15, .in_use = 0}, counted(60, 20)), 54u);
  EXPECT_EQ(share.after_count({.most = 6, .open = 15, .in_use = 0}, counted(60, 20)), 6u);
  EXPECT_GT(share.after_count({.most = 54, .open = 6, .in_use = 0}, counted(60, 20)), 6u);
}

// Processes that open all they may and use little of it, each polling at its own times: on the average each
// has about the same, whoever came first.
TEST(ConnectionShare, ProcessesThatShareANodeComeToHaveAlike) {
  constexpr uint32_t kMax = 300;
  constexpr size_t kProcesses = 3;
  constexpr int kPolls = 20'000;
  std::array<ConnectionShare, kProcesses> shares;
  std::array<uint32_t, kProcesses> open = {270, 10, 0};
  std::array<double, kProcesses> average{};
  std::minstd_rand random(1);
  for (int poll = 0; poll < kPolls; ++poll) {
    const size_t who = random() % kProcesses;
    const uint32_t total = std::accumulate(open.begin(), open.end(), 0u);
    ASSERT_LE(total, kMax);
    const uint32_t limit =
        shares[who].after_count({.most = 270, .open = open[who], .in_use = 1}, counted(kMax, total));
    open[who] = std::min(limit, open[who] + (kMax - total));
    for (size_t i = 0; i < kProcesses; ++i)
      average[i] += static_cast<double>(open[i]) / kPolls;
  }
  for (const double one : average) {
    EXPECT_GT(one, 0.7 * kMax / kProcesses);
    EXPECT_LT(one, 1.3 * kMax / kProcesses);
  }
}

}  // namespace
}  // namespace causeway::proxy
