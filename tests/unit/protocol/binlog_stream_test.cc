#include "protocol/binlog_stream.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "binlog_capture.h"
#include "binlog_follower.h"
#include "protocol/com_binlog_dump.h"

namespace causeway::protocol {
namespace {

using testing::ElementsAre;

// Streams of real servers: every transaction is found where SHOW BINLOG EVENTS has it, in whatever pieces the
// bytes come.
TEST(BinlogStream, FollowsWhatRealServersSend) {
  for (const CapturedStream& stream : captured_streams()) {
    SCOPED_TRACE(stream.name);
    for (const size_t piece_bytes : {stream.wire.size(), size_t{1}, size_t{7}, size_t{100}}) {
      const FollowedStream seen = follow(BinlogStreamScanner(), stream.wire, piece_bytes);
      EXPECT_EQ(seen.acks_wanted > 0, stream.semi_sync);
      EXPECT_EQ(seen.transactions, stream.transactions);
      EXPECT_EQ(seen.state.file + ' ' + std::to_string(seen.state.position),
                stream.name == "mysql-error" ? "binlog.000001 4" : stream.end);
      EXPECT_EQ(seen.state.transactions, stream.transactions.size());
      EXPECT_EQ(seen.state.boundary_position, seen.state.position);
      EXPECT_EQ(seen.state.bytes, stream.wire.size());
      EXPECT_EQ(seen.forwarded, stream.wire);
      EXPECT_TRUE(seen.at_boundary);
      const bool waits = stream.semi_sync || stream.name.find("heartbeat") != std::string::npos;
      const bool refused = stream.name.ends_with("error") || stream.name == "mariadb-old-replica";
      EXPECT_EQ(seen.ends, waits ? "" : refused ? "err" : "eof");
    }
  }
}

TEST(BinlogStream, TellsGtidsTimesAndChecksums) {
  const CapturedStream mysql = captured_stream("mysql-gtid-crc32");
  BinlogStreamState state = follow(BinlogStreamScanner(false), mysql.wire, 1000).state;
  EXPECT_EQ(to_string(state.transaction.last()) + " binlog.000003 577", mysql.transactions.back());
  EXPECT_EQ(state.transaction.current(), BinlogGtid{});
  EXPECT_EQ(state.checksum, BinlogChecksum::kCrc32);
  EXPECT_EQ(state.last_type, BinlogEventType::kXid);
  EXPECT_EQ(state.last_timestamp, 0x6b09cab8u);
  EXPECT_FALSE(state.last_artificial);

  state = follow(BinlogStreamScanner(false), captured_stream("mysql-heartbeat-v2-none").wire, 1000).state;
  EXPECT_EQ(state.last_type, BinlogEventType::kHeartbeatV2);
  EXPECT_EQ(state.last_timestamp, 0u);
  EXPECT_TRUE(state.last_artificial);
  EXPECT_EQ(state.transaction.last(), BinlogGtid{});
  EXPECT_EQ(state.events, 5u);
}

// Packets and events by hand.
struct Wire {
  Buffer bytes;
  uint8_t sequence_id = 1;
  std::optional<uint8_t> semi_sync = std::nullopt;  // the flag of its header

  Wire& payload(const Buffer& one) {
    sequence_id = append_packets(bytes, one, sequence_id);
    return *this;
  }

  Wire& event(BinlogEventType type, Bytes body, uint32_t log_pos = 0, uint16_t flags = 0,
              uint32_t timestamp = 7) {
    Buffer one{0};
    if (semi_sync) one.insert(one.end(), {kMagic, *semi_sync});
    ByteWriter writer(one);
    writer.int4(timestamp);
    writer.int1(static_cast<uint8_t>(type));
    writer.int4(1);
    writer.int4(static_cast<uint32_t>(kBinlogEventHeaderBytes + body.size()));
    writer.int4(log_pos);
    writer.int2(flags);
    writer.bytes(body);
    return payload(one);
  }

  Wire& rotate(uint64_t position, std::string_view file, uint32_t log_pos = 0) {
    Buffer body;
    ByteWriter writer(body);
    writer.int8(position);
    writer.text(file);
    const bool made_up = log_pos == 0;
    return event(BinlogEventType::kRotate, body, log_pos,
                 made_up ? binlog_event_flag::kArtificial : uint16_t{0}, made_up ? 0 : 7);
  }

  Wire& query(std::string_view text, uint32_t log_pos) {
    Buffer body(14);
    ByteWriter(body).text(text);
    return event(BinlogEventType::kQuery, body, log_pos);
  }

  Wire& gtid(uint64_t number, uint32_t log_pos) {
    Buffer body(17, 0xaa);
    ByteWriter(body).int8(number);
    return event(BinlogEventType::kGtid, body, log_pos);
  }

  Wire& xid(uint32_t log_pos) { return event(BinlogEventType::kXid, Buffer(8), log_pos); }

  static constexpr uint8_t kMagic = 0xef;
};

const std::string kA = "aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa:";

FollowedStream follow(const Wire& wire, bool semi_sync = false) {
  const FollowedStream whole = follow(BinlogStreamScanner(semi_sync), wire.bytes, wire.bytes.size());
  if (wire.bytes.size() > 100000) return whole;
  const FollowedStream pieces = follow(BinlogStreamScanner(semi_sync), wire.bytes, 1);
  EXPECT_EQ(pieces.transactions, whole.transactions);
  EXPECT_EQ(pieces.ends, whole.ends);
  EXPECT_EQ(pieces.error, whole.error);
  EXPECT_EQ(pieces.forwarded, whole.forwarded);
  EXPECT_EQ(pieces.state, whole.state);
  return whole;
}

TEST(BinlogStream, TellsWhereATransactionBegins) {
  Wire wire;
  wire.rotate(4, "b.1").gtid(1, 100).query("BEGIN", 200).xid(300);
  EXPECT_EQ(follow(wire).state.transaction_position, 4u);
  wire.event(BinlogEventType{99}, {}, 350).query("DROP TABLE t", 400);  // without a GTID
  EXPECT_EQ(follow(wire).state.transaction_position, 350u);
  EXPECT_EQ(follow(wire).state.boundary_position, 400u);
  wire.gtid(2, 500).gtid(3, 600).query("DROP TABLE t", 700);  // one that was never finished
  EXPECT_EQ(follow(wire).state.transaction_position, 500u);
  wire.event(BinlogEventType{99}, {}, 800);
  EXPECT_EQ(follow(wire).state.transaction_position, 500u);
}

TEST(BinlogStream, ATransactionCountsWhenItHasPassed) {
  Wire wire;
  wire.rotate(4, "b.1").gtid(1, 100).query("BEGIN", 200).xid(300).gtid(2, 400).query("BEGIN", 500);
  FollowedStream seen = follow(wire);
  EXPECT_THAT(seen.transactions, ElementsAre(kA + "1 b.1 300"));
  EXPECT_FALSE(seen.at_boundary);
  EXPECT_EQ(seen.state.position, 500u);
  EXPECT_EQ(seen.state.boundary_position, 300u);
  EXPECT_EQ(seen.state.transaction_position, 300u);
  EXPECT_EQ(to_string(seen.state.transaction.current()), kA + "2");
  EXPECT_EQ(to_string(seen.state.transaction.last()), kA + "1");

  // All of its last event but one byte.
  wire.xid(600);
  const Bytes almost = Bytes(wire.bytes).first(wire.bytes.size() - 1);
  seen = follow(BinlogStreamScanner(false), almost, 1000);
  EXPECT_EQ(seen.forwarded.size(), almost.size());
  EXPECT_EQ(seen.state.position, 500u);
  EXPECT_EQ(seen.state.transactions, 1u);
  EXPECT_FALSE(seen.at_boundary);
}

TEST(BinlogStream, StopsOnlyAtBoundariesAndOnlyIfAsked) {
  Wire wire;
  wire.rotate(4, "b.1").gtid(1, 100).query("BEGIN", 200).xid(300).gtid(2, 400);
  BinlogStreamScanner scanner(false);
  const size_t whole = wire.bytes.size();
  EXPECT_EQ(scanner.scan(wire.bytes).pass_bytes, whole);
  EXPECT_FALSE(scanner.at_boundary());

  scanner = BinlogStreamScanner(false);
  scanner.stop_at(BinlogStop::kBoundaries);
  Bytes left = wire.bytes;
  std::vector<uint64_t> positions;
  for (;;) {
    const BinlogScanStep step = scanner.scan(left);
    left = left.subspan(step.pass_bytes);
    if (step.event != BinlogScanEvent::kBoundary) break;
    positions.push_back(scanner.state().position);
    EXPECT_TRUE(scanner.at_boundary());
  }
  EXPECT_THAT(positions, ElementsAre(0u, 4u, 300u));
  EXPECT_TRUE(left.empty());

  // Of events: inside of transactions, too.
  scanner = BinlogStreamScanner(false);
  scanner.stop_at(BinlogStop::kEvents);
  left = wire.bytes;
  positions.clear();
  for (;;) {
    const BinlogScanStep step = scanner.scan(left);
    left = left.subspan(step.pass_bytes);
    if (step.event != BinlogScanEvent::kBoundary) break;
    positions.push_back(scanner.state().position);
    EXPECT_TRUE(scanner.between_events());
  }
  EXPECT_THAT(positions, ElementsAre(0u, 4u, 100u, 200u, 300u, 400u));

  // Asked in the middle of an event: where it ends.
  scanner = BinlogStreamScanner(false);
  constexpr size_t kFirstEvent = 4 + 1 + 19 + 8 + 3;
  Buffer rows = wire.bytes;
  rows.resize(kFirstEvent);
  Wire more{.bytes = rows, .sequence_id = 2};
  more.event(BinlogEventType::kStop, Buffer(100), 300);
  EXPECT_EQ(scanner.scan(Bytes(more.bytes).first(kFirstEvent + 50)).pass_bytes, kFirstEvent + 50);
  EXPECT_FALSE(scanner.between_events());
  scanner.stop_at(BinlogStop::kBoundaries);
  const BinlogScanStep step = scanner.scan(Bytes(more.bytes).subspan(kFirstEvent + 50));
  EXPECT_EQ(step.event, BinlogScanEvent::kBoundary);
  EXPECT_EQ(step.pass_bytes, more.bytes.size() - kFirstEvent - 50);
  EXPECT_EQ(scanner.state().position, 300u);
}

TEST(BinlogStream, PositionsGoBeyond32Bits) {
  Wire wire;
  wire.rotate(0xffffff00, "b.1").gtid(1, 0xfffffff0).query("BEGIN", 0x10);
  EXPECT_EQ(follow(wire).state.position, 0x1'0000'0010u);
  wire.xid(0x20).gtid(2, 0x10);  // a transaction of nearly 4 GiB was left out
  EXPECT_EQ(follow(wire).state.position, 0x2'0000'0010u);
  wire.rotate(4, "b.2", 0x100);
  EXPECT_EQ(follow(wire).state.position, 4u);
  wire.rotate(0x3'0000'0000, "b.2").gtid(3, 0x80);
  EXPECT_EQ(follow(wire).state.position, 0x3'0000'0080u);
}

TEST(BinlogStream, HeartbeatsMoveThePosition) {
  Wire wire;
  wire.rotate(0x1'0000'0010, "b.1");
  wire.event(BinlogEventType::kHeartbeat, as_bytes("b.1"), 0x10, 0, 0);
  EXPECT_EQ(follow(wire).state.position, 0x1'0000'0010u);
  wire.event(BinlogEventType::kHeartbeat, as_bytes("b.1"), 0x8, 0, 0);
  EXPECT_EQ(follow(wire).state.position, 0x2'0000'0008u);
  wire.event(BinlogEventType::kHeartbeatV2,
             Buffer{1, 3, 'b', '.', '1', 2, 9, 0xfe, 1, 0, 0, 0, 5, 0, 0, 0, 0}, 0, 0, 0);
  EXPECT_EQ(follow(wire).state.position, 0x5'0000'0001u);
  wire.event(BinlogEventType::kHeartbeat, as_bytes("b.2"), 0x77, 0, 0);
  const FollowedStream seen = follow(wire);
  EXPECT_EQ(seen.state.file, "b.2");
  EXPECT_EQ(seen.state.position, 0x77u);
  EXPECT_TRUE(seen.state.last_artificial);
}

TEST(BinlogStream, WhatOpensAFileIsNoStepBack) {
  Wire wire;
  wire.rotate(1000, "b.1");
  wire.event(BinlogEventType::kPreviousGtids, Buffer(8), 150);
  EXPECT_EQ(follow(wire).state.position, 1000u);
  wire.event(BinlogEventType::kMariadbGtidList, Buffer(4), 0, binlog_event_flag::kArtificial);
  EXPECT_EQ(follow(wire).state.position, 1000u);
}

TEST(BinlogStream, AnEventWithoutAPositionMovesNothing) {
  Wire wire;
  wire.rotate(1000, "b.1").query("DROP TABLE t", 0);
  EXPECT_EQ(follow(wire).state.position, 1000u);
}

TEST(BinlogStream, EventsOf16MibAndMore) {
  for (const size_t body_bytes : {size_t{0xffffff} - 20, size_t{0xffffff} - 19, size_t{2 * 0xffffff} - 20}) {
    Wire wire;
    wire.rotate(4, "b.1").gtid(1, 100).query("BEGIN", 200);
    wire.event(BinlogEventType::kWriteRows, Buffer(body_bytes, 0xff), 300).xid(400);
    const FollowedStream seen = follow(wire);
    EXPECT_EQ(seen.ends, "");
    EXPECT_EQ(seen.state.events, 5u) << body_bytes;
    EXPECT_THAT(seen.transactions, ElementsAre(kA + "1 b.1 400"));
    const FollowedStream pieces = follow(BinlogStreamScanner(false), wire.bytes, 65536);
    EXPECT_EQ(pieces.state, seen.state);
    EXPECT_LE(pieces.longest_tail, kMaxBinlogTailBytes);
  }
}

TEST(BinlogStream, ABigEventEndsItsTransactionWithItsLastPacket) {
  Wire wire;
  wire.rotate(4, "b.1").gtid(1, 100);
  const size_t before = wire.bytes.size();
  wire.event(BinlogEventType::kTransactionPayload, Buffer(0xffffff + 1000), 200);
  for (const size_t size : {size_t{0xffffff} + 4, size_t{0xffffff} + 4 + 4, size_t{0xffffff} + 4 + 1000}) {
    const FollowedStream seen =
        follow(BinlogStreamScanner(false), Bytes(wire.bytes).first(before + size), 65536);
    EXPECT_EQ(seen.state.transactions, 0u) << size;
    EXPECT_EQ(seen.state.position, 100u);
    EXPECT_FALSE(seen.at_boundary);
  }
  EXPECT_THAT(follow(wire).transactions, ElementsAre(kA + "1 b.1 200"));
}

TEST(BinlogStream, ABigEventWhosePacketsLie) {
  const auto split = [](size_t second, size_t event_bytes) {
    Wire wire;
    wire.rotate(4, "b.1");
    const size_t before = wire.bytes.size();
    wire.event(BinlogEventType::kWriteRows, Buffer(0xffffff - 20 + second), 300);
    for (size_t i = 0; i < 4; ++i)
      wire.bytes[before + 4 + 1 + 9 + i] = static_cast<uint8_t>(event_bytes >> (8 * i));
    return wire;
  };
  EXPECT_EQ(follow(split(10, 0xffffff - 1 + 10)).ends, "");
  EXPECT_EQ(follow(split(10, 0xffffff - 1 + 11)).ends, "malformed");
  EXPECT_EQ(follow(split(10, 0xffffff - 1 + 9)).ends, "malformed");
  EXPECT_EQ(follow(split(0xffffff, 0xffffff)).ends, "malformed");
  EXPECT_EQ(follow(split(10, 100)).ends, "malformed");
  // It is found out as soon as it can be.
  constexpr size_t kRotate = 4 + 1 + 19 + 8 + 3;
  EXPECT_EQ(follow(split(10, 100)).forwarded.size(), kRotate);
  EXPECT_EQ(follow(split(0xffffff, 0xffffff)).forwarded.size(), kRotate + 4 + 0xffffff);
}

TEST(BinlogStream, TheEndIsAnEofOrAnErr) {
  Wire wire;
  wire.rotate(4, "b.1");
  const Buffer start = wire.bytes;
  const std::tuple<Buffer, std::string, bool> cases[] = {
      {{0xfe, 0, 0, 2, 0}, "eof", true},
      {{0xfe, 0, 0, 2, 0, 0, 0}, "eof", true},  // an OK in its place
      {{0xff, 0xd4, 0x04, '#', 'H', 'Y', '0', '0', '0', 'n', 'o'}, "err", true},
      {{0xfe, 0, 0, 2}, "malformed", false},
      {{0xff, 0xd4}, "malformed", false},
      {{0x01}, "malformed", false},
      {{}, "malformed", false},
  };
  for (const auto& [payload, ends, held] : cases) {
    Wire one = wire;
    one.payload(payload);
    const size_t whole = one.bytes.size();
    FollowedStream seen = follow(one);
    EXPECT_EQ(seen.ends, ends);
    EXPECT_EQ(seen.forwarded.size(), held ? whole : start.size());
    EXPECT_EQ(follow(BinlogStreamScanner(false), Bytes(one.bytes).first(whole - 1), 1000).forwarded, start);
    if (!held) continue;
    BinlogStreamScanner scanner(false);
    one.xid(100);
    const BinlogScanStep step = scanner.scan(one.bytes);
    EXPECT_EQ(as_text(step.packet_payload), as_text(payload));
    EXPECT_EQ(scanner.next_sequence_id(), 2);
    const BinlogScanStep behind = scanner.scan(Bytes(one.bytes).subspan(step.pass_bytes + step.packet_bytes));
    EXPECT_EQ(behind.event, BinlogScanEvent::kMalformed);
    EXPECT_EQ(behind.error, ProtocolError::kUnexpectedPacket);
  }
}

TEST(BinlogStream, SequenceIdsMustBeContinuous) {
  Wire wire;
  wire.rotate(4, "b.1").gtid(1, 100).query("DROP TABLE t", 200);
  for (size_t at = 0; at < wire.bytes.size(); at += 4 + size_t{wire.bytes[at]}) {
    Wire wrong = wire;
    wrong.bytes[at + 3] ^= 0x40;
    EXPECT_EQ(follow(wrong).error, ProtocolError::kSequence) << at;
  }
  wire = {};
  for (int i = 0; i < 600; ++i)
    wire.gtid(1, 100).query("DROP TABLE t", 200);
  EXPECT_EQ(follow(wire).state.transactions, 600u);

  Wire closing{.sequence_id = 0};
  closing.payload({0xff, 0xd4, 0x04, '#', 'H', 'Y', '0', '0', '0', 'n', 'o'});
  EXPECT_EQ(follow(closing).ends, "err");
}

TEST(BinlogStream, SemiSyncCountsAnewBehindWhatIsToBeAcknowledged) {
  Wire wire{.semi_sync = 0};
  wire.rotate(4, "b.1").gtid(1, 100).query("BEGIN", 200);
  wire.semi_sync = 1;
  wire.xid(300);
  const Wire before = wire;
  wire.semi_sync = 0;
  wire.sequence_id = 1;
  wire.gtid(2, 400).query("DROP TABLE t", 500);
  EXPECT_THAT(follow(wire, true).transactions, ElementsAre(kA + "1 b.1 300", kA + "2 b.1 500"));
  wire = before;  // one that goes on counting
  wire.gtid(2, 400);
  EXPECT_EQ(follow(wire, true).ends, "");
  wire = before;
  wire.sequence_id = 2;
  wire.gtid(2, 400);
  EXPECT_EQ(follow(wire, true).error, ProtocolError::kSequence);
  BinlogStreamScanner scanner(true);
  scanner.scan(before.bytes);
  EXPECT_EQ(scanner.next_sequence_id(), 1);

  EXPECT_EQ(follow(before, false).ends, "malformed");
  EXPECT_EQ(follow(Wire().rotate(4, "b.1"), true).ends, "malformed");
}

TEST(BinlogStream, RefusesWhatCannotCome) {
  const auto refused = [](const Wire& wire) { return follow(wire).ends == "malformed"; };
  Wire wire;
  EXPECT_TRUE(refused(wire.payload(Buffer(19))));  // one byte less than a header
  EXPECT_TRUE(refused(Wire().rotate(4, "")));
  EXPECT_TRUE(refused(Wire().rotate(4, std::string(kMaxBinlogFileBytes + 1, 'x'))));
  EXPECT_EQ(follow(Wire().rotate(4, std::string(100000, 'x'))).error, ProtocolError::kPacketTooLarge);
  EXPECT_TRUE(refused(Wire().gtid(0, 100)));
  EXPECT_TRUE(refused(Wire().event(BinlogEventType::kQuery, Buffer(13), 100)));
  EXPECT_TRUE(refused(Wire().event(BinlogEventType::kFormatDescription, Buffer(56), 100)));
  EXPECT_TRUE(refused(Wire().event(BinlogEventType::kHeartbeat, Buffer(), 100)));
  for (const int change : {-1, 1}) {
    Wire wrong;
    wrong.rotate(4, "b.1");
    wrong.bytes[4 + 1 + 9] = static_cast<uint8_t>(wrong.bytes[4 + 1 + 9] + change);
    EXPECT_TRUE(refused(wrong)) << change;
  }
  // Broken for good.
  BinlogStreamScanner scanner(false);
  EXPECT_EQ(scanner.scan(Wire().rotate(4, "").bytes).event, BinlogScanEvent::kMalformed);
  const BinlogScanStep again = scanner.scan(Wire().rotate(4, "b.1").bytes);
  EXPECT_EQ(again.event, BinlogScanEvent::kMalformed);
  EXPECT_EQ(again.pass_bytes, 0u);
  EXPECT_EQ(scanner.state().events, 0u);
}

TEST(BinlogStream, OnlyTheFrontOfAnEventIsHeldBack) {
  Wire wire;
  wire.rotate(4, "b.1");
  wire.event(BinlogEventType::kWriteRows, Buffer(10000), 100);
  wire.query(std::string(10000, 'x'), 200);
  EXPECT_LT(follow(BinlogStreamScanner(false), wire.bytes, 1).longest_tail, 60u);
  wire = {};
  Buffer body(11);
  ByteWriter writer(body);
  writer.int2(60000);
  writer.zeros(60000 + 1);
  wire.event(BinlogEventType::kQuery, body, 300);
  EXPECT_EQ(follow(BinlogStreamScanner(true), {}, 1).longest_tail, 0u);
  EXPECT_EQ(follow(BinlogStreamScanner(false), wire.bytes, 1).longest_tail, kMaxBinlogTailBytes - 3);
}

}  // namespace
}  // namespace causeway::protocol
