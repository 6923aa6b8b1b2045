#include "protocol/com_binlog_dump.h"

#include <gtest/gtest.h>

#include "capture_file.h"
#include "protocol/binlog_gtid.h"

namespace causeway::protocol {
namespace {

// binlog.000002 from 698 on, without waiting, for server 77.
const Buffer kByPosition = from_hex("12ba02000001004d00000062696e6c6f672e303030303032");
// For server 78, from the beginning of the log that has what follows uuid:1-3.
const Buffer kByGtid = from_hex(
    "1e04004e000000000000000400000000000000300000000100000000000000"
    "5ad0dc80ea8f11f1867e02fc00000001010000000000000001000000000000000400000000000000");

Buffer written(const BinlogDump& dump) {
  Buffer out;
  EXPECT_TRUE(append_binlog_dump(out, dump));
  return out;
}

Buffer with(Buffer bytes, std::initializer_list<uint8_t> more) {
  bytes.insert(bytes.end(), more);
  return bytes;
}

TEST(ComBinlogDump, ReadsAPosition) {
  const BinlogDump dump = parse_binlog_dump(kByPosition).value();
  EXPECT_EQ(dump.kind, BinlogDump::Kind::kPosition);
  EXPECT_EQ(dump.flags, binlog_dump_flag::kNonBlock);
  EXPECT_FALSE(dump.waits_for_more());
  EXPECT_EQ(dump.server_id, 77u);
  EXPECT_EQ(dump.file, "binlog.000002");
  EXPECT_EQ(dump.position, 698u);
  EXPECT_FALSE(dump.has_gtid_set);
  EXPECT_TRUE(dump.rest.empty());
}

TEST(ComBinlogDump, ReadsAGtidSet) {
  const BinlogDump dump = parse_binlog_dump(kByGtid).value();
  EXPECT_EQ(dump.kind, BinlogDump::Kind::kGtid);
  EXPECT_EQ(dump.flags, binlog_dump_flag::kThroughGtid);
  EXPECT_TRUE(dump.waits_for_more());
  EXPECT_EQ(dump.server_id, 78u);
  EXPECT_EQ(dump.file, "");
  EXPECT_EQ(dump.position, 4u);
  ASSERT_TRUE(dump.has_gtid_set);
  EXPECT_EQ(decode_gtid_set(dump.gtid_set).value(), "5ad0dc80-ea8f-11f1-867e-02fc00000001:1-3");
}

// What replicas send: MariaDB 10.11 by position and by GTIDs, MySQL 9.7 by position and by GTIDs with a tag.
const Buffer kMariadbReplica = from_hex("120400000000000200000062696e6c6f672e303030303031");
const Buffer kMariadbGtidReplica = from_hex("1204000000000002000000");
const Buffer kMysqlReplica = from_hex("120400000002000200000062696e6c6f672e303030303031");
const Buffer kMysqlGtidReplica = from_hex(
    "1e0200020000000000000004000000000000005d00000001020000000000018af57ed5ea9211f1898902fc000000010001000000"
    "00"
    "000000010000000000000005000000000000008af57ed5ea9211f1898902fc000000010674616701000000000000000100000000"
    "00"
    "00000200000000000000");

TEST(ComBinlogDump, OfRealReplicas) {
  BinlogDump dump = parse_binlog_dump(kMariadbReplica).value();
  EXPECT_EQ(dump.flags, 0u);
  EXPECT_EQ(dump.server_id, 2u);
  EXPECT_EQ(dump.file, "binlog.000001");
  EXPECT_EQ(dump.position, 4u);
  dump = parse_binlog_dump(kMariadbGtidReplica).value();
  EXPECT_EQ(dump.kind, BinlogDump::Kind::kPosition);
  EXPECT_EQ(dump.file, "");
  EXPECT_EQ(parse_binlog_dump(kMysqlReplica)->flags, binlog_dump_flag::kHeartbeatV2);
  dump = parse_binlog_dump(kMysqlGtidReplica).value();
  EXPECT_EQ(dump.flags, binlog_dump_flag::kHeartbeatV2);
  EXPECT_EQ(dump.file, "");
  EXPECT_EQ(dump.position, 4u);
  EXPECT_EQ(decode_gtid_set(dump.gtid_set).value(), "8af57ed5-ea92-11f1-8989-02fc00000001:1-4:tag:1");
}

TEST(ComBinlogDump, IsWrittenAsItCame) {
  const Buffer cases[] = {
      kByPosition,
      kByGtid,
      kMariadbReplica,
      kMariadbGtidReplica,
      kMysqlReplica,
      kMysqlGtidReplica,
      from_hex("12040000000000"
               "00000000"),  // the first log there is
      with(kByPosition, {0}),
      with(kByPosition, {0, 'x', 0, 0xff}),
      with(kByGtid, {1, 2, 3}),
      from_hex("1effff"
               "ffffffff"
               "02000000"
               "6162"
               "ffffffffffffffff"),  // no set at all
      from_hex("1effff"
               "ffffffff"
               "02000000"
               "6162"
               "ffffffffffffffff"
               "00000000"),  // an empty one
  };
  for (const Buffer& payload : cases)
    EXPECT_EQ(written(parse_binlog_dump(payload).value()), payload);
}

TEST(ComBinlogDump, TakesOtherCoordinates) {
  const Buffer with_rest = with(kByPosition, {0, 'x'});
  BinlogDump dump = parse_binlog_dump(with_rest).value();
  dump.file = "other-log.000123";
  dump.position = 4294967295;
  Buffer payload = written(dump);
  BinlogDump again = parse_binlog_dump(payload).value();
  EXPECT_EQ(again.file, dump.file);
  EXPECT_EQ(again.position, dump.position);
  EXPECT_EQ(again.server_id, 77u);
  EXPECT_EQ(again.flags, 1u);
  EXPECT_EQ(as_text(again.rest), std::string_view("\0x", 2));

  dump = parse_binlog_dump(kByGtid).value();
  dump.file = "other-log.000123";
  dump.position = uint64_t{1} << 40;
  payload = written(dump);
  again = parse_binlog_dump(payload).value();
  EXPECT_EQ(again.file, dump.file);
  EXPECT_EQ(again.position, dump.position);
  EXPECT_EQ(as_text(again.gtid_set), as_text(dump.gtid_set));
}

TEST(ComBinlogDump, WritesNoPositionThatDoesNotFit) {
  BinlogDump dump = parse_binlog_dump(kByPosition).value();
  dump.position = uint64_t{1} << 32;
  Buffer out{1};
  EXPECT_FALSE(append_binlog_dump(out, dump));
  EXPECT_EQ(out, Buffer{1});
}

TEST(ComBinlogDump, EveryLengthIsChecked) {
  constexpr size_t kWithoutName = 11;
  for (size_t size = 0; size < kByPosition.size(); ++size)
    EXPECT_EQ(parse_binlog_dump(Bytes(kByPosition).first(size)).has_value(), size >= kWithoutName) << size;
  constexpr size_t kWithoutSet = 19;
  for (size_t size = 0; size < kByGtid.size(); ++size)
    EXPECT_EQ(parse_binlog_dump(Bytes(kByGtid).first(size)).has_value(), size == kWithoutSet) << size;
  Buffer long_name = kByPosition;
  long_name.resize(kWithoutName + kMaxBinlogFileBytes, 'x');
  EXPECT_TRUE(parse_binlog_dump(long_name));
  long_name.push_back('x');
  EXPECT_EQ(parse_binlog_dump(long_name).error(), ProtocolError::kMalformed);
  Buffer long_set = kByGtid;
  long_set[kWithoutSet + 3] = 0xff;
  EXPECT_EQ(parse_binlog_dump(long_set).error(), ProtocolError::kTruncated);
  Buffer huge_name = kByGtid;
  huge_name[7] = huge_name[8] = huge_name[9] = huge_name[10] = 0xff;
  EXPECT_EQ(parse_binlog_dump(huge_name).error(), ProtocolError::kTruncated);
  EXPECT_EQ(parse_binlog_dump(Buffer{3, 0}).error(), ProtocolError::kUnexpectedPacket);
}

// An encoded set, piece by piece.
struct Encoded {
  Buffer bytes;
  ByteWriter writer{bytes};

  Encoded& header(uint64_t word) { return writer.int8(word), *this; }
  Encoded& uuid(uint8_t byte) { return bytes.insert(bytes.end(), 16, byte), *this; }
  Encoded& tag(std::string_view text) {
    writer.int1(static_cast<uint8_t>(2 * text.size()));
    return writer.text(text), *this;
  }
  Encoded& intervals(std::initializer_list<std::pair<uint64_t, uint64_t>> pairs) {
    writer.int8(pairs.size());
    for (const auto& [first, behind] : pairs) {
      writer.int8(first);
      writer.int8(behind);
    }
    return *this;
  }
};

constexpr uint64_t tagged(uint64_t sources) {
  return uint64_t{1} << 56 | sources << 8 | 1;
}

const std::string kA = "aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa";
const std::string kB = "bbbbbbbb-bbbb-bbbb-bbbb-bbbbbbbbbbbb";

TEST(ComBinlogDump, GtidSetsAreDecoded) {
  const std::pair<Buffer, std::string> cases[] = {
      {Encoded().header(0).bytes, ""},
      {Encoded().header(tagged(0)).bytes, ""},
      {Encoded().header(1).uuid(0xaa).intervals({{1, 2}}).bytes, kA + ":1"},
      {Encoded().header(2).uuid(0xaa).intervals({{1, 4}, {7, 8}}).uuid(0xbb).intervals({{5, 1000}}).bytes,
       kA + ":1-3:7," + kB + ":5-999"},
      {Encoded().header(1).uuid(0xaa).intervals({{kMaxBinlogGno, kMaxBinlogGno + 1}}).bytes,
       kA + ":9223372036854775806"},
      {Encoded().header(2).uuid(0xaa).intervals({}).uuid(0xbb).intervals({{1, 2}}).bytes, kB + ":1"},
      {Encoded()
           .header(tagged(4))
           .uuid(0xaa)
           .tag("")
           .intervals({{1, 15}})
           .uuid(0xaa)
           .tag("other_tag")
           .intervals({{1, 2}})
           .uuid(0xaa)
           .tag("tag")
           .intervals({{1, 3}, {9, 10}})
           .uuid(0xbb)
           .tag("tag")
           .intervals({{1, 2}})
           .bytes,
       kA + ":1-14:other_tag:1:tag:1-2:9," + kB + ":tag:1"},
      {Encoded()
           .header(tagged(2))
           .uuid(0xaa)
           .tag("tag")
           .intervals({{1, 2}})
           .uuid(0xaa)
           .tag("")
           .intervals({{1, 2}})
           .bytes,
       kA + ":tag:1," + kA + ":1"},
  };
  for (const auto& [encoded, text] : cases) {
    EXPECT_EQ(decode_gtid_set(encoded).value(), text);
    for (size_t size = 0; size < encoded.size(); ++size)
      EXPECT_FALSE(decode_gtid_set(Bytes(encoded).first(size))) << text << " cut to " << size;
    EXPECT_EQ(decode_gtid_set(with(encoded, {0})).error(), ProtocolError::kTrailingBytes);
  }
}

TEST(ComBinlogDump, AGtidSetOfARealServer) {
  // PREVIOUS_GTIDS of MySQL 9.7.4 behind statements with gtid_next = AUTOMATIC:tag and AUTOMATIC:other_tag.
  const Buffer encoded = from_hex(
      "0103000000000001abd54858ea8f11f19ffc02fc0000000100010000000000000001000000000000000e00000000000000"
      "abd54858ea8f11f19ffc02fc00000001126f746865725f746167010000000000000001000000000000000200000000000000"
      "abd54858ea8f11f19ffc02fc0000000106746167010000000000000001000000000000000300000000000000");
  EXPECT_EQ(decode_gtid_set(encoded).value(),
            "abd54858-ea8f-11f1-9ffc-02fc00000001:1-13:other_tag:1:tag:1-2");
}

TEST(ComBinlogDump, GtidSetsThatMysqlWouldRefuse) {
  const std::pair<const char*, Buffer> cases[] = {
      {"an unknown format", Encoded().header(uint64_t{2} << 56).bytes},
      {"half a format", Encoded().header(uint64_t{1} << 56).bytes},
      {"more sources than bytes", Encoded().header(~uint64_t{0} >> 8).bytes},
      {"more intervals than bytes", Encoded().header(1).uuid(1).header(~uint64_t{0}).bytes},
      {"transaction 0", Encoded().header(1).uuid(1).intervals({{0, 2}}).bytes},
      {"no transaction", Encoded().header(1).uuid(1).intervals({{2, 2}}).bytes},
      {"backwards", Encoded().header(1).uuid(1).intervals({{3, 2}}).bytes},
      {"out of order", Encoded().header(1).uuid(1).intervals({{5, 6}, {1, 2}}).bytes},
      {"adjacent", Encoded().header(1).uuid(1).intervals({{1, 2}, {2, 3}}).bytes},
      {"too great a number", Encoded().header(1).uuid(1).intervals({{1, kMaxBinlogGno + 2}}).bytes},
      {"a tag in upper case", Encoded().header(tagged(1)).uuid(1).tag("TAG").intervals({{1, 2}}).bytes},
      {"too long a tag",
       Encoded().header(tagged(1)).uuid(1).tag(std::string(33, 'a')).intervals({{1, 2}}).bytes},
      {"a tag's length of two bytes", Encoded().header(tagged(1)).uuid(1).header(1).bytes},
  };
  for (const auto& [name, encoded] : cases)
    EXPECT_EQ(decode_gtid_set(encoded).error(), ProtocolError::kMalformed) << name;
}

}  // namespace
}  // namespace causeway::protocol
