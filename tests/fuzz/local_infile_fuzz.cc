// A client's file gives the same packets for the server however it arrives, and only its sequence ids are
// changed. Input: offset of sequence ids, piece length, then what the client sends.

#include <algorithm>
#include <cstdlib>

#include "protocol/local_infile.h"

namespace {

using namespace causeway::protocol;

// What the file came to: its bytes for the server up to where it was refused, and how it ended.
struct Seen {
  Buffer wire;
  bool refused = false;
  bool ended = false;
  uint8_t next_sequence_id = 0;

  friend bool operator==(const Seen&, const Seen&) = default;
};

Seen read(Bytes input, uint8_t offset, size_t piece) {
  Seen seen{.wire = Buffer(input.begin(), input.end())};
  LocalInfileReader reader(offset);
  for (size_t at = 0; at < seen.wire.size() && !seen.refused; at += piece)
    seen.refused = !reader.feed(std::span(seen.wire).subspan(at, std::min(piece, seen.wire.size() - at)));
  seen.ended = reader.ended();
  seen.next_sequence_id = reader.next_sequence_id();
  return seen;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const uint8_t offset = data[0];
  const Bytes input(data + 2, size - 2);
  const Seen whole = read(input, offset, input.size() + 1);
  if (read(input, offset, size_t{data[1]} + 1) != whole) std::abort();
  if (whole.refused && !whole.ended) std::abort();

  // Packet by packet, as they stand in the input.
  size_t at = 0;
  bool continues = false;
  while (at + kPacketHeaderBytes <= input.size()) {
    const PacketHeader header = read_packet_header(input.data() + at);
    const PacketHeader sent = read_packet_header(whole.wire.data() + at);
    if (sent.payload_bytes != header.payload_bytes) std::abort();
    if (sent.sequence_id != static_cast<uint8_t>(header.sequence_id - offset)) std::abort();
    at += kPacketHeaderBytes;
    if (header.payload_bytes == 0 && !continues) {
      if (!whole.ended || whole.refused != (at < input.size())) std::abort();
      return 0;
    }
    continues = header.payload_bytes == kMaxPacketPayloadBytes;
    const size_t payload = std::min<size_t>(header.payload_bytes, input.size() - at);
    if (!std::equal(input.begin() + static_cast<ptrdiff_t>(at),
                    input.begin() + static_cast<ptrdiff_t>(at + payload),
                    whole.wire.begin() + static_cast<ptrdiff_t>(at)))
      std::abort();
    at += payload;
  }
  if (whole.ended) std::abort();
  return 0;
}
