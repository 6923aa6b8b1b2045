#include "proxy/base/byte_rate.h"

#include <gtest/gtest.h>

#include <chrono>
#include <vector>

namespace causeway::proxy {
namespace {

using std::chrono::milliseconds;

const Clock::time_point kFirstTake{std::chrono::hours(1)};

// So many bytes at this time after the start: and how long the next ones have to wait.
struct TakeOfBytes {
  int64_t at_ms;
  uint64_t bytes;
  int64_t waits_ms;
};

TEST(ByteRate, LetsGoWhatTheBucketHoldsAndThenItsRate) {
  const struct {
    const char* name;
    uint64_t rate;
    std::vector<TakeOfBytes> takes;
  } table[] = {
      {"no bound", 0, {{0, 1ull << 40, 0}, {0, 1ull << 40, 0}}},
      {"a second's worth goes at once", 1000, {{0, 600, 0}, {0, 400, 0}, {0, 100, 100}}},
      {"nothing is nothing", 1000, {{0, 0, 0}, {0, 1000, 0}, {0, 0, 0}}},
      {"a piece is never cut", 1000, {{0, 5000, 4000}}},
      {"whoever does not wait owes more", 1000, {{0, 1500, 500}, {0, 500, 1000}, {700, 100, 400}}},
      {"as fast as the rate never waits", 1000, {{0, 1000, 0}, {100, 100, 0}, {200, 100, 0}, {300, 100, 0}}},
      {"it fills while nothing goes", 1000, {{0, 1000, 0}, {250, 250, 0}, {250, 250, 250}}},
      {"and is never fuller than a second", 1000, {{0, 1000, 0}, {3'600'000, 2000, 1000}}},
      {"a wait that was too long counts", 1000, {{0, 2000, 1000}, {1050, 100, 50}, {1100, 100, 100}}},
      {"rates that do not divide a second", 3, {{0, 3, 0}, {0, 1, 333}}},
      {"the highest rate",
       1ull << 32,
       {{0, 1ull << 32, 0}, {0, 1ull << 31, 500}, {500, (1ull << 32) - 1, 999}}},
  };
  for (const auto& row : table) {
    ByteRate rate(row.rate);
    for (const TakeOfBytes& take : row.takes) {
      const Clock::time_point now = kFirstTake + milliseconds(take.at_ms);
      const auto wait = std::chrono::duration_cast<milliseconds>(rate.take(take.bytes, now) - now);
      EXPECT_EQ(wait.count(), take.waits_ms) << row.name << ", at " << take.at_ms;
    }
  }
}

TEST(ByteRate, OverAnyTimeIsTheRateASecondAndAPiece) {
  constexpr uint64_t kRate = 100'000;
  constexpr uint64_t kPiece = 65'536;
  ByteRate rate(kRate);
  uint64_t sent = 0;
  // Whoever sends is woken late, by up to 50 ms.
  for (Clock::time_point now = kFirstTake; now < kFirstTake + std::chrono::minutes(10);
       now = rate.take(kPiece, now) + milliseconds(sent % 50))
    sent += kPiece;
  EXPECT_LE(sent, kRate * 601 + kPiece);
  EXPECT_GE(sent, kRate * 600) << "being late costs nothing";
}

TEST(ByteRate, WithoutOneIsWithoutABound) {
  EXPECT_FALSE(ByteRate().is_bounded());
  EXPECT_TRUE(ByteRate(1).is_bounded());
}

}  // namespace
}  // namespace causeway::proxy
