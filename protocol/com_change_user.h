// COM_CHANGE_USER: another user on the same connection, with a new authentication.
// https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_com_change_user.html
// https://mariadb.com/kb/en/com_change_user/
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "protocol/byte_reader.h"
#include "protocol/byte_writer.h"
#include "protocol/capability_flags.h"
#include "protocol/protocol_error.h"

namespace causeway::protocol {

// Views point into the payload after parsing.
struct ComChangeUser {
  std::string_view user = {};
  Bytes auth_response = {};  // to the nonce of the greeting, which has seen a response before
  std::string_view database = {};
  std::optional<uint16_t> collation = std::nullopt;  // without it that of the connection stays
  std::string_view auth_plugin = {};                 // with kPluginAuth
  Bytes connect_attributes = {};  // with kConnectAttrs, behind a collation: the pairs, undecoded
};

// Reads the payload, which begins with the command byte. `capabilities` are those negotiated with the client.
// With kPluginAuth the fields up to the plugin must be there (MySQL and MariaDB answer 1047 else), without it
// the collation and what follows may be missing. The plugin may lack its NUL at the end; bytes after the last
// field are ignored. With kPluginAuthLenencClientData responses of more than 250 bytes are refused: MySQL
// reads their length as one byte, MariaDB as int<lenenc>. Fields have the bounds of the handshake
// (handshake.h).
Result<ComChangeUser> parse_com_change_user(Bytes payload, CapabilityFlags capabilities);

// Appends the payload for a server with which these capabilities are negotiated; auth_response is 255 bytes
// at the most. Without a collation nothing behind it is written: with kPluginAuth it must be there.
void append_com_change_user(Buffer& out, const ComChangeUser& change, CapabilityFlags capabilities);

}  // namespace causeway::protocol
