#include "protocol/result_set_end.h"

#include "protocol/eof_packet.h"

namespace causeway::protocol {

Result<OkPacket> parse_result_set_end(Bytes payload, CapabilityFlags capabilities) {
  // An OK packet has at least seven bytes.
  if (has(capabilities, capability::kDeprecateEof) && payload.size() != kEofPayloadBytes)
    return parse_ok_packet(payload, capabilities);
  const Result<EofPacket> eof = parse_eof_packet(payload);
  if (!eof) return eof.error();
  return OkPacket{.status_flags = eof->status_flags, .warnings = eof->warnings};
}

void append_result_set_end(Buffer& out, const OkPacket& end, uint8_t sequence_id,
                           CapabilityFlags capabilities) {
  if (has(capabilities, capability::kDeprecateEof)) {
    append_ok_packet(out, end, sequence_id, kResultSetEndHeader, capabilities);
    return;
  }
  append_eof_packet(out, {.warnings = end.warnings, .status_flags = end.status_flags}, sequence_id);
}

}  // namespace causeway::protocol
