// The four bytes before every payload.
// https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_basic_packets.html
#pragma once

#include <cstddef>
#include <cstdint>

#include "protocol/byte_writer.h"

namespace causeway::protocol {

inline constexpr size_t kPacketHeaderBytes = 4;

// The longest payload of one packet. A payload of this length or more is split; a split payload ends with a
// packet that is shorter than this, empty if need be.
inline constexpr uint32_t kMaxPacketPayloadBytes = 0xffffff;

struct PacketHeader {
  uint32_t payload_bytes = 0;
  uint8_t sequence_id = 0;

  friend bool operator==(const PacketHeader&, const PacketHeader&) = default;
};

// Reads a header from exactly kPacketHeaderBytes bytes.
inline PacketHeader read_packet_header(const uint8_t* bytes) {
  return {.payload_bytes = uint32_t{bytes[0]} | uint32_t{bytes[1]} << 8 | uint32_t{bytes[2]} << 16,
          .sequence_id = bytes[3]};
}

// Appends the payload as one or more packets, the first with this sequence id. Returns the sequence id that
// follows.
uint8_t append_packets(Buffer& out, Bytes payload, uint8_t sequence_id);

// How many packets a whole number of packets on the wire is; the answer to a command begins with this
// sequence id.
uint8_t count_packets(Bytes wire);

// Starts a packet whose payload is shorter than 16 MiB - 1 and is appended afterwards; finish_packet() then
// writes its length. Returns where the packet starts in the buffer.
size_t begin_packet(Buffer& out, uint8_t sequence_id);
void finish_packet(Buffer& out, size_t start);

}  // namespace causeway::protocol
