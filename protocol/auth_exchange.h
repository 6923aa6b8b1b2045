// The packets between the handshake response and the final OK or ERR. Payloads only.
// https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_connection_phase_packets_protocol_auth_switch_request.html
// https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_connection_phase_packets_protocol_auth_more_data.html
// https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_connection_phase_packets_protocol_auth_switch_response.html
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "protocol/byte_writer.h"
#include "protocol/protocol_error.h"
#include "protocol/scramble.h"

namespace causeway::protocol {

// The longest packet of the exchange in either direction: a public key or a clear password are the longest
// things in it.
inline constexpr size_t kMaxAuthPacketBytes = size_t{64} * 1024;

inline constexpr uint8_t kAuthSwitchRequestHeader = 0xfe;
inline constexpr uint8_t kAuthMoreDataHeader = 0x01;

// Bytes of the exchange of caching_sha2_password: after the header of AuthMoreData, but for the key request,
// which is the client's whole packet.
namespace caching_sha2 {
inline constexpr uint8_t kRequestPublicKey = 0x02;
inline constexpr uint8_t kFastAuthOk = 0x03;
inline constexpr uint8_t kFullAuthNeeded = 0x04;
}  // namespace caching_sha2

// The server wants the exchange of another plugin. Views into the payload.
struct AuthSwitchRequest {
  std::string_view
      plugin;       // mysql_old_password if the packet is one byte long (the form before 4.1's plugins)
  Bytes data = {};  // for the two password plugins: the nonce, mostly with a NUL behind it
};

Result<AuthSwitchRequest> parse_auth_switch_request(Bytes payload);
void append_auth_switch_request(Buffer& out, const AuthSwitchRequest& request);

// The nonce in the data of an AuthSwitchRequest: 20 bytes, or 21 with a NUL. kMalformed for other lengths.
Result<Nonce> parse_nonce(Bytes data);

// What a plugin of the server says; the meaning is the plugin's. A view into the payload.
struct AuthMoreData {
  Bytes data = {};
};

Result<AuthMoreData> parse_auth_more_data(Bytes payload);
void append_auth_more_data(Buffer& out, const AuthMoreData& more);

// What a plugin of the client says: the whole payload, without a header. A view into the payload.
struct AuthSwitchResponse {
  Bytes data = {};
};

AuthSwitchResponse parse_auth_switch_response(Bytes payload);
void append_auth_switch_response(Buffer& out, const AuthSwitchResponse& response);

}  // namespace causeway::protocol
