#include "proxy/cluster/refusal_episode.h"

#include <gtest/gtest.h>

namespace causeway::proxy {
namespace {

TEST(RefusalEpisode, IsToldWhenItBeginsAndWhenItIsOver) {
  using News = RefusalEpisode::News;
  constexpr int kQuiet = RefusalEpisode::kQuiet.count();
  const struct {
    int second;
    uint64_t total;
    News news;
    uint64_t refused;
  } looks[] = {
      {0, 0, News::kNone, 0},
      {1, 3, News::kBegun, 3},
      {2, 3, News::kNone, 3},
      {3, 70, News::kNone, 70},
      {3 + kQuiet - 1, 70, News::kNone, 70},
      {3 + kQuiet, 70, News::kOver, 70},
      {4 + kQuiet, 70, News::kNone, 70},
      {500, 71, News::kBegun, 1},
      {500 + kQuiet - 1, 72, News::kNone, 2},  // goes on
      {500 + kQuiet, 72, News::kNone, 2},
      {500 + 2 * kQuiet, 72, News::kOver, 2},
  };
  RefusalEpisode episode;
  for (const auto& look : looks) {
    EXPECT_EQ(episode.look(look.total, RefusalEpisode::Clock::time_point(std::chrono::seconds(look.second))),
              look.news)
        << look.second;
    EXPECT_EQ(episode.refused(), look.refused) << look.second;
  }
}

}  // namespace
}  // namespace causeway::proxy
