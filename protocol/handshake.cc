#include "protocol/handshake.h"

#include <algorithm>

namespace causeway::protocol {
namespace {

constexpr uint8_t kProtocolVersion = 10;
constexpr size_t kFirstNonceBytes = 8;
constexpr size_t kSecondNonceBytes = 12;
constexpr size_t kSslRequestBytes = 32;
constexpr uint64_t kLowHalf = 0xffffffff;

// MariaDB's extended capabilities take the last four bytes of a filler, zeros elsewhere.
constexpr size_t kExtendedBytes = 4;

CapabilityFlags read_filler(ByteReader& reader, size_t filler_bytes, CapabilityFlags capabilities) {
  reader.skip(filler_bytes - kExtendedBytes);
  const CapabilityFlags extended = reader.int4();
  return has(capabilities, capability::kLongPassword) ? capabilities : capabilities | extended << 32;
}

void write_filler(ByteWriter& writer, size_t filler_bytes, CapabilityFlags capabilities) {
  writer.zeros(filler_bytes - kExtendedBytes);
  writer.int4(has(capabilities, capability::kLongPassword) ? 0 : static_cast<uint32_t>(capabilities >> 32));
}

constexpr size_t kGreetingFillerBytes = 10;
constexpr size_t kResponseFillerBytes = 23;

// The fields that SslRequest and HandshakeResponse41 begin with.
template <class Message>
void read_head(ByteReader& reader, Message& message) {
  message.capabilities = reader.int4();
  message.max_packet_bytes = reader.int4();
  message.collation = reader.int1();
  message.capabilities = read_filler(reader, kResponseFillerBytes, message.capabilities);
}

template <class Message>
void write_head(ByteWriter& writer, const Message& message) {
  writer.int4(static_cast<uint32_t>(message.capabilities & kLowHalf));
  writer.int4(message.max_packet_bytes);
  writer.int1(message.collation);
  write_filler(writer, kResponseFillerBytes, message.capabilities);
}

// Whether the two bytes that both forms of a response begin with announce 4.1's form.
bool announces_protocol41(Bytes payload) {
  ByteReader reader(payload);
  return has(reader.int2(), capability::kProtocol41);
}

Bytes read_auth_response(ByteReader& reader, CapabilityFlags capabilities) {
  if (has(capabilities, capability::kPluginAuthLenencClientData)) return reader.bytes_lenenc();
  if (has(capabilities, capability::kSecureConnection)) return reader.bytes(reader.int1());
  return reader.bytes_nul();
}

}  // namespace

Result<HandshakeV10> parse_handshake_v10(Bytes payload) {
  ByteReader reader(payload);
  if (reader.int1() != kProtocolVersion)
    return reader.ok() ? ProtocolError::kUnsupportedVersion : ProtocolError::kTruncated;
  HandshakeV10 handshake;
  handshake.server_version = reader.text_nul();
  handshake.thread_id = reader.int4();
  const Bytes first_nonce = reader.bytes(kFirstNonceBytes);
  reader.skip(1);
  const CapabilityFlags low = reader.int2();
  handshake.collation = reader.int1();
  handshake.status = reader.int2();
  handshake.capabilities = low | CapabilityFlags{reader.int2()} << 16;
  const size_t auth_data_bytes = reader.int1();
  handshake.capabilities = read_filler(reader, kGreetingFillerBytes, handshake.capabilities);
  if (!reader.ok()) return ProtocolError::kTruncated;
  if (!has(handshake.capabilities, capability::kProtocol41 | capability::kSecureConnection))
    return ProtocolError::kUnsupportedVersion;

  // 13 bytes at least, whatever the announced length: the rest of the nonce and its NUL.
  const size_t second_bytes =
      std::max(kSecondNonceBytes + 1, auth_data_bytes - std::min(auth_data_bytes, kFirstNonceBytes));
  const Bytes second_nonce = reader.bytes(second_bytes);
  if (!reader.ok()) return ProtocolError::kTruncated;
  std::copy_n(second_nonce.begin(), kSecondNonceBytes,
              std::copy(first_nonce.begin(), first_nonce.end(), handshake.nonce.begin()));
  if (has(handshake.capabilities, capability::kPluginAuth)) {
    handshake.auth_plugin = reader.text_nul();
    if (!reader.ok()) return ProtocolError::kTruncated;
  }
  return handshake;
}

void append_handshake_v10(Buffer& out, const HandshakeV10& handshake) {
  const bool plugin_auth = has(handshake.capabilities, capability::kPluginAuth);
  const Bytes nonce(handshake.nonce);
  ByteWriter writer(out);
  writer.int1(kProtocolVersion);
  writer.text_nul(handshake.server_version);
  writer.int4(handshake.thread_id);
  writer.bytes(nonce.first(kFirstNonceBytes));
  writer.int1(0);
  writer.int2(static_cast<uint16_t>(handshake.capabilities));
  writer.int1(handshake.collation);
  writer.int2(handshake.status);
  writer.int2(static_cast<uint16_t>(handshake.capabilities >> 16));
  writer.int1(plugin_auth ? static_cast<uint8_t>(nonce.size() + 1) : uint8_t{0});
  write_filler(writer, kGreetingFillerBytes, handshake.capabilities);
  writer.bytes(nonce.subspan(kFirstNonceBytes));
  writer.int1(0);
  if (plugin_auth) writer.text_nul(handshake.auth_plugin);
}

bool is_mariadb(const HandshakeV10& handshake) {
  return handshake.server_version.find("MariaDB") != std::string_view::npos ||
         !has(handshake.capabilities, capability::kLongPassword);
}

bool is_ssl_request(Bytes payload) {
  ByteReader reader(payload);
  return payload.size() == kSslRequestBytes && has(reader.int4(), capability::kSsl | capability::kProtocol41);
}

Result<SslRequest> parse_ssl_request(Bytes payload) {
  ByteReader reader(payload);
  SslRequest request;
  read_head(reader, request);
  if (!reader.ok()) return ProtocolError::kTruncated;
  if (!reader.at_end()) return ProtocolError::kTrailingBytes;
  if (!is_ssl_request(payload)) return ProtocolError::kUnexpectedPacket;
  return request;
}

void append_ssl_request(Buffer& out, const SslRequest& request) {
  ByteWriter writer(out);
  write_head(writer, request);
}

Result<HandshakeResponse41> parse_handshake_response41(Bytes payload) {
  if (payload.size() > kMaxConnectionPhasePayloadBytes) return ProtocolError::kPacketTooLarge;
  if (payload.size() >= 2 && !announces_protocol41(payload)) return ProtocolError::kUnsupportedVersion;
  ByteReader reader(payload);
  HandshakeResponse41 response;
  read_head(reader, response);
  const CapabilityFlags capabilities = response.capabilities;
  response.user = reader.text_nul();
  response.auth_response = read_auth_response(reader, capabilities);
  if (has(capabilities, capability::kConnectWithDb)) response.database = reader.text_nul();
  if (has(capabilities, capability::kPluginAuth) && !reader.at_end())
    response.auth_plugin = reader.text_nul();
  if (has(capabilities, capability::kConnectAttrs)) response.connect_attributes = reader.bytes_lenenc();
  if (has(capabilities, capability::kZstdCompression)) response.zstd_level = reader.int1();
  if (!reader.ok()) return ProtocolError::kTruncated;
  if (response.user.size() > kMaxUserNameBytes || response.database.size() > kMaxDatabaseNameBytes ||
      response.connect_attributes.size() > kMaxConnectAttributesBytes)
    return ProtocolError::kMalformed;
  return response;
}

void append_handshake_response41(Buffer& out, const HandshakeResponse41& response) {
  const CapabilityFlags capabilities = response.capabilities;
  ByteWriter writer(out);
  write_head(writer, response);
  writer.text_nul(response.user);
  if (has(capabilities, capability::kPluginAuthLenencClientData)) {
    writer.bytes_lenenc(response.auth_response);
  } else if (has(capabilities, capability::kSecureConnection)) {
    writer.int1(static_cast<uint8_t>(response.auth_response.size()));
    writer.bytes(response.auth_response);
  } else {
    writer.text_nul(as_text(response.auth_response));
  }
  if (has(capabilities, capability::kConnectWithDb)) writer.text_nul(response.database);
  if (has(capabilities, capability::kPluginAuth)) writer.text_nul(response.auth_plugin);
  if (has(capabilities, capability::kConnectAttrs)) writer.bytes_lenenc(response.connect_attributes);
  if (has(capabilities, capability::kZstdCompression)) writer.int1(response.zstd_level);
}

void append_connect_attribute(Buffer& attributes, std::string_view name, std::string_view value) {
  ByteWriter writer(attributes);
  writer.text_lenenc(name);
  writer.text_lenenc(value);
}

}  // namespace causeway::protocol
