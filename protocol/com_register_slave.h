// COM_REGISTER_SLAVE: a replica tells who it is, for SHOW REPLICAS, ahead of asking for the binary log.
// https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_com_register_replica.html
// https://mariadb.com/kb/en/com_register_slave/
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "protocol/byte_reader.h"
#include "protocol/protocol_error.h"

namespace causeway::protocol {

// What `report_host` and its like say, which need not be true. The reported password is not kept. Texts have
// 255 bytes at the most, and may have any; views point into the payload.
struct ComRegisterSlave {
  uint32_t server_id = 0;
  std::string_view host = {};
  std::string_view user = {};
  bool has_password = false;
  uint16_t port = 0;
  uint32_t rank = 0;       // without meaning since long
  uint32_t source_id = 0;  // 0: the server that is asked

  friend bool operator==(const ComRegisterSlave&, const ComRegisterSlave&) = default;
};

// Reads the payload, which begins with the command byte. Bytes behind the last field are ignored, as servers
// do.
Result<ComRegisterSlave> parse_com_register_slave(Bytes payload);

// Overwrites the password with zeros, in place, where the payload has one: for a buffer that lives on.
void wipe_reported_password(std::span<uint8_t> payload);

}  // namespace causeway::protocol
