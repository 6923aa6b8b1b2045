#include "proxy/backend/connection_budget.h"

#include <gtest/gtest.h>

namespace causeway::proxy {
namespace {

TEST(ConnectionBudget, GivesNoMorePlacesThanItHas) {
  ConnectionBudget budget;
  EXPECT_FALSE(budget.try_take());
  budget.set_limit(2);
  EXPECT_TRUE(budget.try_take());
  EXPECT_TRUE(budget.try_take());
  EXPECT_FALSE(budget.try_take());
  EXPECT_EQ(budget.used(), 2U);
  budget.give_back();
  EXPECT_TRUE(budget.try_take());
}

TEST(ConnectionBudget, IsExceededOnceThereIsLessOfIt) {
  ConnectionBudget budget;
  budget.set_limit(2);
  budget.try_take();
  budget.try_take();
  EXPECT_FALSE(budget.exceeded());
  budget.set_limit(1);
  EXPECT_TRUE(budget.exceeded());
  budget.give_back();
  EXPECT_FALSE(budget.exceeded());
  EXPECT_FALSE(budget.try_take());
}

TEST(ConnectionBudget, KnowsWhetherSomebodyWaits) {
  ConnectionBudget budget;
  EXPECT_FALSE(budget.has_waiters());
  budget.add_waiter();
  budget.add_waiter();
  budget.remove_waiter();
  EXPECT_TRUE(budget.has_waiters());
  budget.remove_waiter();
  EXPECT_FALSE(budget.has_waiters());
}

}  // namespace
}  // namespace causeway::proxy
