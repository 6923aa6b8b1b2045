#include "proxy/backend/global_probe.h"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include "proxy/backend/shard.h"
#include "tests/support/harness.h"

namespace causeway::proxy {
namespace {

using consistency::Position;
using consistency::PositionKind;
using std::chrono::milliseconds;
using test::Flavor;
using test::Harness;
using test::Reply;

std::string ask(Harness& harness) {
  Waiter waiter;
  const auto position = harness.run(harness.shard().probe().position(waiter));
  return position ? position->executed.to_string() : "nothing";
}

TEST(GlobalProbe, AsksTheWriterForItsPosition) {
  Harness harness;
  harness.writer().next_gtid = 201;
  EXPECT_EQ(ask(harness), "mysql:00000000-0000-0000-0000-000000000001:1-200");
  EXPECT_TRUE(harness.shard().probe().writer_is_there());
  harness.writer().next_gtid = 301;
  EXPECT_EQ(ask(harness), "mysql:00000000-0000-0000-0000-000000000001:1-300");
  EXPECT_EQ(harness.writer().connections_opened(), 1U);
  EXPECT_EQ(harness.writer().connections_of("monitor"), 1U);
  EXPECT_EQ(harness.metrics().consistency.probes_sent.value(), 2U);
}

TEST(GlobalProbe, ReadsThatComeTogetherShareAQuestion) {
  Harness harness;
  GlobalProbe& probe = harness.shard().probe();
  Waiter waiters[3];
  int answered = 0;
  const auto read = [&](Waiter& waiter) -> Awaitable<void> {
    const GlobalProbe::ReadUnderWay under_way(probe);
    const auto position = co_await probe.position(waiter);
    if (position) ++answered;
  };
  ask(harness);  // the connection stands
  harness.writer().forget();
  for (Waiter& waiter : waiters)
    asio::co_spawn(harness.shard().io(), read(waiter), asio::detached);
  EXPECT_TRUE(harness.wait_until([&] { return answered == 3; }));
  EXPECT_LE(harness.writer().count("gtid_executed"), 2U);
  EXPECT_EQ(harness.metrics().consistency.probe_reads.value(), 4U);
}

TEST(GlobalProbe, AServerThatIsNoWriterAnyMoreGivesNone) {
  Harness harness;
  harness.writer().read_only = true;
  EXPECT_EQ(ask(harness), "nothing");
  EXPECT_TRUE(harness.shard().probe().writer_is_there());
}

TEST(GlobalProbe, WithoutAWriterThereIsNobodyToAsk) {
  Harness harness;
  harness.view().writer = kNoNode;
  harness.publish();
  EXPECT_EQ(ask(harness), "nothing");
  EXPECT_EQ(harness.writer().connections_opened(), 0U);
}

TEST(GlobalProbe, AnAnswerOfLessThanWasKnownIsNone) {
  Harness harness;
  harness.writer().next_gtid = 201;
  harness.poll();
  harness.writer().next_gtid = 101;  // its log was reset
  EXPECT_EQ(ask(harness), "nothing");
}

// What is given up while it is being committed is no reason to take the log for a new one.
TEST(GlobalProbe, WhatTheWriterIsCommittingIsNotExecutedYet) {
  Harness harness;
  const std::string uuid = harness.writer().uuid;
  harness.writer().owned = uuid + ":103#7";
  Waiter waiter;
  const auto position = harness.run(harness.shard().probe().position(waiter));
  ASSERT_TRUE(position);
  EXPECT_EQ(position->executed.to_string(), "mysql:" + uuid + ":1-100");
  EXPECT_EQ(position->seen_anywhere().to_string(), "mysql:" + uuid + ":1-100:103");
  harness.writer().owned.clear();
  EXPECT_EQ(ask(harness), "mysql:" + uuid + ":1-100");
}

TEST(GlobalProbe, AServerThatDoesNotAnswerIsGivenUp) {
  Harness harness;
  harness.writer().on(
      "gtid_executed", [](Reply& reply) { reply.later(); }, 1);
  const Clock::time_point before = Clock::now();
  EXPECT_EQ(ask(harness), "nothing");
  EXPECT_LE(Clock::now() - before, milliseconds{2500});
  EXPECT_EQ(ask(harness), "mysql:00000000-0000-0000-0000-000000000001:1-100");
}

TEST(GlobalProbe, WhatIsUnderWayFailsWhenTheWriterChanges) {
  Harness harness;
  harness.writer().on(
      "gtid_executed", [](Reply& reply) { reply.later(); }, 1);
  Waiter waiter;
  std::optional<consistency::WriterPosition> position;
  bool ended = false;
  const auto read = [&]() -> Awaitable<void> {
    position = co_await harness.shard().probe().position(waiter);
    ended = true;
  };
  asio::co_spawn(harness.shard().io(), read(), asio::detached);
  EXPECT_TRUE(harness.wait_until([&] { return harness.writer().count("gtid_executed") == 1; }));
  harness.shard().probe().writer_changed();
  harness.settle();
  EXPECT_TRUE(ended);
  EXPECT_FALSE(position);
}

TEST(GlobalProbe, RefusedItSaysSoAndTheServerIsThere) {
  Harness harness;
  harness.writer().passwords["monitor"] = "changed";
  EXPECT_EQ(ask(harness), "nothing");
  EXPECT_TRUE(harness.shard().probe().writer_is_there());
  EXPECT_TRUE(harness.services().monitor_account->was_refused());
  EXPECT_TRUE(harness.log_has("cannot ask the writer for its position"));
  harness.writer().accepts = false;
  EXPECT_EQ(ask(harness), "nothing");
  EXPECT_FALSE(harness.shard().probe().writer_is_there());
}

TEST(GlobalProbe, AWaiterThatGivesUpIsLetGo) {
  Harness harness;
  harness.writer().on("gtid_executed", [](Reply& reply) { reply.later(); });
  Waiter waiter;
  waiter.query_killed = true;
  EXPECT_FALSE(harness.run(harness.shard().probe().position(waiter)));
}

TEST(GlobalProbe, MariadbIsAskedForItsOwnPosition) {
  Harness harness({.flavor = Flavor::kMariadb});
  EXPECT_EQ(ask(harness), "mariadb:0-1-100");
}

// A file and a position come with the GTIDs that go along, in one write.
TEST(GlobalProbe, CoordinatesComeWithTheGtidsOfMariadb) {
  Harness harness({.flavor = Flavor::kMariadb});
  harness.view().position_kind = PositionKind::kBinlogCoordinates;
  harness.view().nodes[0].executed = Position();
  harness.publish();
  harness.writer().on("SHOW MASTER STATUS", [](Reply& reply) {
    reply.rows({"File", "Position", "Binlog_Do_DB", "Binlog_Ignore_DB"}, {{"log.000002", "345", "", ""}});
  });
  EXPECT_EQ(ask(harness), "binlog:1/log.000002:345");
  EXPECT_EQ(harness.shard().probe().gtids().to_string(), "mariadb:0-1-100");
}

TEST(GlobalProbe, CoordinatesOfMysqlAreAskedTogetherWithWhetherItIsTheWriter) {
  Harness harness;
  harness.view().position_kind = PositionKind::kBinlogCoordinates;
  harness.view().nodes[0].executed = Position();
  harness.publish();
  harness.writer().on("SHOW BINARY LOG STATUS", [](Reply& reply) {
    reply.rows({"File", "Position"}, {{"log.000002", "345"}});
  });
  EXPECT_EQ(ask(harness), "binlog:00000000-0000-0000-0000-000000000001/log.000002:345");
  harness.writer().read_only = true;
  EXPECT_EQ(ask(harness), "nothing");
}

}  // namespace
}  // namespace causeway::proxy
