// A dump's answer gives the same state and the same bytes however it arrives, little of it is held back, and
// the events are as many as its packets make. Input: whether there are semi-synchronous headers, piece
// length, then what the server sends.

#include <algorithm>
#include <cstdlib>

#include "tests/unit/protocol/binlog_follower.h"

namespace {

using namespace causeway::protocol;

void require(bool condition) {
  if (!condition) std::abort();
}

// Events that lie as a whole in bytes that a scanner has let pass.
uint64_t count_events(Bytes wire) {
  uint64_t events = 0;
  while (wire.size() >= kPacketHeaderBytes) {
    const uint32_t payload_bytes = read_packet_header(wire.data()).payload_bytes;
    if (wire.size() - kPacketHeaderBytes < payload_bytes) break;
    if (payload_bytes < kMaxPacketPayloadBytes) ++events;
    wire = wire.subspan(kPacketHeaderBytes + payload_bytes);
  }
  return events;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const BinlogStreamScanner scanner((data[0] & 1) != 0);
  const Bytes wire(data + 2, size - 2);
  const FollowedStream whole = follow(scanner, wire, wire.size() + 1);
  const FollowedStream pieces = follow(scanner, wire, size_t{data[1]} + 1);
  require(whole.state == pieces.state && whole.forwarded == pieces.forwarded);
  require(whole.transactions == pieces.transactions && whole.at_boundary == pieces.at_boundary);
  require(whole.ends == pieces.ends && whole.error == pieces.error);

  require(whole.state.bytes == whole.forwarded.size());
  require(whole.ends.empty() != (whole.ends == "malformed" || whole.ends == "eof" || whole.ends == "err"));
  require((whole.ends == "malformed") == whole.error.has_value());
  const bool has_last = whole.ends == "eof" || whole.ends == "err";
  require(count_events(whole.forwarded) == whole.state.events + (has_last ? 1 : 0));
  require(whole.state.file.size() <= 512 && whole.state.transactions <= whole.state.events);
  if (!whole.ends.empty() || whole.held_back <= kMaxBinlogTailBytes) return 0;
  const uint8_t first_byte = wire[whole.forwarded.size() + kPacketHeaderBytes];
  require(first_byte == 0xfe || first_byte == 0xff);
  return 0;
}
