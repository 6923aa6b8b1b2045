// Bodies of binary log events, whole and cut short: what is read of a front is what is read of all of it.
// Input: an event.

#include "protocol/binlog_event.h"

#include <algorithm>
#include <cstdlib>

namespace {

using namespace causeway::protocol;

void require(bool condition) {
  if (!condition) std::abort();
}

bool within(std::string_view part, Bytes whole) {
  return part.empty() || (as_bytes(part).data() >= whole.data() &&
                          as_bytes(part).data() + part.size() <= whole.data() + whole.size());
}

void read_body(const BinlogEventHeader& header, Bytes body) {
  if (const auto rotate = parse_rotate_event(body)) require(within(rotate->file, body));
  if (const auto heartbeat = parse_heartbeat_event(header, body)) require(within(heartbeat->file, body));
  const auto gtid = parse_gtid_event(header, body);
  if (!gtid) return;
  require(is_binlog_tag(gtid->gtid.tag()));
  require(to_string(gtid->gtid).size() < 36 + 1 + kMaxBinlogTagBytes + 1 + 20);
  const Bytes front = body.first(std::min(body.size(), kGtidBodyBytes));
  const auto again = parse_gtid_event(header, front);
  require(again && *again == *gtid);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const Bytes event(data, size);
  (void)ends_with_crc32(event);
  if (const auto description = parse_format_description_event(event))
    require(within(description->server_version, event));
  const auto header = parse_binlog_event_header(event);
  if (!header) return 0;
  for (const BinlogChecksum checksum : {BinlogChecksum::kNone, BinlogChecksum::kCrc32}) {
    if (const auto body = binlog_event_body(event, checksum)) read_body(*header, *body);
    const auto query = parse_query_event(*header, event, checksum);
    if (!query) continue;
    require(within(query->text, event) && query->text.size() <= query->text_bytes);
    const auto cut = parse_query_event(*header, event.first(event.size() / 2), checksum);
    if (cut) require(cut->text_bytes == query->text_bytes && query->text.starts_with(cut->text));
  }
  return 0;
}
