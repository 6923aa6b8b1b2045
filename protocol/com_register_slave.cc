#include "protocol/com_register_slave.h"

#include <algorithm>

#include "protocol/command.h"
#include "protocol/secret.h"

namespace causeway::protocol {

Result<ComRegisterSlave> parse_com_register_slave(Bytes payload) {
  ByteReader reader(payload);
  ComRegisterSlave replica;
  const auto command = static_cast<Command>(reader.int1());
  if (reader.ok() && command != Command::kRegisterSlave) return ProtocolError::kUnexpectedPacket;
  replica.server_id = reader.int4();
  replica.host = reader.text(reader.int1());
  replica.user = reader.text(reader.int1());
  const uint8_t password_bytes = reader.int1();
  replica.has_password = password_bytes > 0;
  reader.skip(password_bytes);
  replica.port = reader.int2();
  replica.rank = reader.int4();
  replica.source_id = reader.int4();
  if (!reader.ok()) return ProtocolError::kTruncated;
  return replica;
}

void wipe_reported_password(std::span<uint8_t> payload) {
  ByteReader reader(payload);
  reader.skip(1 + sizeof(uint32_t));
  reader.skip(reader.int1());  // host
  reader.skip(reader.int1());  // user
  const uint8_t password_bytes = reader.int1();
  if (!reader.ok()) return;
  const auto rest = payload.subspan(reader.position());
  cleanse(rest.first(std::min<size_t>(password_bytes, rest.size())));
}

}  // namespace causeway::protocol
