#include "protocol/ok_packet.h"

#include "protocol/packet_header.h"

namespace causeway::protocol {
namespace {

// Text with its length if that fits to the byte, else text up to the end.
std::string_view read_last_info(ByteReader& reader) {
  ByteReader attempt = reader;
  const std::string_view info = attempt.text_lenenc();
  if (!attempt.ok() || !attempt.at_end()) return reader.text_eof();
  reader = attempt;
  return info;
}

}  // namespace

Result<OkPacket> parse_ok_packet(Bytes payload, CapabilityFlags capabilities) {
  ByteReader reader(payload);
  const uint8_t header = reader.int1();
  if (reader.ok() && header != kOkHeader && header != kResultSetEndHeader)
    return ProtocolError::kUnexpectedPacket;
  OkPacket ok;
  ok.affected_rows = reader.int_lenenc();
  ok.last_insert_id = reader.int_lenenc();
  ok.status_flags = reader.int2();
  ok.warnings = reader.int2();
  if (has(capabilities, capability::kSessionTrack) && (ok.status_flags & status::kSessionStateChanged) != 0) {
    ok.info = reader.text_lenenc();
    ok.session_state = reader.bytes_lenenc();
  } else if (!reader.at_end()) {
    ok.info = read_last_info(reader);
  }
  if (!reader.ok()) return ProtocolError::kTruncated;
  if (!reader.at_end()) return ProtocolError::kTrailingBytes;
  return ok;
}

void append_ok_packet(Buffer& out, const OkPacket& ok, uint8_t sequence_id, uint8_t header,
                      CapabilityFlags capabilities) {
  const bool with_state = has(capabilities, capability::kSessionTrack) && !ok.session_state.empty();
  const auto other_flags = static_cast<StatusFlags>(ok.status_flags & ~status::kSessionStateChanged);
  const size_t start = begin_packet(out, sequence_id);
  ByteWriter writer(out);
  writer.int1(header);
  writer.int_lenenc(ok.affected_rows);
  writer.int_lenenc(ok.last_insert_id);
  writer.int2(with_state ? static_cast<StatusFlags>(other_flags | status::kSessionStateChanged)
                         : other_flags);
  writer.int2(ok.warnings);
  if (with_state || !ok.info.empty()) writer.text_lenenc(ok.info);
  if (with_state) writer.bytes_lenenc(ok.session_state);
  finish_packet(out, start);
}

}  // namespace causeway::protocol
