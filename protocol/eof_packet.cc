#include "protocol/eof_packet.h"

#include "protocol/packet_header.h"

namespace causeway::protocol {

Result<EofPacket> parse_eof_packet(Bytes payload) {
  ByteReader reader(payload);
  const uint8_t header = reader.int1();
  EofPacket eof;
  eof.warnings = reader.int2();
  eof.status_flags = reader.int2();
  if (!reader.ok()) return ProtocolError::kTruncated;
  if (header != kEofHeader) return ProtocolError::kUnexpectedPacket;
  if (!reader.at_end()) return ProtocolError::kTrailingBytes;
  return eof;
}

void append_eof_packet(Buffer& out, const EofPacket& eof, uint8_t sequence_id) {
  const size_t start = begin_packet(out, sequence_id);
  ByteWriter writer(out);
  writer.int1(kEofHeader);
  writer.int2(eof.warnings);
  writer.int2(eof.status_flags);
  finish_packet(out, start);
}

}  // namespace causeway::protocol
