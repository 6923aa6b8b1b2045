// The events here are those of real servers (MySQL 9.7.4, MariaDB 10.11.19), or made of them.

#include "protocol/binlog_event.h"

#include <gtest/gtest.h>

#include "capture_file.h"
#include "protocol/com_binlog_dump.h"

namespace causeway::protocol {
namespace {

const Buffer kFakeRotate =
    from_hex("0000000004010000002c000000000000002000040000000000000062696e6c6f672e303030303031e9d2ca6e");
const Buffer kFakeRotateWithoutChecksum =
    from_hex("000000000401000000280000000000000020009c0e00000000000062696e6c6f672e303030303032");
const Buffer kMysqlFormat = from_hex(
    "b6ca096b0f010000007b0000007f00000000000400392e372e342d32000000000000000000000000000000000000000000000000"
    "00"
    "000000000000000000000000000000000000b6ca096b13000d0008000000000400040000006300041a0800000000000002000000"
    "0a"
    "0a0a2a2a001234000a2800000160f12edb");
const Buffer kMysqlGtid = from_hex(
    "b6ca096b21010000004d000000eb000000000001abd54858ea8f11f19ffc02fc0000000101000000000000000200000000000000"
    "00"
    "010000000000000017786429466106b65062010017ee8f1e");
const Buffer kAnonymousGtid = from_hex(
    "d2ca096b22010000004d000000eb0000000000010000000000000000000000000000000000000000000000000200000000000000"
    "00"
    "01000000000000004d4e0c2b466106b650620100358ac89c");
const Buffer kTaggedGtid = from_hex(
    "b7ca096b2a01000000500000007e0900000000027200000002ad02550390b0a9033d0222c5037d02f10304f10300000002040406"
    "06"
    "74616708180a200c7f22ed7d294661061071041283120bca0f29d7");
const Buffer kMariadbGtid =
    from_hex("a6ca096ba2010000002a0000006f0100000800010000000000000000000000290000000000009605408f");
const Buffer kMysqlQuery = from_hex(
    "b6ca096b02010000006900000054010000080008000000000000000300002e000000000000012000a0450000000006037374640"
    "42d002d00ff000c016361700011030000000000000012ff0014006361700043524541544520444154414241534520636170ec0bd"
    "b68");
const Buffer kHeartbeat =
    from_hex("000000001b01000000240000009c0e0000000062696e6c6f672e3030303030327f3c77a3");
const Buffer kHeartbeatV2 =
    from_hex("0000000029010000002c000000410200000000010d62696e6c6f672e3030303030330203fc4102001a778e98");

BinlogEventHeader header_of(const Buffer& event) {
  return parse_binlog_event_header(event).value();
}

Bytes body_of(const Buffer& event) {
  return binlog_event_body(event, BinlogChecksum::kCrc32).value();
}

Buffer changed(Buffer event, size_t at, std::initializer_list<uint8_t> bytes) {
  std::copy(bytes.begin(), bytes.end(), event.begin() + static_cast<long>(at));
  return event;
}

TEST(BinlogEvent, HeadersAreRead) {
  EXPECT_EQ(header_of(kMysqlGtid), (BinlogEventHeader{.timestamp = 0x6b09cab6,
                                                      .type = BinlogEventType::kGtid,
                                                      .server_id = 1,
                                                      .event_bytes = 77,
                                                      .log_pos = 235,
                                                      .flags = 0}));
  for (size_t size = 0; size < kBinlogEventHeaderBytes; ++size)
    EXPECT_EQ(parse_binlog_event_header(Bytes(kMysqlGtid).first(size)).error(), ProtocolError::kTruncated);
  EXPECT_TRUE(parse_binlog_event_header(changed(kMysqlGtid, 9, {19})));
  EXPECT_EQ(parse_binlog_event_header(changed(kMysqlGtid, 9, {18})).error(), ProtocolError::kMalformed);
}

TEST(BinlogEvent, WhatIsNotInTheLogIsArtificial) {
  EXPECT_TRUE(header_of(kFakeRotate).is_artificial());
  EXPECT_TRUE(header_of(kHeartbeat).is_artificial());
  EXPECT_TRUE(header_of(kHeartbeatV2).is_artificial());
  EXPECT_TRUE(
      header_of(changed(kFakeRotate, 17, {0})).is_artificial());  // of a server that does not set the flag
  EXPECT_FALSE(header_of(kMysqlFormat).is_artificial());
  EXPECT_FALSE(
      header_of(changed(kMysqlFormat, 13, {0})).is_artificial());  // sent again, for a dump from the middle
  EXPECT_FALSE(header_of(kMysqlQuery).is_artificial());
}

TEST(BinlogEvent, ChecksumsAreFoundByTheirValue) {
  for (const Buffer& event : {kFakeRotate, kMysqlFormat, kMysqlGtid, kTaggedGtid, kMariadbGtid, kHeartbeat}) {
    EXPECT_TRUE(ends_with_crc32(event));
    for (size_t at = 0; at < event.size(); ++at)
      EXPECT_FALSE(ends_with_crc32(changed(event, at, {static_cast<uint8_t>(event[at] ^ 1)})));
  }
  EXPECT_FALSE(ends_with_crc32(kFakeRotateWithoutChecksum));
  for (size_t size = 0; size < kFakeRotate.size(); ++size)
    EXPECT_FALSE(ends_with_crc32(Bytes(kFakeRotate).first(size)));
}

TEST(BinlogEvent, BodiesAreWithoutChecksums) {
  EXPECT_EQ(binlog_event_body(kFakeRotate, BinlogChecksum::kCrc32)->size(), 21u);
  EXPECT_EQ(binlog_event_body(kFakeRotate, BinlogChecksum::kNone)->size(), 25u);
  EXPECT_EQ(binlog_event_body(kFakeRotate, BinlogChecksum::kUndefined)->size(), 25u);
  EXPECT_TRUE(binlog_event_body(Bytes(kFakeRotate).first(23), BinlogChecksum::kCrc32)->empty());
  EXPECT_EQ(binlog_event_body(Bytes(kFakeRotate).first(22), BinlogChecksum::kCrc32).error(),
            ProtocolError::kTruncated);
}

TEST(BinlogEvent, Rotate) {
  EXPECT_EQ(parse_rotate_event(body_of(kFakeRotate)).value(),
            (RotateEvent{.position = 4, .file = "binlog.000001"}));
  EXPECT_EQ(parse_rotate_event(binlog_event_body(kFakeRotateWithoutChecksum, BinlogChecksum::kNone).value())
                .value(),
            (RotateEvent{.position = 3740, .file = "binlog.000002"}));
  for (size_t size = 0; size < 8; ++size)
    EXPECT_EQ(parse_rotate_event(body_of(kFakeRotate).first(size)).error(), ProtocolError::kTruncated);
  EXPECT_EQ(parse_rotate_event(body_of(kFakeRotate).first(8)).error(), ProtocolError::kMalformed);
  Buffer body(8 + kMaxBinlogFileBytes, 'x');
  EXPECT_TRUE(parse_rotate_event(body));
  body.push_back('x');
  EXPECT_EQ(parse_rotate_event(body).error(), ProtocolError::kMalformed);
  EXPECT_EQ(parse_rotate_event(Buffer{4, 0, 0, 0, 0, 0, 0, 0, 'a', 0, 'b'}).error(),
            ProtocolError::kMalformed);
}

TEST(BinlogEvent, FormatDescription) {
  EXPECT_EQ(parse_format_description_event(kMysqlFormat).value(),
            (FormatDescriptionEvent{.binlog_version = 4,
                                    .server_version = "9.7.4-2",
                                    .created = 0x6b09cab6,
                                    .checksum = BinlogChecksum::kCrc32}));
  const size_t algorithm_at = kMysqlFormat.size() - 5;
  EXPECT_EQ(parse_format_description_event(changed(kMysqlFormat, algorithm_at, {0}))->checksum,
            BinlogChecksum::kNone);
  EXPECT_EQ(parse_format_description_event(changed(kMysqlFormat, algorithm_at, {255}))->checksum,
            BinlogChecksum::kUndefined);
  EXPECT_EQ(parse_format_description_event(changed(kMysqlFormat, algorithm_at, {2})).error(),
            ProtocolError::kMalformed);
  EXPECT_EQ(parse_format_description_event(changed(kMysqlFormat, 75, {20})).error(),
            ProtocolError::kMalformed);
  for (size_t size = 0; size < 19 + 57 + 5; ++size)
    EXPECT_FALSE(parse_format_description_event(Bytes(kMysqlFormat).first(size))) << size;
}

TEST(BinlogEvent, ServersThatKnowChecksums) {
  constexpr size_t kVersionAt = 21;
  const std::pair<std::string, bool> cases[] = {
      {"5.5.62-log", false},
      {"5.6.0", false},
      {"5.6.1", true},
      {"5.7.44-log", true},
      {"8.0.mysql_aurora.3.0", true},
      {"10.11.19-MariaDB", true},
      {"5.3.0-MariaDB", true},
      {"5.2.14-MariaDB", false},
      {"", false},
      {"9", true},
      {"99999999999999999999", true},
  };
  for (const auto& [version, known] : cases) {
    Buffer event = kMysqlFormat;
    std::fill_n(event.begin() + kVersionAt, 50, uint8_t{0});
    std::copy(version.begin(), version.end(), event.begin() + kVersionAt);
    const auto description = parse_format_description_event(event).value();
    EXPECT_EQ(description.server_version, version);
    EXPECT_EQ(description.checksum == BinlogChecksum::kCrc32, known) << version;
  }
}

TEST(BinlogEvent, Gtids) {
  const std::tuple<Buffer, std::string, uint8_t, size_t> cases[] = {
      {kMysqlGtid, "abd54858-ea8f-11f1-9ffc-02fc00000001:1", mysql_gtid_flag::kMayHaveStatements, 25},
      {kAnonymousGtid, "anonymous", mysql_gtid_flag::kMayHaveStatements, 25},
      {kTaggedGtid, "abd54858-ea8f-11f1-9ffc-02fc00000001:tag:1", 0, 37},
      {kMariadbGtid, "0-1-1",
       mariadb_gtid_flag::kStandalone | mariadb_gtid_flag::kAllowParallel | mariadb_gtid_flag::kDdl, 13},
  };
  for (const auto& [event, text, flags, needed] : cases) {
    const BinlogEventHeader header = header_of(event);
    const GtidEvent gtid = parse_gtid_event(header, body_of(event)).value();
    EXPECT_EQ(to_string(gtid.gtid), text);
    EXPECT_EQ(gtid.flags, flags) << text;
    for (size_t size = 0; size < body_of(event).size(); ++size)
      EXPECT_EQ(parse_gtid_event(header, body_of(event).first(size)).has_value(), size >= needed)
          << text << ' ' << size;
  }
  EXPECT_EQ(parse_gtid_event(header_of(kFakeRotate), body_of(kMysqlGtid)).error(),
            ProtocolError::kUnexpectedPacket);
}

constexpr uint64_t kCommitted = 1795819776157194;

// A GTID event from its kind of logical clock on: the times of its commit, and the bytes behind them.
uint64_t committed(uint8_t clock, const std::vector<uint64_t>& times, size_t behind) {
  Buffer body(25, 0xaa);
  ByteWriter writer(body);
  writer.int1(clock);
  writer.zeros(16);
  for (const uint64_t time : times) {
    writer.int4(static_cast<uint32_t>(time));
    writer.int3(static_cast<uint32_t>(time >> 32));
  }
  writer.zeros(behind);
  body[24] = 0;
  return parse_gtid_event({.type = BinlogEventType::kGtid}, body).value().original_commit_timestamp;
}

TEST(BinlogEvent, WhenATransactionWasCommittedFirst) {
  constexpr uint64_t kAnotherFollows = uint64_t{1} << 55;
  EXPECT_EQ(committed(2, {kCommitted}, 5), kCommitted);
  EXPECT_EQ(committed(2, {(kCommitted + 5) | kAnotherFollows, kCommitted}, 5), kCommitted);
  EXPECT_EQ(committed(2, {(kCommitted + 5) | kAnotherFollows, 0}, 5), 0u);  // it comes from an older server
  EXPECT_EQ(committed(2, {}, kBinlogChecksumBytes), 0u);                    // MySQL 5.7, with its checksum
  EXPECT_EQ(committed(2, {kCommitted | kAnotherFollows}, kBinlogChecksumBytes), 0u);  // cut short
  EXPECT_EQ(committed(3, {kCommitted}, 5), 0u);

  const auto of = [](const Buffer& event) {
    return parse_gtid_event(header_of(event), body_of(event)).value().original_commit_timestamp;
  };
  for (const Buffer& event : {kMysqlGtid, kAnonymousGtid, kTaggedGtid})  // by their own server's clock
    EXPECT_NEAR(static_cast<double>(of(event)) / 1e6, header_of(event).timestamp, 1.0);
  EXPECT_EQ(of(kMariadbGtid), 0u);
}

TEST(BinlogEvent, GtidsThatAreNone) {
  const std::pair<const char*, Buffer> cases[] = {
      {"number 0", changed(kMysqlGtid, 36, {0})},
      {"too great a number", changed(kMysqlGtid, 36, {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f})},
      {"another version", changed(kTaggedGtid, 19, {4})},
      {"fields out of order", changed(kTaggedGtid, 22, {2})},
      {"no tag where one is due", changed(kTaggedGtid, 51, {8})},
      {"number 0 with a tag", changed(kTaggedGtid, 50, {0})},
      {"a negative number", changed(kTaggedGtid, 50, {2})},
      {"a byte of the uuid that is none", changed(kTaggedGtid, 25, {0xfd, 0xff})},
      {"a tag in upper case", changed(kTaggedGtid, 53, {0x54})},
      {"too long a tag", changed(kTaggedGtid, 52, {66})},
  };
  for (const auto& [name, event] : cases)
    EXPECT_EQ(parse_gtid_event(header_of(event), body_of(event)).error(), ProtocolError::kMalformed) << name;
}

TEST(BinlogEvent, Heartbeats) {
  EXPECT_EQ(parse_heartbeat_event(header_of(kHeartbeat), body_of(kHeartbeat)).value(),
            (HeartbeatEvent{.file = "binlog.000002", .position = 3740, .is_exact = false}));
  const HeartbeatEvent exact{.file = "binlog.000003", .position = 577, .is_exact = true};
  EXPECT_EQ(parse_heartbeat_event(header_of(kHeartbeatV2), body_of(kHeartbeatV2)).value(), exact);

  // A field that is not known, and one after the end.
  Buffer body{9, 2, 0xff, 0xff};
  const Bytes known = body_of(kHeartbeatV2);
  body.insert(body.end(), known.begin(), known.end());
  body.insert(body.end(), {1, 1, 'x'});
  EXPECT_EQ(parse_heartbeat_event(header_of(kHeartbeatV2), body).value(), exact);
  for (size_t size = 0; size < known.size() - 1; ++size) {
    const auto heartbeat = parse_heartbeat_event(header_of(kHeartbeatV2), known.first(size));
    EXPECT_EQ(heartbeat.has_value(), size == 15) << size;  // only the file
  }

  // MariaDB, in a file of more than 4 GiB.
  const BinlogEventHeader no_position{.type = BinlogEventType::kHeartbeat};
  const Buffer far{0x9c, 0x0e, 0, 0, 1, 0, 0, 0, 'b', '.', '1'};
  EXPECT_EQ(parse_heartbeat_event(no_position, far).value(),
            (HeartbeatEvent{.file = "b.1", .position = 0x1'0000'0e9c, .is_exact = true}));
  EXPECT_EQ(parse_heartbeat_event(no_position, as_bytes("binlog.000001")).value(),
            (HeartbeatEvent{.file = "binlog.000001", .position = 0, .is_exact = false}));
  EXPECT_EQ(parse_heartbeat_event(no_position, {}).error(), ProtocolError::kMalformed);
  EXPECT_EQ(parse_heartbeat_event(header_of(kFakeRotate), far).error(), ProtocolError::kUnexpectedPacket);
}

TEST(BinlogEvent, Queries) {
  const BinlogEventHeader header = header_of(kMysqlQuery);
  const std::string_view text = "CREATE DATABASE cap";
  QueryEvent query = parse_query_event(header, kMysqlQuery, BinlogChecksum::kCrc32).value();
  EXPECT_EQ(query.text, text);
  EXPECT_EQ(query.text_bytes, text.size());
  EXPECT_TRUE(query.is(text));
  EXPECT_FALSE(query.is("CREATE"));
  query = parse_query_event(header, kMysqlQuery, BinlogChecksum::kNone).value();
  EXPECT_EQ(query.text_bytes, text.size() + 4);
  EXPECT_TRUE(query.text.starts_with(text));
  for (size_t size = 0; size < kMysqlQuery.size(); ++size) {
    const auto cut = parse_query_event(header, Bytes(kMysqlQuery).first(size), BinlogChecksum::kCrc32);
    ASSERT_EQ(cut.has_value(), size >= kBinlogEventHeaderBytes + kQueryPostHeaderBytes) << size;
    if (!cut) continue;
    EXPECT_EQ(cut->text_bytes, text.size());
    EXPECT_TRUE(text.starts_with(cut->text));
  }
  EXPECT_EQ(parse_query_event(header, changed(kMysqlQuery, 30, {0xff}), BinlogChecksum::kCrc32).error(),
            ProtocolError::kMalformed);
}

}  // namespace
}  // namespace causeway::protocol
