// The OK packet, which ends a statement without rows and, with CLIENT_DEPRECATE_EOF, a result set.
// https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_basic_ok_packet.html
#pragma once

#include <cstdint>
#include <string_view>

#include "protocol/byte_reader.h"
#include "protocol/byte_writer.h"
#include "protocol/capability_flags.h"
#include "protocol/protocol_error.h"
#include "protocol/status_flags.h"

namespace causeway::protocol {

inline constexpr uint8_t kOkHeader = 0x00;
inline constexpr uint8_t kResultSetEndHeader = 0xfe;  // an OK packet in the place of an EOF packet

struct OkPacket {
  uint64_t affected_rows = 0;
  uint64_t last_insert_id = 0;
  StatusFlags status_flags = 0;
  uint16_t warnings = 0;
  std::string_view info = {};
  Bytes session_state = {};  // entries of session_track.h, without the length before them
};

// Reads the payload of an OK packet, of either header; the views point into it. `capabilities` are those
// negotiated with the sender. Session state is read only with CLIENT_SESSION_TRACK and
// SERVER_SESSION_STATE_CHANGED. Servers write `info` with its length, with and without session tracking; text
// up to the end of the packet, as the protocol's description has it, is taken too.
Result<OkPacket> parse_ok_packet(Bytes payload, CapabilityFlags capabilities);

// Appends an OK packet. `capabilities` are those negotiated with the receiver: session state is written only
// with CLIENT_SESSION_TRACK. SERVER_SESSION_STATE_CHANGED is written exactly when session state is, whatever
// ok.status_flags says. Info and session state together must be shorter than 15 MiB.
void append_ok_packet(Buffer& out, const OkPacket& ok, uint8_t sequence_id, uint8_t header,
                      CapabilityFlags capabilities);

}  // namespace causeway::protocol
