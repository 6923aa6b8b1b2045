#include "protocol/com_change_user.h"

#include "protocol/command.h"
#include "protocol/handshake.h"

namespace causeway::protocol {
namespace {

// MySQL reads one byte, MariaDB int<lenenc> if that is negotiated: they agree below this.
constexpr uint8_t kFirstLongLength = 0xfb;

Bytes read_new_auth_response(ByteReader& reader, CapabilityFlags capabilities) {
  if (!has(capabilities, capability::kSecureConnection)) return reader.bytes_nul();
  if (has(capabilities, capability::kPluginAuthLenencClientData) && reader.peek() >= kFirstLongLength)
    reader.fail();
  return reader.bytes(reader.int1());
}

std::string_view read_last_name(ByteReader& reader) {
  ByteReader attempt = reader;
  const std::string_view name = attempt.text_nul();
  if (!attempt.ok()) return reader.text_eof();
  reader = attempt;
  return name;
}

}  // namespace

Result<ComChangeUser> parse_com_change_user(Bytes payload, CapabilityFlags capabilities) {
  if (payload.size() > kMaxConnectionPhasePayloadBytes) return ProtocolError::kPacketTooLarge;
  const bool has_plugin = has(capabilities, capability::kPluginAuth);
  ByteReader reader(payload);
  ComChangeUser change;
  reader.skip(1);
  change.user = reader.text_nul();
  change.auth_response = read_new_auth_response(reader, capabilities);
  change.database = reader.text_nul();
  if (has_plugin || reader.remaining() >= sizeof(uint16_t)) change.collation = reader.int2();
  if (has_plugin) {
    if (reader.at_end()) reader.fail();
    change.auth_plugin = read_last_name(reader);
  }
  if (change.collation && has(capabilities, capability::kConnectAttrs))
    change.connect_attributes = reader.bytes_lenenc();
  if (!reader.ok()) return ProtocolError::kTruncated;
  if (change.user.size() > kMaxUserNameBytes || change.database.size() > kMaxDatabaseNameBytes ||
      change.connect_attributes.size() > kMaxConnectAttributesBytes)
    return ProtocolError::kMalformed;
  return change;
}

void append_com_change_user(Buffer& out, const ComChangeUser& change, CapabilityFlags capabilities) {
  ByteWriter writer(out);
  writer.int1(static_cast<uint8_t>(Command::kChangeUser));
  writer.text_nul(change.user);
  if (has(capabilities, capability::kSecureConnection)) {
    writer.int1(static_cast<uint8_t>(change.auth_response.size()));
    writer.bytes(change.auth_response);
  } else {
    writer.text_nul(as_text(change.auth_response));
  }
  writer.text_nul(change.database);
  if (!change.collation) return;
  writer.int2(*change.collation);
  if (has(capabilities, capability::kPluginAuth)) writer.text_nul(change.auth_plugin);
  if (has(capabilities, capability::kConnectAttrs)) writer.bytes_lenenc(change.connect_attributes);
}

}  // namespace causeway::protocol
