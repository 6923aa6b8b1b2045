// Whole packets, one at a time and not a byte more: for connection phases, where TLS may start behind any
// packet.
#pragma once

#include <cstddef>
#include <cstdint>

#include "protocol/byte_writer.h"
#include "proxy/net/io.h"
#include "proxy/net/mysql_stream.h"

namespace causeway::proxy {

// Longer packets are refused before the login.
inline constexpr size_t kMaxLoginPayloadBytes = size_t{64} * 1024;

struct PacketView {
  protocol::Bytes payload;  // in the buffer given to read_packet()
  uint8_t sequence_id = 0;
};

// Reads one packet into `buffer`, which is overwritten. ProtocolError::kPacketTooLarge if its payload is
// longer than the limit.
Awaitable<PacketView> read_packet(MysqlStream& stream, protocol::Buffer& buffer, size_t max_payload_bytes,
                                  ErrorCode& error);

}  // namespace causeway::proxy
