#include "proxy/backend/node_refusals.h"

#include <gtest/gtest.h>

namespace causeway::proxy {
namespace {

using std::chrono::seconds;
using Clock = NodeRefusals::Clock;

const ClientError kDenied{.code = 1045, .sql_state = "28000", .message = "denied"};
const ClientError kFull{.code = 1040, .sql_state = "08004", .message = "full"};

TEST(NodeRefusals, AreOfTheAccountAndPasswordAndHoldForAMoment) {
  NodeRefusals refusals;
  const Clock::time_point now{seconds(100)};
  EXPECT_EQ(refusals.find("a", 1, now), nullptr);
  EXPECT_TRUE(refusals.note("a", 1, kDenied, now));
  ASSERT_NE(refusals.find("a", 1, now), nullptr);
  EXPECT_EQ(*refusals.find("a", 1, now), kDenied);
  EXPECT_EQ(refusals.find("a", 2, now), nullptr);
  EXPECT_EQ(refusals.find("b", 1, now), nullptr);
  EXPECT_EQ(refusals.find("a", 1, now + NodeRefusals::kHolds), nullptr);
}

TEST(NodeRefusals, OfAServerThatIsFullAreEverybodys) {
  NodeRefusals refusals;
  const Clock::time_point now{seconds(100)};
  refusals.note("a", 1, kFull, now);
  ASSERT_NE(refusals.find("b", 7, now), nullptr);
  EXPECT_EQ(refusals.find("b", 7, now)->code, 1040);
}

TEST(NodeRefusals, AreNewsOnceAMinute) {
  NodeRefusals refusals;
  const Clock::time_point now{seconds(100)};
  EXPECT_TRUE(refusals.note("a", 1, kDenied, now));
  EXPECT_FALSE(refusals.note("a", 1, kDenied, now + seconds(30)));
  EXPECT_TRUE(refusals.note("b", 1, kDenied, now + seconds(30)));
  EXPECT_TRUE(refusals.note("a", 1, kDenied, now + NodeRefusals::kNews));
}

TEST(NodeRefusals, OfManyAccountsAreBounded) {
  NodeRefusals refusals;
  Clock::time_point now{seconds(100)};
  for (int i = 0; i < 1000; ++i) {
    now += std::chrono::microseconds(1);
    refusals.note("user" + std::to_string(i), 1, kDenied, now);
  }
  EXPECT_EQ(refusals.find("user0", 1, now), nullptr);
  EXPECT_NE(refusals.find("user999", 1, now), nullptr);
  EXPECT_NE(refusals.find("user950", 1, now), nullptr);
}

}  // namespace
}  // namespace causeway::proxy
