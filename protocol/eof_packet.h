// The EOF packet, which ends column definitions and rows where CLIENT_DEPRECATE_EOF was not negotiated.
// https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_basic_eof_packet.html
#pragma once

#include <cstdint>

#include "protocol/byte_reader.h"
#include "protocol/byte_writer.h"
#include "protocol/protocol_error.h"
#include "protocol/status_flags.h"

namespace causeway::protocol {

inline constexpr uint8_t kEofHeader = 0xfe;
inline constexpr size_t kEofPayloadBytes = 5;

struct EofPacket {
  uint16_t warnings = 0;
  StatusFlags status_flags = 0;

  friend bool operator==(const EofPacket&, const EofPacket&) = default;
};

// Reads the payload of an EOF packet, which has exactly kEofPayloadBytes.
Result<EofPacket> parse_eof_packet(Bytes payload);

void append_eof_packet(Buffer& out, const EofPacket& eof, uint8_t sequence_id);

}  // namespace causeway::protocol
