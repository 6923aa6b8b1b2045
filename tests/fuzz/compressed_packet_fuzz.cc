// Framing of the compressed protocol: a complete packet, written again, gives the same bytes, and a byte less
// is no packet. Input: sequence id, limit in KiB, then the buffer.

#include <algorithm>
#include <cstdlib>

#include "protocol/compressed_packet.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace causeway::protocol;
  using State = CompressedPacketStatus::State;
  if (size < 2) return 0;
  const Bytes buffered(data + 2, size - 2);
  const size_t limit = size_t{data[1]} << 10;
  const CompressedPacketStatus status = peek_compressed_packet(buffered, data[0], limit);
  if (status.state == State::kNeedMore && status.total_bytes <= buffered.size()) std::abort();
  if (status.state != State::kComplete) return 0;
  if (status.header.content_bytes() > limit || status.payload.size() > limit ||
      status.total_bytes > buffered.size())
    std::abort();
  const Bytes wire = buffered.first(status.total_bytes);
  Buffer again;
  const size_t start = begin_compressed_packet(again, data[0]);
  ByteWriter(again).bytes(status.payload);
  finish_compressed_packet(again, start, status.header.uncompressed_bytes);
  if (!std::ranges::equal(again, wire)) std::abort();
  if (peek_compressed_packet(wire.first(wire.size() - 1), data[0], limit).state != State::kNeedMore)
    std::abort();
  return 0;
}
