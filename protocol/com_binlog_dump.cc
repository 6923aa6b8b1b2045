#include "protocol/com_binlog_dump.h"

#include <algorithm>
#include <limits>

#include "protocol/binlog_gtid.h"
#include "protocol/command.h"

namespace causeway::protocol {
namespace {

// What an encoded set begins with: its format in the highest byte, and how many sources follow.
constexpr int kGtidFormatShift = 56;
constexpr uint64_t kTaggedFormat = 1;

struct GtidSetHeader {
  bool tagged = false;
  uint64_t sources = 0;
};

GtidSetHeader read_gtid_set_header(ByteReader& reader) {
  const uint64_t word = reader.int8();
  const uint64_t format = word >> kGtidFormatShift;
  const uint64_t count = word & ((uint64_t{1} << kGtidFormatShift) - 1);
  if (format == 0) return {.tagged = false, .sources = count};
  // The format stands in the lowest byte too, so that a server that knows no tags finds too many sources.
  if (format != kTaggedFormat || (word & 0xff) != kTaggedFormat) reader.fail();
  return {.tagged = true, .sources = count >> 8};
}

// A length is twice itself in one byte: it is of the variable kind, and 32 at the most.
std::string_view read_tag(ByteReader& reader) {
  const uint8_t doubled = reader.int1();
  if ((doubled & 1) != 0) reader.fail();
  const std::string_view tag = reader.text(doubled / 2);
  if (!is_binlog_tag(tag)) reader.fail();
  return tag;
}

// Appends ":1-5:7". The second number of an interval is one behind its last transaction.
void append_intervals(std::string& text, ByteReader& reader) {
  constexpr size_t kIntervalBytes = 16;
  const uint64_t count = reader.int8();
  if (count > reader.remaining() / kIntervalBytes) return reader.fail();
  uint64_t behind_last = 0;
  for (uint64_t i = 0; i < count; ++i) {
    const uint64_t first = reader.int8();
    const uint64_t behind = reader.int8();
    if (first <= behind_last || behind <= first || behind > kMaxBinlogGno + 1) return reader.fail();
    behind_last = behind;
    (text += ':') += std::to_string(first);
    if (behind - first > 1) (text += '-') += std::to_string(behind - 1);
  }
}

}  // namespace

Result<BinlogDump> parse_binlog_dump(Bytes payload) {
  ByteReader reader(payload);
  BinlogDump dump;
  const auto command = static_cast<Command>(reader.int1());
  if (!reader.ok()) return ProtocolError::kTruncated;
  if (command == Command::kBinlogDump) {
    dump.position = reader.int4();
    dump.flags = reader.int2();
    dump.server_id = reader.int4();
    const Bytes left = reader.bytes_eof();
    const auto end = std::find(left.begin(), left.end(), uint8_t{0}) - left.begin();
    dump.file = as_text(left.first(static_cast<size_t>(end)));
    dump.rest = left.subspan(static_cast<size_t>(end));
  } else if (command == Command::kBinlogDumpGtid) {
    dump.kind = BinlogDump::Kind::kGtid;
    dump.flags = reader.int2();
    dump.server_id = reader.int4();
    dump.file = reader.text(reader.int4());
    dump.position = reader.int8();
    dump.has_gtid_set = !reader.at_end();
    if (dump.has_gtid_set) dump.gtid_set = reader.bytes(reader.int4());
    dump.rest = reader.bytes_eof();
  } else {
    return ProtocolError::kUnexpectedPacket;
  }
  if (!reader.ok()) return ProtocolError::kTruncated;
  if (dump.file.size() > kMaxBinlogFileBytes) return ProtocolError::kMalformed;
  return dump;
}

bool append_binlog_dump(Buffer& out, const BinlogDump& dump) {
  ByteWriter writer(out);
  if (dump.kind == BinlogDump::Kind::kPosition) {
    if (dump.position > std::numeric_limits<uint32_t>::max()) return false;
    writer.int1(static_cast<uint8_t>(Command::kBinlogDump));
    writer.int4(static_cast<uint32_t>(dump.position));
    writer.int2(dump.flags);
    writer.int4(dump.server_id);
    writer.text(dump.file);
  } else {
    writer.int1(static_cast<uint8_t>(Command::kBinlogDumpGtid));
    writer.int2(dump.flags);
    writer.int4(dump.server_id);
    writer.int4(static_cast<uint32_t>(dump.file.size()));
    writer.text(dump.file);
    writer.int8(dump.position);
    if (dump.has_gtid_set) {
      writer.int4(static_cast<uint32_t>(dump.gtid_set.size()));
      writer.bytes(dump.gtid_set);
    }
  }
  writer.bytes(dump.rest);
  return true;
}

Result<std::string> decode_gtid_set(Bytes encoded) {
  ByteReader reader(encoded);
  const auto [tagged, sources] = read_gtid_set_header(reader);
  std::string text;
  Bytes last_uuid;
  std::string_view last_tag;
  for (uint64_t i = 0; i < sources && reader.ok(); ++i) {
    const Bytes uuid = reader.bytes(sizeof(BinlogUuid));
    const std::string_view tag = tagged ? read_tag(reader) : std::string_view{};
    if (!reader.ok()) break;
    // The sources of one UUID stand one behind the other, the one without a tag first.
    const bool goes_on = std::ranges::equal(uuid, last_uuid) && last_tag < tag;
    const size_t before = text.size();
    if (!goes_on) {
      if (!text.empty()) text += ',';
      BinlogUuid copy{};
      std::ranges::copy(uuid, copy.begin());
      append_uuid(text, copy);
    }
    if (!tag.empty()) (text += ':') += tag;
    const size_t without_intervals = text.size();
    append_intervals(text, reader);
    if (text.size() == without_intervals) {
      text.resize(before);  // nothing of this source
      continue;
    }
    last_uuid = uuid;
    last_tag = tag;
  }
  if (!reader.ok()) return ProtocolError::kMalformed;
  if (!reader.at_end()) return ProtocolError::kTrailingBytes;
  return text;
}

}  // namespace causeway::protocol
