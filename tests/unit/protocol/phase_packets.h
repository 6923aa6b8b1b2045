// Packets in and out of the machines of the connection phase.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/byte_writer.h"
#include "protocol/err_packet.h"
#include "protocol/packet_header.h"

namespace causeway::protocol::test {

struct Packet {
  uint8_t sequence_id = 0;
  Buffer payload;

  friend bool operator==(const Packet&, const Packet&) = default;
};

// Takes all packets out of a buffer; all must be whole.
inline std::vector<Packet> take_packets(Buffer& out) {
  std::vector<Packet> packets;
  Bytes rest(out);
  while (rest.size() >= kPacketHeaderBytes) {
    const PacketHeader header = read_packet_header(rest.data());
    rest = rest.subspan(kPacketHeaderBytes);
    if (rest.size() < header.payload_bytes) break;
    const Bytes payload = rest.first(header.payload_bytes);
    packets.push_back({.sequence_id = header.sequence_id, .payload = Buffer(payload.begin(), payload.end())});
    rest = rest.subspan(header.payload_bytes);
  }
  EXPECT_TRUE(rest.empty());
  out.clear();
  return packets;
}

// Takes the one packet out of a buffer.
inline Packet take_packet(Buffer& out) {
  std::vector<Packet> packets = take_packets(out);
  EXPECT_EQ(packets.size(), 1U);
  return packets.empty() ? Packet{} : packets.front();
}

// "code sqlstate message" of an ERR packet.
inline std::string err_text(const Packet& packet) {
  const Result<ErrPacket> err = parse_err_packet(packet.payload);
  if (!err) return "no ERR packet";
  return std::to_string(err->code) + " " + std::string(err->sql_state) + " " + std::string(err->message);
}

inline Buffer from_hex(std::string_view hex) {
  Buffer bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2)
    bytes.push_back(static_cast<uint8_t>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16)));
  return bytes;
}

inline Buffer payload_of(std::string_view text) {
  return Buffer(text.begin(), text.end());
}

}  // namespace causeway::protocol::test
