// The ERR packet.
// https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_basic_err_packet.html
#pragma once

#include <cstdint>
#include <string_view>

#include "protocol/byte_reader.h"
#include "protocol/byte_writer.h"
#include "protocol/protocol_error.h"

namespace causeway::protocol {

inline constexpr uint8_t kErrHeader = 0xff;

// Not an error but a progress report, where MariaDB's progress capability was negotiated.
inline constexpr uint16_t kMariadbProgressCode = 0xffff;

// As long as the servers' own messages get (MYSQL_ERRMSG_SIZE).
inline constexpr size_t kMaxErrMessageBytes = 511;

struct ErrPacket {
  uint16_t code = 0;
  std::string_view sql_state = {};  // five characters; empty in an error sent before the handshake
  std::string_view message = {};

  friend bool operator==(const ErrPacket&, const ErrPacket&) = default;
};

// Reads the payload of an ERR packet; the views point into it. Without the '#' that marks an SQLSTATE,
// sql_state is empty and everything after the code is the message.
Result<ErrPacket> parse_err_packet(Bytes payload);

// Appends an ERR packet. sql_state must have five characters, or none, for an error before the handshake. The
// message is cut to kMaxErrMessageBytes, not within a UTF-8 character.
void append_err_packet(Buffer& out, const ErrPacket& err, uint8_t sequence_id);

}  // namespace causeway::protocol
