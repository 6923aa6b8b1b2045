#include "protocol/binlog_event.h"

#include <algorithm>
#include <array>
#include <bit>
#include <tuple>

#include "protocol/com_binlog_dump.h"

namespace causeway::protocol {
namespace {

// CRC-32 of zlib, which the servers use. Events that are checked have some hundred bytes.
constexpr std::array<uint32_t, 256> make_crc32_table() {
  std::array<uint32_t, 256> table{};
  for (uint32_t i = 0; i < table.size(); ++i) {
    uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit)
      value = (value & 1) != 0 ? 0xedb88320 ^ (value >> 1) : value >> 1;
    table[i] = value;
  }
  return table;
}
constexpr std::array<uint32_t, 256> kCrc32Table = make_crc32_table();

uint32_t crc32(Bytes bytes) {
  uint32_t value = ~uint32_t{0};
  for (const uint8_t byte : bytes)
    value = kCrc32Table[(value ^ byte) & 0xff] ^ (value >> 8);
  return ~value;
}

size_t checksum_bytes(BinlogChecksum checksum) {
  return checksum == BinlogChecksum::kCrc32 ? kBinlogChecksumBytes : 0;
}

bool is_file_name(std::string_view name) {
  return !name.empty() && name.size() <= kMaxBinlogFileBytes && name.find('\0') == std::string_view::npos;
}

// "10.11.19-MariaDB-log" and the like. What is no number is 0.
std::tuple<int, int, int> version_numbers(std::string_view version) {
  std::array<int, 3> numbers{};
  size_t at = 0;
  for (int& number : numbers) {
    for (; at < version.size() && version[at] >= '0' && version[at] <= '9' && number < 1000; ++at)
      number = 10 * number + (version[at] - '0');
    if (at == version.size() || version[at] != '.') break;
    ++at;
  }
  return {numbers[0], numbers[1], numbers[2]};
}

bool knows_checksums(std::string_view version) {
  const bool is_mariadb = version.find("MariaDB") != std::string_view::npos;
  return version_numbers(version) >= (is_mariadb ? std::tuple{5, 3, 0} : std::tuple{5, 6, 1});
}

// An integer of variable length: as many bytes follow the first one as there are 1 bits at its low end, and
// the rest, little endian, is the value.
// https://dev.mysql.com/doc/dev/mysql-server/latest/PageLibsMysqlSerialization.html
uint64_t read_varlen(ByteReader& reader) {
  const uint8_t first = reader.int1();
  const int more = std::countr_one(first);
  uint64_t value = more < 7 ? uint64_t{first} >> (more + 1) : 0;
  const int first_bits = std::max(7 - more, 0);
  for (int i = 0; i < more; ++i) {
    const uint64_t byte = reader.int1();
    value |= byte << (first_bits + 8 * i);
  }
  return value;
}

uint8_t read_varlen_byte(ByteReader& reader) {
  const uint64_t value = read_varlen(reader);
  if (value > 0xff) reader.fail();
  return static_cast<uint8_t>(value);
}

// Signed ones have their sign in the lowest bit.
int64_t read_signed_varlen(ByteReader& reader) {
  const uint64_t value = read_varlen(reader);
  const auto magnitude = static_cast<int64_t>(value >> 1);
  return (value & 1) != 0 ? -magnitude - 1 : magnitude;
}

Result<GtidEvent> checked(ByteReader& reader, const GtidEvent& event) {
  if (!reader.ok()) return ProtocolError::kTruncated;
  if (event.gtid.kind == BinlogGtid::Kind::kMysql &&
      (event.gtid.number == 0 || event.gtid.number > kMaxBinlogGno))
    return ProtocolError::kMalformed;
  return event;
}

// When a transaction was committed on the server that it comes from: kind of logical clock 1 | its two times
// 16 | here 7, whose highest bit says that another one follows | there 7 | ... An event of an older server
// ends ahead of that; the four bytes of its checksum, which may still be there, are no such time.
uint64_t read_original_commit_timestamp(Bytes rest) {
  constexpr uint8_t kLogicalClock = 2;
  constexpr uint64_t kAnotherFollows = uint64_t{1} << 55;
  ByteReader reader(rest);
  const auto timestamp = [&] {
    const uint64_t low = reader.int4();
    return low | uint64_t{reader.int3()} << 32;
  };
  if (reader.int1() != kLogicalClock) return 0;
  reader.skip(16);
  const uint64_t here = timestamp();
  const uint64_t there = (here & kAnotherFollows) != 0 ? timestamp() : here;
  return reader.ok() ? there : 0;
}

// flags 1 | uuid 16 | gno 8 | ...
Result<GtidEvent> parse_mysql_gtid(BinlogGtid::Kind kind, Bytes body) {
  ByteReader reader(body);
  GtidEvent event{.gtid = {.kind = kind}};
  event.flags = reader.int1();
  const Bytes uuid = reader.bytes(sizeof(BinlogUuid));
  const uint64_t gno = reader.int8();
  if (kind == BinlogGtid::Kind::kMysql) {
    std::ranges::copy(uuid, event.gtid.uuid.begin());
    event.gtid.number = gno;
  }
  event.original_commit_timestamp = read_original_commit_timestamp(body.subspan(reader.position()));
  return checked(reader, event);
}

// The fields of a GTID_TAGGED behind the tag, up to the one that is sought: those of the logical clock, when
// it was committed here, and when there, which is left out where it is the same.
uint64_t read_tagged_commit_timestamp(ByteReader reader) {
  enum : uint64_t { kLastCommitted = 4, kSequenceNumber, kHere, kThere };
  uint64_t here = 0;
  for (uint64_t expected = kLastCommitted; expected <= kHere; ++expected) {
    if (read_varlen(reader) != expected) return 0;
    here = read_varlen(reader);
  }
  const uint64_t there = read_varlen(reader) == kThere ? read_varlen(reader) : here;
  return reader.ok() ? there : 0;
}

// Fields with their numbers, in ascending order, those that are there:
//   version | length of all | last field that must be known | (field | value) ...
Result<GtidEvent> parse_tagged_gtid(Bytes body) {
  constexpr uint64_t kVersion = 1;
  enum : uint64_t { kFlags, kUuid, kGno, kTag };
  ByteReader reader(body);
  GtidEvent event{.gtid = {.kind = BinlogGtid::Kind::kMysql}};
  if (read_varlen(reader) != kVersion) return ProtocolError::kMalformed;
  read_varlen(reader);  // length
  read_varlen(reader);  // last field that must be known
  for (uint64_t expected = kFlags; expected <= kTag; ++expected) {
    if (read_varlen(reader) != expected) reader.fail();
    if (!reader.ok()) return ProtocolError::kMalformed;
    if (expected == kFlags) event.flags = read_varlen_byte(reader);
    if (expected == kUuid)
      for (uint8_t& byte : event.gtid.uuid)
        byte = read_varlen_byte(reader);
    if (expected == kGno) event.gtid.number = static_cast<uint64_t>(read_signed_varlen(reader));
    if (expected == kTag) {
      const uint64_t tag_bytes = read_varlen(reader);
      if (tag_bytes > kMaxBinlogTagBytes) return ProtocolError::kMalformed;
      const std::string_view tag = reader.text(static_cast<size_t>(tag_bytes));
      if (!is_binlog_tag(tag)) return ProtocolError::kMalformed;
      event.gtid.set_tag(tag);
    }
  }
  event.original_commit_timestamp = read_tagged_commit_timestamp(reader);
  return checked(reader, event);
}

// sequence number 8 | domain 4 | flags 1 | ...
Result<GtidEvent> parse_mariadb_gtid(uint32_t server_id, Bytes body) {
  ByteReader reader(body);
  GtidEvent event{.gtid = {.kind = BinlogGtid::Kind::kMariadb, .server_id = server_id}};
  event.gtid.number = reader.int8();
  event.gtid.domain_id = reader.int4();
  event.flags = reader.int1();
  return checked(reader, event);
}

// (field | length | value) ..., 0
Result<HeartbeatEvent> parse_heartbeat_v2(Bytes body) {
  enum : uint64_t { kEnd, kFile, kPosition };
  ByteReader reader(body);
  HeartbeatEvent heartbeat;
  while (!reader.at_end()) {
    const uint64_t field = reader.int_lenenc();
    if (field == kEnd) break;
    const Bytes value = reader.bytes_lenenc();
    if (field == kFile) heartbeat.file = as_text(value);
    if (field != kPosition) continue;
    ByteReader number(value);
    heartbeat.position = number.int_lenenc();
    heartbeat.is_exact = true;
    if (!number.ok()) reader.fail();
  }
  if (!reader.ok()) return ProtocolError::kTruncated;
  return heartbeat;
}

}  // namespace

Result<BinlogEventHeader> parse_binlog_event_header(Bytes event) {
  ByteReader reader(event);
  BinlogEventHeader header;
  header.timestamp = reader.int4();
  header.type = static_cast<BinlogEventType>(reader.int1());
  header.server_id = reader.int4();
  header.event_bytes = reader.int4();
  header.log_pos = reader.int4();
  header.flags = reader.int2();
  if (!reader.ok()) return ProtocolError::kTruncated;
  if (header.event_bytes < kBinlogEventHeaderBytes) return ProtocolError::kMalformed;
  return header;
}

bool ends_with_crc32(Bytes event) {
  if (event.size() < kBinlogEventHeaderBytes + kBinlogChecksumBytes) return false;
  ByteReader reader(event.last(kBinlogChecksumBytes));
  return crc32(event.first(event.size() - kBinlogChecksumBytes)) == reader.int4();
}

Result<Bytes> binlog_event_body(Bytes event, BinlogChecksum checksum) {
  const size_t around = kBinlogEventHeaderBytes + checksum_bytes(checksum);
  if (event.size() < around) return ProtocolError::kTruncated;
  return event.subspan(kBinlogEventHeaderBytes, event.size() - around);
}

Result<RotateEvent> parse_rotate_event(Bytes body) {
  ByteReader reader(body);
  RotateEvent rotate;
  rotate.position = reader.int8();
  rotate.file = reader.text_eof();
  if (!reader.ok()) return ProtocolError::kTruncated;
  if (!is_file_name(rotate.file)) return ProtocolError::kMalformed;
  return rotate;
}

Result<FormatDescriptionEvent> parse_format_description_event(Bytes event) {
  constexpr size_t kServerVersionBytes = 50;
  ByteReader reader(event);
  FormatDescriptionEvent description;
  reader.skip(kBinlogEventHeaderBytes);
  description.binlog_version = reader.int2();
  const std::string_view version = reader.text(kServerVersionBytes);
  description.server_version = version.substr(0, version.find('\0'));
  description.created = reader.int4();
  const uint8_t header_bytes = reader.int1();
  const Bytes rest =
      reader.bytes_eof();  // lengths of the types' fixed parts, and with checksums their kind and room
  if (!reader.ok()) return ProtocolError::kTruncated;
  // A header of another length would mean that nothing here can be read.
  if (header_bytes != kBinlogEventHeaderBytes) return ProtocolError::kMalformed;
  if (!knows_checksums(description.server_version)) return description;
  if (rest.size() <= kBinlogChecksumBytes) return ProtocolError::kTruncated;
  const auto checksum = static_cast<BinlogChecksum>(rest[rest.size() - kBinlogChecksumBytes - 1]);
  if (checksum > BinlogChecksum::kCrc32 && checksum != BinlogChecksum::kUndefined)
    return ProtocolError::kMalformed;
  description.checksum = checksum;
  return description;
}

Result<GtidEvent> parse_gtid_event(const BinlogEventHeader& header, Bytes body) {
  switch (header.type) {
    case BinlogEventType::kGtid:
      return parse_mysql_gtid(BinlogGtid::Kind::kMysql, body);
    case BinlogEventType::kAnonymousGtid:
      return parse_mysql_gtid(BinlogGtid::Kind::kAnonymous, body);
    case BinlogEventType::kGtidTagged:
      return parse_tagged_gtid(body);
    case BinlogEventType::kMariadbGtid:
      return parse_mariadb_gtid(header.server_id, body);
    default:
      return ProtocolError::kUnexpectedPacket;
  }
}

Result<HeartbeatEvent> parse_heartbeat_event(const BinlogEventHeader& header, Bytes body) {
  if (header.type == BinlogEventType::kHeartbeatV2) {
    auto heartbeat = parse_heartbeat_v2(body);
    if (heartbeat && !is_file_name(heartbeat->file)) return ProtocolError::kMalformed;
    return heartbeat;
  }
  if (header.type != BinlogEventType::kHeartbeat) return ProtocolError::kUnexpectedPacket;
  HeartbeatEvent heartbeat{.file = as_text(body), .position = header.log_pos};
  // MariaDB puts a position that needs more than 32 bits ahead of the name. A name has no NUL, such a
  // position ends with one.
  ByteReader reader(body);
  const uint64_t long_position = reader.int8();
  if (header.log_pos == 0 && reader.ok() && long_position >> 56 == 0)
    heartbeat = {.file = reader.text_eof(), .position = long_position, .is_exact = true};
  if (!is_file_name(heartbeat.file)) return ProtocolError::kMalformed;
  return heartbeat;
}

// thread 4 | seconds 4 | length of the schema's name 1 | error 2 | length of the variables 2 | variables |
// schema, NUL | text
Result<QueryEvent> parse_query_event(const BinlogEventHeader& header, Bytes event, BinlogChecksum checksum) {
  ByteReader reader(event);
  reader.skip(kBinlogEventHeaderBytes + 8);
  const uint64_t schema_bytes = reader.int1();
  reader.skip(2);
  const uint64_t variable_bytes = reader.int2();
  if (!reader.ok()) return ProtocolError::kTruncated;
  const uint64_t text_at = reader.position() + variable_bytes + schema_bytes + 1;
  const uint64_t behind = checksum_bytes(checksum);
  if (text_at + behind > header.event_bytes) return ProtocolError::kMalformed;
  QueryEvent query{.text_bytes = header.event_bytes - behind - text_at};
  if (text_at < event.size()) {
    const Bytes text = event.subspan(static_cast<size_t>(text_at));
    query.text = as_text(text.first(std::min<size_t>(text.size(), query.text_bytes)));
  }
  return query;
}

}  // namespace causeway::protocol
