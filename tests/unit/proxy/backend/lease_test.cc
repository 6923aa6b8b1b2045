#include "proxy/backend/lease.h"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <deque>
#include <stdexcept>

#include "tests/support/harness.h"

namespace causeway::proxy {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using test::Fault;
using test::Flavor;
using test::Harness;
using test::Reply;

// A session as far as leases know it.
class Seeker {
 public:
  explicit Seeker(Harness& harness) : harness_(harness) {
    login_.key = std::make_shared<const PoolKey>(PoolKey{.user = "app", .collation = 45});
    login_.credentials =
        std::make_shared<const protocol::Credentials>(protocol::Credentials::from_password("secret"));
  }
  ~Seeker() {
    if (lease_) pool().close(*lease_.connection, CloseReason::kSessionEnds);
  }
  Seeker(const Seeker&) = delete;
  Seeker& operator=(const Seeker&) = delete;

  LeaseSeeker wishes() {
    return {.shard = harness_.shard(),
            .login = login_,
            .waiter = waiter_,
            .in_flight = in_flight_,
            .schema = schema_,
            .was_reset = was_reset_,
            .handshake_collation_forgotten = forgot_collation_,
            .for_replica = node_ != 0};
  }
  // What was acquired is in use until it is put back.
  const AcquireResult& acquire(milliseconds patience = milliseconds{500}) {
    const LeaseSeeker seeker = wishes();
    results_.push_back(
        harness_.run(proxy::acquire(seeker, node_, lease_, SchemaUse::kCurrent, Clock::now() + patience)));
    return results_.back();
  }
  BackendConnection* acquire_own(bool must_be_alive = false) {
    AcquireResult& result = results_.emplace_back();
    result.connection = proxy::acquire_own(wishes(), node_, lease_, SchemaUse::kCurrent, must_be_alive);
    return result.connection.get();
  }
  BackendPool& pool() { return harness_.shard().pool(node_); }
  void put_back() { pool().put_back(*lease_.connection); }

  Harness& harness_;
  AccountLogin login_;
  Waiter waiter_;
  BackendConnection* in_flight_ = nullptr;
  std::string schema_;
  BackendLease lease_;
  std::deque<AcquireResult> results_;
  size_t node_ = 0;
  bool was_reset_ = false;
  bool forgot_collation_ = false;
};

TEST(Lease, OpensAConnectionAndTakesItAgain) {
  Harness harness;
  Seeker seeker(harness);
  const AcquireResult& first = seeker.acquire();
  ASSERT_TRUE(first.connection) << first.reason;
  BackendConnection* const connection = first.connection.get();
  EXPECT_EQ(seeker.acquire_own(), nullptr);  // in use
  seeker.put_back();
  EXPECT_EQ(seeker.acquire_own(), connection);
  seeker.put_back();
  EXPECT_EQ(seeker.acquire().connection.get(), connection);
  EXPECT_EQ(harness.writer().connections_opened(), 1U);
}

TEST(Lease, AsksWhetherAConnectionStillStandsBeforeAWriteGoesOut) {
  Harness harness;
  Seeker seeker(harness);
  seeker.acquire();
  seeker.put_back();
  harness.writer().close_all();
  harness.settle();
  EXPECT_EQ(seeker.acquire_own(true), nullptr);
  const AcquireResult& anew = seeker.acquire();
  ASSERT_TRUE(anew.connection);
  EXPECT_EQ(harness.writer().connections_opened(), 2U);
  EXPECT_EQ(harness.books().nodes[0].budget_used, 1U);
}

TEST(Lease, OneThatWasIdleForAWhileIsLookedAt) {
  Harness harness;
  Seeker seeker(harness);
  seeker.acquire();
  seeker.put_back();
  harness.advance(milliseconds{200});
  EXPECT_EQ(seeker.acquire_own(), nullptr);
  EXPECT_TRUE(seeker.acquire().connection);
  EXPECT_EQ(harness.writer().connections_opened(), 1U);
}

TEST(Lease, WhatLivedInAClosedConnectionIsLost) {
  Harness harness;
  Seeker seeker(harness);
  seeker.acquire();
  seeker.lease_.connection->keep = true;
  seeker.put_back();
  harness.writer().close_all();
  harness.settle();
  const AcquireResult& lost = seeker.acquire();
  EXPECT_FALSE(lost.connection);
  EXPECT_EQ(lost.failure, AcquireResult::Failure::kStateLost);
  EXPECT_EQ(harness.books().nodes[0].budget_used, 0U);
}

TEST(Lease, AConnectionToAnotherServerIsGivenUp) {
  Harness harness;
  Seeker seeker(harness);
  seeker.acquire();
  seeker.put_back();
  ++harness.view().nodes[0].incarnation;
  harness.publish();
  EXPECT_EQ(seeker.acquire_own(), nullptr);
  EXPECT_TRUE(seeker.acquire().connection);
  EXPECT_EQ(harness.writer().connections_opened(), 2U);
}

TEST(Lease, GivesUpAfterItsTimeWhereThereIsNoPlace) {
  Harness harness({.connections = 1});
  Seeker first(harness);
  Seeker second(harness);
  ASSERT_TRUE(first.acquire().connection);
  const Clock::time_point before = Clock::now();
  const AcquireResult& full = second.acquire(milliseconds{500});
  EXPECT_EQ(full.failure, AcquireResult::Failure::kFull);
  EXPECT_GE(Clock::now() - before, milliseconds{500});
  EXPECT_LE(Clock::now() - before, milliseconds{700});
  EXPECT_FALSE(harness.books().nodes[0].waiters);
}

TEST(Lease, TheFirstInTheLineGetsWhatBecomesFree) {
  Harness harness({.connections = 1});
  Seeker holder(harness);
  Seeker first(harness);
  Seeker second(harness);
  ASSERT_TRUE(holder.acquire().connection);
  std::vector<int> order;
  const auto wait = [&](Seeker& seeker, int number) -> Awaitable<void> {
    const LeaseSeeker wishes = seeker.wishes();
    AcquireResult got =
        co_await acquire(wishes, 0, seeker.lease_, SchemaUse::kCurrent, Clock::now() + seconds{5});
    if (got.connection) order.push_back(number);
    seeker.results_.push_back(std::move(got));
  };
  asio::co_spawn(harness.shard().io(), wait(first, 1), asio::detached);
  asio::co_spawn(harness.shard().io(), wait(second, 2), asio::detached);
  harness.settle();
  EXPECT_TRUE(harness.books().nodes[0].waiters);
  holder.put_back();
  harness.settle();
  EXPECT_EQ(order, std::vector<int>{1});
  first.put_back();
  harness.settle();
  EXPECT_EQ(order, (std::vector<int>{1, 2}));
  EXPECT_FALSE(harness.books().nodes[0].waiters);
  EXPECT_EQ(harness.writer().connections_opened(), 1U);
}

TEST(Lease, AKilledSessionLeavesTheLine) {
  Harness harness({.connections = 1});
  Seeker holder(harness);
  Seeker waiting(harness);
  ASSERT_TRUE(holder.acquire().connection);
  std::optional<AcquireResult> got;
  const auto wait = [&]() -> Awaitable<void> {
    const LeaseSeeker wishes = waiting.wishes();
    got = co_await acquire(wishes, 0, waiting.lease_, SchemaUse::kCurrent, Clock::now() + seconds{5});
  };
  asio::co_spawn(harness.shard().io(), wait(), asio::detached);
  harness.settle();
  waiting.waiter_.query_killed = true;
  waiting.waiter_.wake_up.set();
  harness.settle();
  ASSERT_TRUE(got);
  EXPECT_EQ(got->failure, AcquireResult::Failure::kFull);
  EXPECT_FALSE(harness.books().nodes[0].waiters);
}

TEST(Lease, AServerWithoutRoomIsAskedAgainOnceOneIsClosedHere) {
  Harness harness;
  Seeker idle(harness);
  ASSERT_TRUE(idle.acquire().connection);
  idle.put_back();
  Seeker seeker(harness);
  seeker.login_.key = std::make_shared<const PoolKey>(PoolKey{.user = "other", .collation = 45});
  harness.writer().on_login(
      [](Reply& reply) {
        reply.error(1040, "08004", "Too many connections");
        reply.connection.close_when_sent = true;
      },
      1);
  const AcquireResult& got = seeker.acquire(milliseconds{2000});
  EXPECT_TRUE(got.connection);
  EXPECT_FALSE(idle.lease_);
}

TEST(Lease, AnAccountAtItsLimitGetsAPlaceOfItsOwn) {
  Harness harness;
  Seeker idle(harness);
  ASSERT_TRUE(idle.acquire().connection);
  idle.put_back();
  Seeker seeker(harness);
  // The same account by another handshake, which cannot take the idle one over.
  seeker.login_.key = std::make_shared<const PoolKey>(
      PoolKey{.user = "app", .capabilities = protocol::capability::kFoundRows, .collation = 45});
  harness.writer().on_login(
      [](Reply& reply) {
        reply.error(1226, "42000",
                    "User 'app' has exceeded the 'max_user_connections' resource (current value: 1)");
        reply.connection.close_when_sent = true;
      },
      1);
  EXPECT_TRUE(seeker.acquire(milliseconds{2000}).connection);
  EXPECT_FALSE(idle.lease_);
}

TEST(Lease, WhatAReplicaHasRefusedItIsNotAskedAtOnce) {
  Harness harness;
  Seeker seeker(harness);
  seeker.node_ = 1;
  harness.replica().on_login(
      [](Reply& reply) {
        reply.error(1130, "HY000", "Host is not allowed to connect");
        reply.connection.close_when_sent = true;
      },
      1);
  const AcquireResult& refused = seeker.acquire();
  EXPECT_EQ(refused.failure, AcquireResult::Failure::kRefused);
  ASSERT_TRUE(refused.refusal);
  EXPECT_EQ(refused.refusal->code, 1130);
  EXPECT_EQ(seeker.acquire().refusal->code, 1130);
  EXPECT_EQ(harness.replica().connections_opened(), 1U);
  harness.advance(milliseconds{1100});
  EXPECT_TRUE(seeker.acquire().connection);
}

TEST(Lease, AServerThatDoesNotAnswerIsGivenUpInTime) {
  Harness harness;
  harness.writer().fault_at(1, Fault::kStall);
  Seeker seeker(harness);
  std::optional<AcquireResult> got;
  const auto wait = [&]() -> Awaitable<void> {
    const LeaseSeeker wishes = seeker.wishes();
    got = co_await acquire(wishes, 0, seeker.lease_, SchemaUse::kCurrent, Clock::now() + seconds{10});
  };
  asio::co_spawn(harness.shard().io(), wait(), asio::detached);
  harness.settle();
  EXPECT_EQ(seeker.waiter_.deadline, Clock::now() + seconds{2});
  // As the worker's watchdog does.
  ASSERT_NE(seeker.in_flight_, nullptr);
  seeker.waiter_.timed_out = true;
  seeker.in_flight_->stream.cancel();
  harness.settle();
  ASSERT_TRUE(got);
  EXPECT_EQ(got->failure, AcquireResult::Failure::kNodeDown);
  EXPECT_EQ(got->reason, "timeout while connecting");
  EXPECT_EQ(harness.books().nodes[0].budget_used, 0U);
}

TEST(Lease, WhereLoginsRunInitConnectNobodysConnectionIsTaken) {
  Harness harness;
  Seeker before(harness);
  before.acquire();
  before.put_back();
  before.pool().abandon(before.lease_);
  for (NodeView& node : harness.view().nodes)
    node.facts.init_connect = true;
  harness.publish();
  Seeker seeker(harness);
  EXPECT_FALSE(seeker.acquire().connection->state.needs_reset);
  EXPECT_EQ(harness.writer().connections_opened(), 2U);
  // Behind a reset the login has no part in the session's state.
  Seeker after_reset(harness);
  after_reset.was_reset_ = true;
  EXPECT_TRUE(after_reset.acquire().connection->state.needs_reset);
  EXPECT_EQ(harness.writer().connections_opened(), 2U);
}

TEST(Lease, ASessionThatForgotItsCollationTakesNoConnectionOfMariadb) {
  Harness harness({.flavor = Flavor::kMariadb});
  Seeker before(harness);
  before.acquire();
  before.put_back();
  before.pool().abandon(before.lease_);
  Seeker seeker(harness);
  seeker.forgot_collation_ = true;
  EXPECT_TRUE(seeker.acquire().connection->state.needs_reset);
  EXPECT_EQ(harness.writer().connections_opened(), 2U);
}

TEST(Lease, ASchemaCannotBeLeftOnlyChanged) {
  Harness harness;
  Seeker seeker(harness);
  seeker.acquire();
  seeker.lease_.connection->state.schema = "shop";
  seeker.put_back();
  EXPECT_EQ(seeker.acquire_own(), nullptr);
  EXPECT_EQ(seeker.acquire().connection->state.schema, "");
  EXPECT_EQ(harness.writer().connections_opened(), 2U);
}

TEST(Lease, AServerThatTakesLoginsOrRefusesThemLives) {
  Harness harness;
  Seeker seeker(harness);
  const auto answers = [&] {
    const LeaseSeeker wishes = seeker.wishes();
    return harness.run(still_answers(wishes, 0));
  };
  EXPECT_TRUE(answers());
  harness.writer().on_login([](Reply& reply) { reply.error(1045, "28000", "Access denied"); }, 1);
  EXPECT_TRUE(answers());
  harness.writer().on_login([](Reply& reply) { reply.error(1053, "08S01", "Server shutdown in progress"); },
                            1);
  EXPECT_FALSE(answers());
  harness.writer().accepts = false;
  EXPECT_FALSE(answers());
}

TEST(Lease, AfterAnExceptionTheConnectionIsClosed) {
  Harness harness({.connections = 1});
  Seeker seeker(harness);
  const auto fail = [&]() -> Awaitable<void> {
    const LeaseSeeker wishes = seeker.wishes();
    const AcquireResult got =
        co_await acquire(wishes, 0, seeker.lease_, SchemaUse::kCurrent, Clock::now() + seconds{5});
    EXPECT_TRUE(got.connection);
    throw std::runtime_error("something else went wrong");
  };
  EXPECT_THROW(harness.run(fail()), std::runtime_error);
  harness.settle();
  EXPECT_FALSE(seeker.lease_);
  EXPECT_EQ(harness.books().nodes[0], test::Books::Node());
  // The only place is free again.
  EXPECT_TRUE(seeker.acquire().connection);
}

}  // namespace
}  // namespace causeway::proxy
