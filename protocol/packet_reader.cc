#include "protocol/packet_reader.h"

#include <algorithm>

#include "protocol/packet_header.h"

namespace causeway::protocol {

PacketStatus peek_packet(Bytes buffered, uint8_t expected_sequence_id, size_t max_payload_bytes) {
  using State = PacketStatus::State;
  PacketStatus status;
  for (size_t at = 0;;) {
    status.total_bytes = at + kPacketHeaderBytes;
    if (buffered.size() < status.total_bytes) return status;
    const PacketHeader header = read_packet_header(buffered.data() + at);
    if (header.sequence_id != expected_sequence_id) {
      status.state = State::kMalformed;
      return status;
    }
    ++expected_sequence_id;
    at += kPacketHeaderBytes;
    status.payload_bytes += header.payload_bytes;
    status.total_bytes += header.payload_bytes;
    if (status.payload_bytes > max_payload_bytes) {
      status.state = State::kTooLarge;
      return status;
    }
    const size_t part = std::min<size_t>(header.payload_bytes, buffered.size() - at);
    if (at == kPacketHeaderBytes) status.payload = buffered.subspan(at, part);
    if (part < header.payload_bytes) return status;
    at += part;
    if (header.payload_bytes < kMaxPacketPayloadBytes) break;
    status.split = true;
  }
  status.state = State::kComplete;
  status.next_sequence_id = expected_sequence_id;
  return status;
}

void renumber_packets(std::span<uint8_t> buffered) {
  constexpr size_t kSequenceIdAt = kPacketHeaderBytes - 1;
  for (uint8_t sequence_id = 0; buffered.size() >= kPacketHeaderBytes; ++sequence_id) {
    buffered[kSequenceIdAt] = sequence_id;
    const size_t payload_bytes = read_packet_header(buffered.data()).payload_bytes;
    const bool is_last = payload_bytes < kMaxPacketPayloadBytes;
    if (is_last || buffered.size() < kPacketHeaderBytes + payload_bytes) return;
    buffered = buffered.subspan(kPacketHeaderBytes + payload_bytes);
  }
}

void assemble(Bytes wire, Buffer& out) {
  while (wire.size() >= kPacketHeaderBytes) {
    const size_t length = read_packet_header(wire.data()).payload_bytes;
    wire = wire.subspan(kPacketHeaderBytes);
    const Bytes part = wire.first(std::min(length, wire.size()));
    out.insert(out.end(), part.begin(), part.end());
    wire = wire.subspan(part.size());
  }
}

}  // namespace causeway::protocol
