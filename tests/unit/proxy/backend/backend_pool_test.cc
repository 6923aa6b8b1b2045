#include "proxy/backend/backend_pool.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/generic/stream_protocol.hpp>
#include <set>
#include <string_view>

#include "protocol/command.h"
#include "tests/support/virtual_clock.h"

namespace causeway::proxy {
namespace {

using std::chrono::seconds;

class BackendPoolTest : public testing::Test {
 protected:
  BackendPoolTest() { budget_.set_limit(3); }
  ~BackendPoolTest() override {
    for (const int socket : servers_)
      ::close(socket);
  }

  static std::shared_ptr<const PoolKey> key(std::string user) {
    return std::make_shared<const PoolKey>(PoolKey{.user = std::move(user)});
  }

  BackendConnection* open(BackendLease& lease, const std::shared_ptr<const PoolKey>& of = key("app"),
                          const std::string& schema = {}) {
    int sockets[2] = {-1, -1};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets), 0);
    servers_.push_back(sockets[1]);
    Socket socket(io_.get_executor());
    socket.assign(asio::generic::stream_protocol(AF_UNIX, SOCK_STREAM), sockets[0]);
    EXPECT_TRUE(pool_.reserve(*of));
    auto connection = std::make_unique<BackendConnection>(std::move(socket), 0, of);
    connection->state.schema = schema;
    return hold(pool_.add(std::move(connection), lease));
  }

  // What was taken is in use until the pool says otherwise.
  BackendConnection* hold(PooledConnection use) { return held_.emplace_back(std::move(use)).get(); }

  BackendConnection* take_own(BackendLease& lease) { return hold(pool_.take_own(lease)); }

  BackendConnection* take(BackendLease& lease, const std::string& schema = {},
                          SchemaUse use = SchemaUse::kAny) {
    return hold(pool_.take_idle(*key("app"), schema, use, lease));
  }

  test::VirtualClock clock_;
  asio::io_context io_;
  std::vector<int> servers_;
  ConnectionBudget budget_;
  ConnectionBudget replication_budget_;
  NodeMetrics metrics_;
  int freed_ = 0;
  std::vector<CloseReason> closed_;
  // Outlive the pool, as sessions' do: it closes what they still have.
  BackendLease mine_;
  BackendLease yours_;
  BackendLease others_;
  std::vector<PooledConnection> held_;
  BackendPool pool_{{budget_, replication_budget_},
                    metrics_,
                    [this] { ++freed_; },
                    [this](const BackendConnection&, CloseReason reason) { closed_.push_back(reason); }};
};

TEST_F(BackendPoolTest, AnIdleConnectionStaysItsLeases) {
  BackendConnection* const connection = open(mine_);
  EXPECT_EQ(pool_.in_use(), 1U);
  EXPECT_EQ(metrics_.leases_in_use.value(), 1);
  pool_.put_back(*connection);
  EXPECT_EQ(pool_.in_use(), 0U);
  EXPECT_EQ(metrics_.leases_in_use.value(), 0);
  EXPECT_EQ(take_own(mine_), connection);
  EXPECT_FALSE(connection->state.needs_reset);
  EXPECT_EQ(take_own(yours_), nullptr);
}

TEST_F(BackendPoolTest, WhoeverNeedsAnIdleConnectionTakesItOverAndResetsIt) {
  BackendConnection* const connection = open(mine_);
  EXPECT_EQ(take(yours_), nullptr);  // in use
  pool_.put_back(*connection);
  EXPECT_EQ(take(yours_), connection);
  EXPECT_TRUE(connection->state.needs_reset);
  EXPECT_FALSE(mine_);
  EXPECT_EQ(take_own(mine_), nullptr);
}

TEST_F(BackendPoolTest, NobodysConnectionsAreTakenFirst) {
  BackendConnection* const idle = open(mine_);
  BackendConnection* const left = open(others_);
  pool_.put_back(*idle);
  pool_.put_back(*left);
  pool_.abandon(others_);
  EXPECT_EQ(take(yours_), left);
  EXPECT_TRUE(mine_);
}

TEST_F(BackendPoolTest, OneInTheSessionsSchemaIsBetterThanOneThatWasIdleLonger) {
  BackendConnection* const first = open(others_, key("app"), "store");
  BackendConnection* const second = open(mine_, key("app"), "shop");
  pool_.put_back(*first);
  clock_.advance(seconds{1});
  pool_.put_back(*second);
  EXPECT_EQ(take(yours_, "shop", SchemaUse::kCurrent), second);
}

TEST_F(BackendPoolTest, WhatRunsInNoSchemaTakesOnlyAConnectionThatIsInNone) {
  BackendConnection* const connection = open(mine_, key("app"), "shop");
  pool_.put_back(*connection);
  EXPECT_EQ(take(yours_, "", SchemaUse::kCurrent), nullptr);
  EXPECT_EQ(take(yours_, "shop", SchemaUse::kNone), nullptr);
  EXPECT_EQ(take(yours_, "shop", SchemaUse::kAny), connection);
}

TEST_F(BackendPoolTest, OtherKeysConnectionsAreNotTaken) {
  BackendConnection* const connection = open(mine_, key("other"));
  pool_.put_back(*connection);
  EXPECT_EQ(take(yours_), nullptr);
}

TEST_F(BackendPoolTest, AnIdleConnectionOfAnotherKeyMakesRoom) {
  for (BackendLease* lease : {&mine_, &yours_, &others_})
    open(*lease, key("other"));
  EXPECT_EQ(budget_.used(), 3U);
  EXPECT_FALSE(pool_.reserve(*key("app")));  // all are in use
  pool_.put_back(*yours_.connection);
  EXPECT_TRUE(pool_.reserve(*key("app")));
  EXPECT_FALSE(yours_);
  EXPECT_EQ(pool_.size(), 2U);
  EXPECT_EQ(budget_.used(), 3U);
  pool_.cancel_reservation(*key("app"));
  EXPECT_EQ(budget_.used(), 2U);
}

// Whoever reads the binary log has a place, and a connection, that nobody else has.
TEST_F(BackendPoolTest, OneForReplicationHasAPlaceOfItsOwn) {
  replication_budget_.set_limit(1);
  const auto replica = std::make_shared<const PoolKey>(PoolKey{.user = "app", .for_replication = true});
  BackendConnection* const idle = open(yours_);
  BackendConnection* const connection = open(mine_, replica);
  EXPECT_EQ(budget_.used(), 1U);
  EXPECT_EQ(replication_budget_.used(), 1U);
  EXPECT_FALSE(pool_.reserve(*replica));
  pool_.put_back(*idle);
  EXPECT_FALSE(pool_.reserve(*replica)) << "what is idle has another's place";
  EXPECT_EQ(pool_.take_idle(*replica, "", SchemaUse::kAny, others_), nullptr);
  pool_.put_back(*connection);
  EXPECT_EQ(take(others_), idle) << "not the one that reads the log";
  EXPECT_TRUE(pool_.reserve(*key("app")));
  EXPECT_TRUE(pool_.reserve(*key("app")));
  EXPECT_FALSE(pool_.reserve(*key("app"))) << "nor is that one closed for a place";
  pool_.cancel_reservation(*key("app"));
  pool_.cancel_reservation(*key("app"));
  EXPECT_EQ(take_own(mine_), connection);
  pool_.abandon(mine_);
  EXPECT_EQ(replication_budget_.used(), 0U);
  EXPECT_EQ(closed_, std::vector{CloseReason::kSessionEnds});
}

TEST_F(BackendPoolTest, AConnectionWithSomethingOfItsSessionIsKept) {
  BackendConnection* const connection = open(mine_);
  connection->keep = true;
  pool_.put_back(*connection);
  EXPECT_EQ(metrics_.leases_in_use.value(), 1);
  EXPECT_EQ(take(yours_), nullptr);
  EXPECT_FALSE(pool_.shed_one());
  EXPECT_EQ(take_own(mine_), connection);
  connection->keep = true;
  pool_.put_back(*connection);
  pool_.close_idle();
  EXPECT_EQ(pool_.size(), 1U);
  pool_.close_kept();
  EXPECT_EQ(pool_.size(), 0U);
  EXPECT_FALSE(mine_);
  EXPECT_EQ(metrics_.leases_in_use.value(), 0);
}

TEST_F(BackendPoolTest, WhatInitConnectHasRunOnIsForNobodyElse) {
  BackendConnection* const connection = open(mine_);
  connection->server.ran_init_connect = true;
  pool_.put_back(*connection);
  EXPECT_EQ(take(yours_), nullptr);
  pool_.abandon(mine_);
  EXPECT_EQ(pool_.size(), 0U);
  EXPECT_EQ(budget_.used(), 0U);
}

TEST_F(BackendPoolTest, AbandonedInUseItIsIdle) {
  open(mine_);
  pool_.abandon(mine_);
  EXPECT_EQ(pool_.in_use(), 0U);
  EXPECT_EQ(metrics_.leases_in_use.value(), 0);
  EXPECT_NE(take(yours_), nullptr);
}

TEST_F(BackendPoolTest, AnIdleConnectionIsClosedWithAGoodbye) {
  BackendConnection* const connection = open(mine_);
  pool_.put_back(*connection);
  pool_.close(*connection, CloseReason::kSessionEnds);
  uint8_t goodbye[16] = {};
  ASSERT_EQ(::read(servers_[0], goodbye, sizeof(goodbye)), 5);
  EXPECT_EQ(goodbye[4], static_cast<uint8_t>(protocol::Command::kQuit));
  EXPECT_EQ(::read(servers_[0], goodbye, sizeof(goodbye)), 0);
  EXPECT_EQ(metrics_.connections.value(), 0);
  EXPECT_EQ(metrics_.closes.value(), 1U);
}

TEST_F(BackendPoolTest, OneInUseIsClosedWithoutAWord) {
  BackendConnection* const connection = open(mine_);
  pool_.close(*connection, CloseReason::kSessionEnds);
  uint8_t nothing = 0;
  EXPECT_EQ(::read(servers_[0], &nothing, 1), 0);
  EXPECT_EQ(pool_.in_use(), 0U);
}

TEST_F(BackendPoolTest, ClosesWhatWasIdleForTooLong) {
  BackendConnection* const first = open(mine_);
  BackendConnection* const second = open(yours_);
  pool_.put_back(*first);
  clock_.advance(seconds{10});
  pool_.put_back(*second);
  pool_.close_idle_since(Clock::now() - seconds{5});
  EXPECT_EQ(pool_.size(), 1U);
  EXPECT_FALSE(mine_);
  EXPECT_TRUE(yours_);
}

TEST_F(BackendPoolTest, ClosesIdleConnectionsToAnotherServer) {
  BackendConnection* const former = open(mine_);
  BackendConnection* const current = open(yours_);
  former->server.incarnation = 1;
  current->server.incarnation = 2;
  pool_.put_back(*former);
  pool_.put_back(*current);
  pool_.close_idle_of_other(2);
  EXPECT_FALSE(mine_);
  EXPECT_TRUE(yours_);
}

TEST_F(BackendPoolTest, ShedsOneOfAnAccount) {
  BackendConnection* const others = open(yours_, key("other"));
  BackendConnection* const own = open(mine_);
  pool_.put_back(*others);
  pool_.put_back(*own);
  EXPECT_TRUE(pool_.shed_one_of("app"));
  EXPECT_FALSE(mine_);
  EXPECT_FALSE(pool_.shed_one_of("app"));
  EXPECT_TRUE(pool_.shed_one());
  EXPECT_FALSE(pool_.shed_one());
}

TEST_F(BackendPoolTest, SaysWhyEachConnectionIsClosed) {
  const auto idle = [this](BackendLease& lease) {
    BackendConnection* const connection = open(lease);
    pool_.put_back(*connection);
    return connection;
  };
  idle(mine_)->server.incarnation = 1;
  pool_.close_idle_of_other(2);
  idle(mine_);
  pool_.close_idle_since(Clock::now() + seconds{1});
  idle(mine_);
  pool_.shed_one();
  idle(mine_);
  pool_.shed_one_of("app");
  idle(mine_);
  pool_.close_idle();
  idle(mine_)->server.ran_init_connect = true;
  pool_.abandon(mine_);
  open(mine_)->keep = true;
  pool_.close_kept();
  pool_.close(*open(mine_), CloseReason::kFormerWriter);
  open(mine_);
  held_.clear();
  using enum CloseReason;
  EXPECT_EQ(closed_, (std::vector{kServerReplaced, kIdle, kPlaceNeeded, kPlaceNeeded, kServerGone,
                                  kInitConnect, kServerGone, kFormerWriter, kNotPutBack}));
}

TEST(CloseReason, EveryOneHasWordsOfItsOwn) {
  std::set<std::string_view> texts(kCloseReasonNames.begin(), kCloseReasonNames.end());
  EXPECT_EQ(texts.size(), static_cast<size_t>(CloseReason::kDoomed) + 1);
  EXPECT_EQ(to_string(CloseReason::kWorkerEnds), "worker ends");
  EXPECT_EQ(to_string(CloseReason::kDoomed), "killed");
}

TEST_F(BackendPoolTest, WhoeverWaitsIsToldOfWhatBecomesFree) {
  BackendConnection* const connection = open(mine_);
  pool_.put_back(*connection);
  EXPECT_EQ(freed_, 0);
  budget_.add_waiter();
  EXPECT_EQ(take_own(mine_), connection);
  pool_.put_back(*connection);
  EXPECT_EQ(freed_, 1);
  pool_.abandon(mine_);
  EXPECT_EQ(freed_, 2);
  pool_.close_idle();
  EXPECT_EQ(freed_, 3);
}

TEST_F(BackendPoolTest, AConnectionOfAnotherCollationBecomesOneOfTheLogins) {
  const auto latin = std::make_shared<const PoolKey>(PoolKey{.user = "app", .collation = 8});
  BackendConnection* const of_latin = open(others_, latin);
  EXPECT_EQ(take(yours_), nullptr);
  pool_.put_back(*of_latin);
  // What logins with this collation begin with is not known.
  EXPECT_EQ(hold(pool_.take_idle(*key("app"), "", SchemaUse::kAny, yours_)), nullptr);
  EXPECT_EQ(hold(pool_.take_idle(*latin, "", SchemaUse::kAny, yours_)), of_latin);
}

}  // namespace
}  // namespace causeway::proxy
