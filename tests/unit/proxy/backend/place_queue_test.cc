#include "proxy/backend/place_queue.h"

#include <gtest/gtest.h>

namespace causeway::proxy {
namespace {

TEST(PlaceQueue, FirstComeFirstServed) {
  PlaceQueue line;
  EXPECT_TRUE(line.empty());
  EXPECT_FALSE(line.first());
  const uint64_t first = line.join(1);
  const uint64_t second = line.join(2);
  EXPECT_NE(first, 0U);
  EXPECT_TRUE(line.is_first(first));
  EXPECT_FALSE(line.is_first(second));
  EXPECT_EQ(line.first()->worker, 1U);
  line.leave(first);
  EXPECT_TRUE(line.is_first(second));
  EXPECT_EQ(line.first()->worker, 2U);
}

TEST(PlaceQueue, WhoeverLeavesFromTheMiddleHoldsUpNobody) {
  PlaceQueue line;
  const uint64_t first = line.join(0);
  const uint64_t second = line.join(0);
  const uint64_t third = line.join(0);
  line.leave(second);
  line.leave(first);
  EXPECT_TRUE(line.is_first(third));
  line.leave(third);
  line.leave(third);
  EXPECT_TRUE(line.empty());
}

}  // namespace
}  // namespace causeway::proxy
