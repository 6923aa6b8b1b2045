#include "protocol/err_packet.h"

#include "protocol/packet_header.h"
#include "protocol/text.h"

namespace causeway::protocol {
namespace {

constexpr uint8_t kSqlStateMarker = '#';
constexpr size_t kSqlStateBytes = 5;

}  // namespace

Result<ErrPacket> parse_err_packet(Bytes payload) {
  ByteReader reader(payload);
  const uint8_t header = reader.int1();
  if (reader.ok() && header != kErrHeader) return ProtocolError::kUnexpectedPacket;
  ErrPacket err;
  err.code = reader.int2();
  if (reader.peek() == kSqlStateMarker) {
    reader.skip(1);
    err.sql_state = reader.text(kSqlStateBytes);
  }
  err.message = reader.text_eof();
  if (!reader.ok()) return ProtocolError::kTruncated;
  return err;
}

void append_err_packet(Buffer& out, const ErrPacket& err, uint8_t sequence_id) {
  const size_t start = begin_packet(out, sequence_id);
  ByteWriter writer(out);
  writer.int1(kErrHeader);
  writer.int2(err.code);
  if (!err.sql_state.empty()) {
    writer.int1(kSqlStateMarker);
    writer.text(err.sql_state);
  }
  writer.text(cut_utf8(err.message, kMaxErrMessageBytes));
  finish_packet(out, start);
}

}  // namespace causeway::protocol
