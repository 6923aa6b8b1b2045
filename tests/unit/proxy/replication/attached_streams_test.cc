#include "proxy/replication/attached_streams.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>

namespace causeway::proxy {
namespace {

using namespace std::chrono_literals;
using consistency::BinlogCoordinates;
using protocol::BinlogEventType;
using protocol::BinlogStreamState;

const auto kNow = Clock::time_point(100s);
const auto kUtc = std::chrono::system_clock::from_time_t(1000);

StreamReader reader(uint32_t server_id, std::string host = "a") {
  return {.server_id = server_id, .user = "repl", .host = std::move(host)};
}

BinlogStreamState state_at(std::string file, uint64_t position, uint32_t made,
                           BinlogEventType type = BinlogEventType::kXid) {
  BinlogStreamState state;
  state.file = std::move(file);
  state.position = position;
  state.last_timestamp = made;
  state.last_type = type;
  state.bytes = position * 2;
  state.transactions = position / 100;
  return state;
}

// A state behind a transaction of this GTID.
BinlogStreamState behind(uint32_t domain, uint64_t number) {
  BinlogStreamState state = state_at("b.1", 100, 900);
  protocol::BinlogEventMeaning opens{.role = protocol::BinlogEventRole::kGtidBegin};
  opens.gtid = {.kind = protocol::BinlogGtid::Kind::kMariadb, .domain_id = domain, .server_id = 1};
  opens.gtid.number = number;
  state.transaction.event(opens);
  state.transaction.event({.role = protocol::BinlogEventRole::kEnd});
  return state;
}

TEST(AttachedStream, TellsHowFarItIs) {
  AttachedStream stream(reader(7));
  StreamStatus status = stream.status(kNow, kUtc);
  EXPECT_EQ(status.reader, reader(7));
  EXPECT_EQ(status.file, "");
  EXPECT_FALSE(status.node || status.lag);
  stream.begins(2);
  stream.passed(state_at("b.1", 400, 990));
  status = stream.status(kNow, kUtc);
  EXPECT_EQ(*status.node, 2U);
  EXPECT_EQ(status.file + ":" + std::to_string(status.position), "b.1:400");
  EXPECT_EQ(status.bytes, 800U);
  EXPECT_EQ(status.transactions, 4U);
  EXPECT_EQ(status.last_event, 990U);
  stream.passed(state_at("b.2", 4, 990));
  status = stream.status(kNow, kUtc);
  EXPECT_EQ(status.file + ":" + std::to_string(status.position), "b.2:4");
}

TEST(AttachedStream, TellsTheLastTransactionWhateverItsSource) {
  AttachedStream stream(reader(7));
  EXPECT_EQ(stream.status(kNow, kUtc).last_gtid, "");
  for (const auto& [domain, number] : {std::pair{0U, 5ULL}, {0U, 6ULL}, {2U, 1ULL}, {0U, 7ULL}}) {
    stream.passed(behind(domain, number));
    EXPECT_EQ(stream.status(kNow, kUtc).last_gtid, std::to_string(domain) + "-1-" + std::to_string(number));
  }
}

TEST(AttachedStream, IsAsFarBehindAsItsLastEventUntilTheSourceHasNothingMore) {
  AttachedStream stream(reader(7));
  const auto lag = [&](Clock::time_point now) { return stream.status(now, kUtc).lag; };
  stream.awaits_source(kNow - 10s);
  EXPECT_EQ(lag(kNow), std::nullopt) << "nothing has come";
  stream.source_has_sent();
  stream.passed(state_at("b.1", 400, 970));
  EXPECT_EQ(lag(kNow), 30s) << "the client takes its time";
  stream.awaits_source(kNow - 999ms);
  EXPECT_EQ(lag(kNow), 30s);
  EXPECT_EQ(lag(kNow + 1ms), 0s) << "a second without anything";
  stream.passed(state_at("b.1", 400, 970, BinlogEventType::kHeartbeat));
  EXPECT_EQ(lag(kNow), 0s) << "the source says so";
  stream.source_has_sent();
  stream.passed(state_at("b.1", 500, 1010));
  EXPECT_EQ(lag(kNow), 0s) << "the server's clock is ahead";
}

TEST(AttachedStream, IsBehindInBytesWithinAFile) {
  const StreamStatus status{.file = "b.1", .position = 400};
  EXPECT_EQ(lag_bytes(status, *BinlogCoordinates::make("b.1", 1000)), 600U);
  EXPECT_EQ(lag_bytes(status, *BinlogCoordinates::make("b.1", 300)), 0U) << "as the monitor last saw it";
  EXPECT_EQ(lag_bytes(status, *BinlogCoordinates::make("b.2", 1000)), std::nullopt);
  EXPECT_EQ(lag_bytes(status, std::nullopt), std::nullopt);
}

TEST(AttachedStreams, ListsThoseThatLive) {
  AttachedStreams streams;
  const auto first = streams.attach(reader(7));
  {
    const auto second = streams.attach(reader(8));
    EXPECT_EQ(streams.list(kNow, kUtc).size(), 2U);
  }
  ASSERT_EQ(streams.list(kNow, kUtc).size(), 1U);
  EXPECT_EQ(streams.list(kNow, kUtc)[0].reader.server_id, 7U);
}

TEST(AttachedStreams, AreCountedByWhoseLogTheyAre) {
  AttachedStreams streams;
  const auto first = streams.attach(reader(7));
  EXPECT_EQ(streams.reading(1), 0U) << "no server has begun";
  first.attachment->stream().begins(1);
  EXPECT_EQ(streams.reading(1), 1U);
  EXPECT_EQ(streams.reading(0), 0U);
  const auto again = streams.attach(reader(7));
  EXPECT_EQ(streams.reading(1), 0U) << "another one has taken its place";
}

TEST(AttachedStreams, TheSameReplicaTakesItsPlaceAndAnotherOneDoesNot) {
  AttachedStreams streams;
  const auto first = streams.attach(reader(7));
  const auto again = streams.attach(reader(7));
  ASSERT_TRUE(again.attachment && again.other);
  EXPECT_TRUE(first.attachment->stream().is_replaced());
  EXPECT_EQ(streams.list(kNow, kUtc).size(), 1U);
  const auto other = streams.attach(reader(7, "b"));
  EXPECT_FALSE(other.attachment);
  EXPECT_EQ(other.other->host, "a");
  EXPECT_FALSE(again.attachment->stream().is_replaced());
}

TEST(AttachedStreams, AreReadWhileTheyAreWritten) {
  AttachedStreams streams;
  const auto attached = streams.attach(reader(7));
  std::thread writer([&] {
    for (uint64_t i = 1; i < 2000; ++i)
      attached.attachment->stream().passed(state_at("b." + std::to_string(i / 100), i, 900));
  });
  uint64_t bytes = 0;
  while (bytes < 2 * 1999) {
    const uint64_t now = streams.list(kNow, kUtc)[0].bytes;
    EXPECT_GE(now, bytes);
    bytes = now;
  }
  writer.join();
}

}  // namespace
}  // namespace causeway::proxy
