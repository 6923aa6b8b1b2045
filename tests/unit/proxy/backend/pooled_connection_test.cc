#include "proxy/backend/pooled_connection.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/generic/stream_protocol.hpp>
#include <stdexcept>

#include "proxy/backend/backend_pool.h"

namespace causeway::proxy {
namespace {

class PooledConnectionTest : public testing::Test {
 protected:
  PooledConnectionTest() { budget_.set_limit(3); }
  ~PooledConnectionTest() override {
    for (const int socket : servers_)
      ::close(socket);
  }

  PooledConnection open() { return open(lease_); }
  PooledConnection open(BackendLease& lease) {
    int sockets[2] = {-1, -1};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets), 0);
    servers_.push_back(sockets[1]);
    Socket socket(io_.get_executor());
    socket.assign(asio::generic::stream_protocol(AF_UNIX, SOCK_STREAM), sockets[0]);
    const auto key = std::make_shared<const PoolKey>(PoolKey{.user = "app"});
    EXPECT_TRUE(pool_->reserve(*key));
    return pool_->add(std::make_unique<BackendConnection>(std::move(socket), 0, key), lease);
  }

  void expect_books(size_t connections, size_t in_use, int64_t leases_in_use) {
    EXPECT_EQ(pool_->size(), connections);
    EXPECT_EQ(pool_->in_use(), in_use);
    EXPECT_EQ(budget_.used(), connections);
    EXPECT_EQ(metrics_.connections.value(), static_cast<int64_t>(connections));
    EXPECT_EQ(metrics_.leases_in_use.value(), leases_in_use);
  }

  asio::io_context io_;
  std::vector<int> servers_;
  ConnectionBudget budget_;
  ConnectionBudget replication_budget_;
  NodeMetrics metrics_;
  BackendLease lease_;
  std::vector<CloseReason> closed_;
  std::unique_ptr<BackendPool> pool_ = std::make_unique<BackendPool>(
      NodeBudgets{budget_, replication_budget_}, metrics_, [] {},
      [this](const BackendConnection&, CloseReason reason) { closed_.push_back(reason); });
};

TEST_F(PooledConnectionTest, IsInUseUntilItIsPutBack) {
  PooledConnection use = open();
  ASSERT_TRUE(use);
  EXPECT_EQ(use.get(), lease_.connection);
  expect_books(1, 1, 1);
  use.put_back();
  EXPECT_TRUE(use == nullptr);
  EXPECT_TRUE(lease_);
  expect_books(1, 0, 0);
  use.put_back();
  use.close(CloseReason::kNotQuiet);
  expect_books(1, 0, 0);
}

TEST_F(PooledConnectionTest, KeptItIsHeldAndStillNotInUse) {
  PooledConnection use = open();
  use->keep = true;
  use.put_back();
  expect_books(1, 0, 1);
  PooledConnection again = pool_->take_own(lease_);
  ASSERT_TRUE(again);
  expect_books(1, 1, 1);
  again.put_back();
  expect_books(1, 0, 0);
}

TEST_F(PooledConnectionTest, IsClosedByWhoeverSaysNothing) {
  {
    const PooledConnection use = open();
    expect_books(1, 1, 1);
  }
  EXPECT_FALSE(lease_);
  expect_books(0, 0, 0);
  uint8_t nothing = 0;
  EXPECT_EQ(::read(servers_[0], &nothing, 1), 0) << "without a goodbye: something may be under way";
}

TEST_F(PooledConnectionTest, IsClosedByAnException) {
  const auto fail = [this] {
    PooledConnection use = open();
    use->keep = true;
    throw std::runtime_error("something else went wrong");
  };
  EXPECT_THROW(fail(), std::runtime_error);
  EXPECT_FALSE(lease_);
  expect_books(0, 0, 0);
}

TEST_F(PooledConnectionTest, IsTheOneItWasMovedTo) {
  PooledConnection use = open();
  BackendConnection* const connection = use.get();
  PooledConnection other(std::move(use));
  EXPECT_EQ(other.get(), connection);
  std::vector<PooledConnection> several;
  several.push_back(std::move(other));
  several.push_back(PooledConnection());
  several.resize(10);  // they move
  EXPECT_EQ(several[0].get(), connection);
  expect_books(1, 1, 1);
  several.clear();
  expect_books(0, 0, 0);
}

TEST_F(PooledConnectionTest, WhatIsMovedOverIsClosed) {
  BackendLease other_lease;
  PooledConnection use = open(other_lease);
  PooledConnection second = open();
  BackendConnection* const connection = second.get();
  expect_books(2, 2, 2);
  use = std::move(second);
  EXPECT_EQ(use.get(), connection);
  EXPECT_FALSE(other_lease);
  expect_books(1, 1, 1);
}

TEST_F(PooledConnectionTest, IsOverWhereThePoolHasEndedIt) {
  PooledConnection closed = open();
  pool_->close(*lease_.connection, CloseReason::kIdle);
  EXPECT_TRUE(closed == nullptr);
  expect_books(0, 0, 0);
  PooledConnection put_back = open();
  pool_->put_back(*lease_.connection);
  EXPECT_TRUE(put_back == nullptr);
  expect_books(1, 0, 0);
  PooledConnection abandoned = pool_->take_own(lease_);
  pool_->abandon(lease_);
  EXPECT_TRUE(abandoned == nullptr);
  expect_books(1, 0, 0);
}

TEST_F(PooledConnectionTest, MayOutliveItsPool) {
  PooledConnection use = open();
  pool_.reset();
  EXPECT_TRUE(use == nullptr);
  EXPECT_EQ(budget_.used(), 0U);
  EXPECT_EQ(metrics_.leases_in_use.value(), 0);
}

}  // namespace
}  // namespace causeway::proxy
