#include "protocol/packet_header.h"

#include <algorithm>

namespace causeway::protocol {

uint8_t append_packets(Buffer& out, Bytes payload, uint8_t sequence_id) {
  for (;;) {
    const size_t length = std::min<size_t>(payload.size(), kMaxPacketPayloadBytes);
    ByteWriter writer(out);
    writer.int3(static_cast<uint32_t>(length));
    writer.int1(sequence_id++);
    writer.bytes(payload.first(length));
    if (length < kMaxPacketPayloadBytes) return sequence_id;
    payload = payload.subspan(length);
  }
}

uint8_t count_packets(Bytes wire) {
  uint8_t count = 0;
  while (wire.size() >= kPacketHeaderBytes) {
    const size_t length = kPacketHeaderBytes + read_packet_header(wire.data()).payload_bytes;
    wire = wire.subspan(std::min(length, wire.size()));
    ++count;
  }
  return count;
}

size_t begin_packet(Buffer& out, uint8_t sequence_id) {
  const size_t start = out.size();
  ByteWriter writer(out);
  writer.int3(0);
  writer.int1(sequence_id);
  return start;
}

void finish_packet(Buffer& out, size_t start) {
  const size_t length = out.size() - start - kPacketHeaderBytes;
  for (size_t i = 0; i < 3; ++i)
    out[start + i] = static_cast<uint8_t>(length >> (8 * i));
}

}  // namespace causeway::protocol
