#include "proxy/net/waiter.h"

#include <gtest/gtest.h>

#include "tests/support/virtual_clock.h"

namespace causeway::test {
namespace {

using proxy::Clock;
using proxy::DeadlineScope;
using proxy::EarlierDeadline;
using proxy::Waiter;
using std::chrono::seconds;

TEST(Waiter, HasADeadlineWhileItWaits) {
  VirtualClock clock;
  Waiter waiter;
  waiter.timed_out = true;
  {
    const DeadlineScope scope(waiter, Clock::now() + seconds{3});
    EXPECT_FALSE(waiter.timed_out);
    EXPECT_EQ(waiter.deadline, Clock::now() + seconds{3});
  }
  EXPECT_EQ(waiter.deadline, Clock::time_point::max());
}

TEST(Waiter, APartOfAWaitEndsBeforeTheWhole) {
  VirtualClock clock;
  Waiter waiter;
  const Clock::time_point whole = Clock::now() + seconds{10};
  const DeadlineScope scope(waiter, whole);
  {
    const EarlierDeadline part(waiter, Clock::now() + seconds{2});
    EXPECT_EQ(waiter.deadline, Clock::now() + seconds{2});
    clock.advance(seconds{2});
    // As the worker's watchdog has it.
    waiter.timed_out = true;
    waiter.deadline = Clock::time_point::max();
  }
  EXPECT_FALSE(waiter.timed_out);
  EXPECT_EQ(waiter.deadline, whole);
}

TEST(Waiter, APartOfAWaitEndsWithTheWhole) {
  VirtualClock clock;
  Waiter waiter;
  const Clock::time_point whole = Clock::now() + seconds{1};
  const DeadlineScope scope(waiter, whole);
  {
    const EarlierDeadline part(waiter, Clock::now() + seconds{2});
    EXPECT_EQ(waiter.deadline, whole);
    clock.advance(seconds{1});
    waiter.timed_out = true;
    waiter.deadline = Clock::time_point::max();
  }
  EXPECT_TRUE(waiter.timed_out);
}

}  // namespace
}  // namespace causeway::test
