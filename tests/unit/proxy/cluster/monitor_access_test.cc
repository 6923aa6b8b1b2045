#include "proxy/cluster/monitor_access.h"

#include <gtest/gtest.h>

#include <optional>
#include <string_view>

namespace causeway::proxy {
namespace {

MonitorAccess::Time second_of(int second) {
  return MonitorAccess::Time(std::chrono::seconds(second));
}

// Polls, one per second: answered '.', refused in service 'r', refused out of service 'R', failed otherwise
// 'f'.
MonitorAccess access_after(std::string_view polls) {
  MonitorAccess access;
  for (int second = 0; const char poll : polls) {
    if (poll == '.') access.let_in();
    if (poll == 'r' || poll == 'R') access.refused(second_of(second), poll == 'r');
    if (poll == 'f') access.failed();
    ++second;
  }
  return access;
}

TEST(MonitorAccess, FollowsThePolls) {
  const struct {
    const char* polls;
    bool refuses;
    bool is_shut_out;
    int refused_at;  // -1: not since it was heard
  } cases[] = {
      {"", false, false, -1},      {".", false, false, -1},  {"f", false, false, -1},
      {".r", true, true, 1},       {".rr", true, true, 2},   {".r.", false, false, -1},
      {"R", true, false, 0},       {"R.", false, false, -1}, {".rf", false, false, 1},
      {".rff", false, false, 1},   {".rfR", true, false, 3}, {".rR", true, false, 2},
      {".rf.", false, false, -1},  {".rfr", true, true, 3},  {"fR", true, false, 1},
      {".rR.f", false, false, -1},
  };
  for (const auto& c : cases) {
    const MonitorAccess access = access_after(c.polls);
    EXPECT_EQ(access.refuses(), c.refuses) << c.polls;
    EXPECT_EQ(access.is_shut_out(), c.is_shut_out) << c.polls;
    const auto refused_at = c.refused_at < 0 ? std::nullopt : std::optional(second_of(c.refused_at));
    EXPECT_EQ(access.refused_at(), refused_at) << c.polls;
  }
}

TEST(MonitorAccess, IsSaidOncePerMinuteAndAnewAfterwards) {
  constexpr int kAgain = MonitorAccess::kSayAgain.count();
  MonitorAccess access;
  EXPECT_FALSE(access.is_to_be_said(second_of(0)));
  access.refused(second_of(0), true);
  EXPECT_TRUE(access.is_to_be_said(second_of(1)));
  access.refused(second_of(1), true);
  EXPECT_FALSE(access.is_to_be_said(second_of(kAgain)));
  EXPECT_TRUE(access.is_to_be_said(second_of(kAgain + 1)));
  access.failed();
  access.refused(second_of(kAgain + 2), true);
  EXPECT_TRUE(access.is_to_be_said(second_of(kAgain + 2))) << "it had gone in between";
  access.let_in();
  access.refused(second_of(kAgain + 3), true);
  EXPECT_TRUE(access.is_to_be_said(second_of(kAgain + 3)));
  access.refused(second_of(kAgain + 4), false);
  EXPECT_FALSE(access.is_to_be_said(second_of(3 * kAgain))) << "out of service, nothing of it is kept";
}

}  // namespace
}  // namespace causeway::proxy
