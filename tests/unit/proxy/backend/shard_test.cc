#include "proxy/backend/shard.h"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include <set>

#include "tests/support/harness.h"

namespace causeway::proxy {
namespace {

using consistency::Position;
using consistency::PositionKind;
using std::chrono::milliseconds;
using std::chrono::seconds;
using test::Harness;

Position position(unsigned last) {
  return *Position::parse(PositionKind::kGtidSet,
                          "00000000-0000-0000-0000-000000000001:1-" + std::to_string(last));
}

BackendConnection connection_to(Harness& harness, size_t node) {
  return BackendConnection(Socket(harness.shard().io().get_executor()), node,
                           std::make_shared<const PoolKey>());
}

TEST(Shard, PicksAReplicaThatCanBeUsed) {
  Harness harness({.replicas = 2});
  Shard& shard = harness.shard();
  std::set<size_t> picked;
  for (int i = 0; i < 50; ++i)
    picked.insert(shard.pick_replica(std::nullopt, {}, true));
  EXPECT_EQ(picked, (std::set<size_t>{1, 2}));
  EXPECT_EQ(shard.pick_replica(std::nullopt, NodeSet{0b010}, true), 2U);
  EXPECT_EQ(shard.pick_replica(std::nullopt, NodeSet{0b110}, true), kNoNode);

  harness.view().nodes[1].consistent = false;
  harness.view().nodes[2].usable_for_reads = false;
  harness.publish();
  EXPECT_EQ(shard.pick_replica(std::nullopt, {}, true), kNoNode);
  EXPECT_EQ(shard.pick_replica(std::nullopt, {}, false), 1U);
  harness.view().nodes[1].reachable = false;
  harness.publish();
  EXPECT_EQ(shard.pick_replica(std::nullopt, {}, false), kNoNode);
}

TEST(Shard, TheReplicaWithFewerConnectionsForItsWeightTakesTheNextSession) {
  Harness harness({.replicas = 2, .configure = [](Config& config) { config.nodes[2].weight = 10; }});
  Shard& shard = harness.shard();
  std::vector<std::unique_ptr<test::ScriptedClient>> clients;
  for (int i = 0; i < 12; ++i) {
    clients.push_back(harness.connect_and_log_in());
    clients.back()->query("START TRANSACTION READ ONLY");
    clients.back()->query("SELECT a FROM t");
  }
  EXPECT_GT(shard.pool(2).size(), shard.pool(1).size());
}

TEST(Shard, ANodeOfNoWeightTakesNoReads) {
  Harness harness({.configure = [](Config& config) { config.nodes[1].weight = 0; }});
  EXPECT_EQ(harness.shard().pick_replica(std::nullopt, {}, true), kNoNode);
}

TEST(Shard, TheWriterIsAReplicaWhereItAlwaysTakesReads) {
  Harness harness({.replicas = 0});
  EXPECT_EQ(harness.shard().pick_replica(std::nullopt, {}, true), kNoNode);
  Harness always({.replicas = 0, .configure = [](Config& config) {
                    config.routing.reads_on_writer = ReadsOnWriter::kAlways;
                  }});
  EXPECT_EQ(always.shard().pick_replica(std::nullopt, {}, true), 0U);
}

TEST(Shard, AReplicaIsTooOldByItsLagAndTheAgeOfItsPoll) {
  Harness harness;
  Shard& shard = harness.shard();
  harness.view().nodes[1].lag = milliseconds{300};
  harness.publish();
  EXPECT_TRUE(shard.cluster().replica_usable(1, milliseconds{300}, true));
  EXPECT_FALSE(shard.cluster().replica_usable(1, milliseconds{299}, true));
  EXPECT_TRUE(shard.cluster().replica_usable(1, std::nullopt, true));
  harness.view().nodes[1].lag = std::nullopt;
  harness.publish();
  EXPECT_FALSE(shard.cluster().replica_usable(1, seconds{100}, true));
  harness.view().nodes[1].lag = milliseconds{0};
  harness.view().nodes[1].polled_at = Clock::now() - seconds{2};
  harness.publish();
  EXPECT_FALSE(shard.cluster().replica_usable(1, milliseconds{1000}, true));  // a poll is due every 250 ms
  EXPECT_TRUE(shard.cluster().replica_usable(1, milliseconds{1500}, true));
}

TEST(Shard, KnowsWhatAWaitHasShown) {
  Harness harness;
  Shard& shard = harness.shard();
  EXPECT_EQ(shard.cluster().known_position(1), position(100));
  BackendConnection connection = connection_to(harness, 1);
  connection.server.incarnation = 1;
  shard.cluster().learned_position(connection, shard.cluster().position_era(1), position(110));
  EXPECT_EQ(shard.cluster().known_position(1), position(110));
  // A connection to another server, and a wait that was planned by what meant something else.
  connection.server.incarnation = 7;
  shard.cluster().learned_position(connection, shard.cluster().position_era(1), position(120));
  EXPECT_EQ(shard.cluster().known_position(1), position(110));
  connection.server.incarnation = 1;
  shard.cluster().learned_position(connection, shard.cluster().position_era(1) + 1, position(120));
  EXPECT_EQ(shard.cluster().known_position(1), position(110));
  // The next poll is of later.
  harness.advance(milliseconds{250});
  EXPECT_EQ(shard.cluster().known_position(1), position(100));
}

TEST(Shard, AnotherEraForgetsWhatWasKnown) {
  Harness harness;
  Shard& shard = harness.shard();
  BackendConnection connection = connection_to(harness, 1);
  connection.server.incarnation = 1;
  shard.cluster().learned_position(connection, shard.cluster().position_era(1), position(110));
  ++harness.view().nodes[1].position_era;
  harness.view().nodes[1].polled_at = Clock::time_point(Clock::now()) - milliseconds{10};
  harness.publish();
  EXPECT_EQ(shard.cluster().known_position(1), position(100));
}

TEST(Shard, OfANodeThatIsNotHeardOfNothingIsKnown) {
  Harness harness;
  Shard& shard = harness.shard();
  EXPECT_TRUE(shard.cluster().is_heard_of(1));
  harness.view().nodes[1].polled_at = Clock::now() - seconds{2};
  harness.publish();
  EXPECT_FALSE(shard.cluster().is_heard_of(1));
  EXPECT_EQ(shard.cluster().known_position(1), Position());
  harness.poll();
  EXPECT_TRUE(shard.cluster().is_heard_of(1));
  harness.view().nodes[1].reachable = false;
  harness.publish();
  EXPECT_EQ(shard.cluster().known_position(1), Position());
}

TEST(Shard, AfterAStandstillEverythingIsFoundOutAnew) {
  Harness harness;
  Shard& shard = harness.shard();
  const uint64_t era = shard.cluster().position_era(1);
  shard.note_time(Clock::now() + milliseconds{100});
  EXPECT_EQ(shard.cluster().position_era(1), era);
  shard.note_time(Clock::now() + seconds{1});
  EXPECT_NE(shard.cluster().position_era(1), era);
  EXPECT_FALSE(shard.cluster().is_heard_of(1));
  EXPECT_TRUE(harness.log_has("a worker stood still"));
}

TEST(Shard, FindsTheReplicaThatHasAPosition) {
  Harness harness({.replicas = 2});
  Shard& shard = harness.shard();
  harness.replica(1).next_gtid = 201;
  harness.poll();
  EXPECT_EQ(shard.replica_with(position(150), milliseconds{0}, std::nullopt, {}), 2U);
  // The other one was never seen behind: it can be expected to get there.
  EXPECT_EQ(shard.replica_with(position(150), milliseconds{0}, std::nullopt, NodeSet{0b100}), 1U);
  EXPECT_EQ(shard.replica_with(position(150), milliseconds{0}, std::nullopt, NodeSet{0b110}), kNoNode);
}

TEST(Shard, RemembersTheLastWritersPosition) {
  Harness harness;
  Shard& shard = harness.shard();
  harness.advance(milliseconds{50});
  harness.view().writer = kNoNode;
  harness.publish();
  ASSERT_NE(shard.cluster().last_known_writer_position(), nullptr);
  EXPECT_EQ(*shard.cluster().last_known_writer_position(), position(100));
  harness.view().position_kind = PositionKind::kBinlogCoordinates;
  harness.publish();
  EXPECT_EQ(shard.cluster().last_known_writer_position(), nullptr);
}

TEST(Shard, KnowsWhichConnectionsLeadToTheWriter) {
  Harness harness;
  Shard& shard = harness.shard();
  BackendConnection to_writer = connection_to(harness, 0);
  to_writer.server.incarnation = 1;
  BackendConnection to_replica = connection_to(harness, 1);
  to_replica.server.incarnation = 1;
  EXPECT_TRUE(shard.cluster().is_to_writer(to_writer));
  EXPECT_FALSE(shard.cluster().is_to_writer(to_replica));
  harness.view().writer = kNoNode;
  harness.publish();
  EXPECT_TRUE(shard.cluster().is_to_writer(to_replica));
  harness.view().writer = 0;
  ++harness.view().nodes[0].incarnation;
  harness.publish();
  EXPECT_FALSE(shard.cluster().is_to_writer(to_writer));
}

TEST(Shard, RefusalsAreOfReplicasOnly) {
  Harness harness;
  Shard& shard = harness.shard();
  const PoolKey key{.user = "app"};
  const ClientError error{1130, "HY000", "not allowed"};
  for (const size_t node : {0, 1})
    shard.refused(node, key, error);
  EXPECT_EQ(shard.refusal(0, key), nullptr);
  ASSERT_NE(shard.refusal(1, key), nullptr);
  EXPECT_EQ(shard.refusal(1, key)->code, 1130);
  EXPECT_TRUE(harness.log_has("the writer refuses connections"));
  EXPECT_TRUE(harness.log_has("a replica refuses connections"));
}

TEST(Shard, IdleConnectionsEndWithTheirTimeTheirServerOrTheirPlace) {
  Harness harness({.configure = [](Config& config) { config.timeouts.server_idle = seconds{20}; }});
  const auto use_both = [&harness] {
    const auto client = harness.connect_and_log_in();
    client->query("SELECT a FROM t");
    client->query("INSERT INTO t VALUES (1)");
    client->quit();
    harness.settle();
  };
  use_both();
  EXPECT_EQ(harness.books().nodes[0].connections, 1U);
  harness.advance(seconds{30});
  EXPECT_EQ(harness.books().nodes[0].connections, 0U);
  EXPECT_EQ(harness.books().nodes[1].connections, 0U);

  use_both();
  harness.view().nodes[1].reachable = false;
  harness.publish();
  harness.shard().on_tick(Clock::now());
  EXPECT_EQ(harness.books().nodes[1].connections, 0U);
  EXPECT_EQ(harness.books().nodes[0].connections, 1U);

  harness.services().budgets[0].set_limit(0);
  harness.shard().on_tick(Clock::now());
  EXPECT_EQ(harness.books().nodes[0].connections, 0U);
}

TEST(Shard, GivesBackWhatOthersNeed) {
  Harness harness;
  const auto client = harness.connect_and_log_in();
  client->query("SELECT a FROM t");
  client->quit();
  harness.settle();
  harness.shard().shed(1);  // nobody waits
  harness.settle();
  EXPECT_EQ(harness.books().nodes[1].connections, 1U);
  harness.shard().give_back_one_of(1, "other");
  harness.settle();
  EXPECT_EQ(harness.books().nodes[1].connections, 1U);
  harness.shard().give_back_one_of(1, "app");
  harness.settle();
  EXPECT_EQ(harness.books().nodes[1].connections, 0U);
}

TEST(Shard, ContextsForTlsAreChangedOnItsThread) {
  Harness harness;
  const auto context = std::make_shared<asio::ssl::context>(asio::ssl::context::tls);
  harness.shard().set_tls(nullptr, context);
  EXPECT_EQ(harness.shard().server_tls(), nullptr);
  harness.settle();
  EXPECT_EQ(harness.shard().server_tls(), context);
}

TEST(Shard, WhoeverWaitsForAChangeIsWokenByOne) {
  Harness harness;
  Waiter waiter;
  bool woken = false;
  const auto wait = [&]() -> Awaitable<void> {
    co_await harness.shard().wait_for_change(waiter);
    woken = true;
  };
  asio::co_spawn(harness.shard().io(), wait(), asio::detached);
  harness.settle();
  EXPECT_FALSE(woken);
  harness.poll();
  harness.shard().on_tick(Clock::now());
  harness.settle();
  EXPECT_TRUE(woken);
}

}  // namespace
}  // namespace causeway::proxy
