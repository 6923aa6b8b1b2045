// What stands behind the rows of a result set: an EOF packet, or with CLIENT_DEPRECATE_EOF an OK packet with
// the header 0xFE. Both are an OkPacket here, so that one may be made of the other.
// https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_com_query_response_text_resultset.html
#pragma once

#include "protocol/ok_packet.h"

namespace causeway::protocol {

// Reads the payload of either packet. An EOF packet gives warnings and status flags only.
Result<OkPacket> parse_result_set_end(Bytes payload, CapabilityFlags capabilities);

// Appends the packet that `capabilities` ask for. An EOF packet keeps SERVER_SESSION_STATE_CHANGED although
// it has no room for the state itself, as MariaDB's does.
void append_result_set_end(Buffer& out, const OkPacket& end, uint8_t sequence_id,
                           CapabilityFlags capabilities);

}  // namespace causeway::protocol
