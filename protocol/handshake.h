// The packets that open a connection. Payloads only: framing is packet_header.h's.
// https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_connection_phase_packets_protocol_handshake_v10.html
// https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_connection_phase_packets_protocol_handshake_response.html
// https://mariadb.com/kb/en/connection/
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "protocol/byte_writer.h"
#include "protocol/capability_flags.h"
#include "protocol/protocol_error.h"
#include "protocol/scramble.h"
#include "protocol/status_flags.h"

namespace causeway::protocol {

// The longest payload that is read before a peer has authenticated itself.
inline constexpr size_t kMaxConnectionPhasePayloadBytes = size_t{128} * 1024;

// Bounds of single fields; longer ones are kMalformed. The servers' own are lower or equal.
inline constexpr size_t kMaxUserNameBytes = 512;
inline constexpr size_t kMaxDatabaseNameBytes = 1024;
inline constexpr size_t kMaxConnectAttributesBytes = 65536;

// The server's greeting. Text fields are views: into the payload after parsing.
struct HandshakeV10 {
  std::string_view server_version = {};
  uint32_t thread_id = 0;  // MySQL sends the low 32 bits of the connection id
  Nonce nonce{};
  CapabilityFlags capabilities = 0;
  uint8_t collation = 0;
  StatusFlags status = 0;
  std::string_view auth_plugin = {};  // empty without kPluginAuth

  friend bool operator==(const HandshakeV10&, const HandshakeV10&) = default;
};

// Needs protocol version 10 and kProtocol41 with kSecureConnection, else kUnsupportedVersion (an ERR packet,
// which a server may send in its place, is told by its first byte 0xff before). Takes MariaDB's extended
// capabilities if kLongPassword is absent.
Result<HandshakeV10> parse_handshake_v10(Bytes payload);

// Writes the extended capabilities only if kLongPassword is absent. kPluginAuth decides about the plugin's
// name.
void append_handshake_v10(Buffer& out, const HandshakeV10& handshake);

// Whether the server behind the greeting is MariaDB: its version says so, or kLongPassword is absent.
bool is_mariadb(const HandshakeV10& handshake);

// The client's wish to go on under TLS: the head of its response and nothing more.
struct SslRequest {
  CapabilityFlags capabilities = 0;
  uint32_t max_packet_bytes = 0;
  uint8_t collation = 0;

  friend bool operator==(const SslRequest&, const SslRequest&) = default;
};

// Whether a first packet of the client is an SslRequest (by its length and kSsl) and not a
// HandshakeResponse41.
bool is_ssl_request(Bytes payload);

Result<SslRequest> parse_ssl_request(Bytes payload);
void append_ssl_request(Buffer& out, const SslRequest& request);

// The client's response. Views point into the payload after parsing.
struct HandshakeResponse41 {
  CapabilityFlags capabilities = 0;
  uint32_t max_packet_bytes = 0;
  uint8_t collation = 0;
  std::string_view user = {};
  Bytes auth_response = {};
  std::string_view database = {};     // with kConnectWithDb
  std::string_view auth_plugin = {};  // with kPluginAuth
  Bytes connect_attributes = {};      // with kConnectAttrs: the pairs of lenenc strings, undecoded
  uint8_t zstd_level = 0;             // with kZstdCompression
};

// The fields present follow from the capabilities in the packet itself. Responses without kProtocol41 (3.20)
// are kUnsupportedVersion. Bytes after the last field are ignored, as the servers do: some drivers send a
// database that they did not announce. A plugin name that is announced but missing at the end is taken as
// empty, as well.
Result<HandshakeResponse41> parse_handshake_response41(Bytes payload);

// The capabilities decide which fields are written and the form of auth_response: int<lenenc> with
// kPluginAuthLenencClientData, one byte of length with kSecureConnection (up to 255 bytes), else up to a NUL.
void append_handshake_response41(Buffer& out, const HandshakeResponse41& response);

// Appends one pair to what becomes connect_attributes.
void append_connect_attribute(Buffer& attributes, std::string_view name, std::string_view value);

}  // namespace causeway::protocol
