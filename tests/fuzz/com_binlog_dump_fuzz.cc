// What asks for a binary log is written as it was read, and what its GTID set says is a text of bounded
// length. Input: the payload of a COM_BINLOG_DUMP or COM_BINLOG_DUMP_GTID.

#include "protocol/com_binlog_dump.h"

#include <algorithm>
#include <cstdlib>

namespace {

using namespace causeway::protocol;

void require(bool condition) {
  if (!condition) std::abort();
}

void read_gtid_set(Bytes encoded) {
  constexpr size_t kMostTextBytesPerByte = 3;
  const auto text = decode_gtid_set(encoded);
  if (!text) return;
  require(text->size() <= kMostTextBytesPerByte * encoded.size());
  for (const char c : *text)
    require((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || c == '-' || c == ':' || c == ',' || c == '_');
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const Bytes payload(data, size);
  read_gtid_set(payload);
  const auto dump = parse_binlog_dump(payload);
  if (!dump) return 0;
  Buffer written;
  require(append_binlog_dump(written, *dump));
  require(std::ranges::equal(written, payload));
  read_gtid_set(dump->gtid_set);

  BinlogDump moved = *dump;
  moved.file = "binlog.000123";
  moved.position = 4242;
  Buffer elsewhere;
  require(append_binlog_dump(elsewhere, moved));
  const auto again = parse_binlog_dump(elsewhere);
  require(again && again->file == moved.file && again->position == moved.position);
  require(again->flags == dump->flags && again->server_id == dump->server_id);
  require(as_text(again->gtid_set) == as_text(dump->gtid_set) && as_text(again->rest) == as_text(dump->rest));
  return 0;
}
