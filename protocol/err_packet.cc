#include "protocol/err_packet.h"

#include "protocol/packet_header.h"

namespace causeway::protocol {
namespace {

constexpr uint8_t kSqlStateMarker = '#';
constexpr size_t kSqlStateBytes = 5;

bool is_utf8_continuation(char c) {
  return (static_cast<uint8_t>(c) & 0xc0) == 0x80;
}

std::string_view cut(std::string_view message) {
  if (message.size() <= kMaxErrMessageBytes) return message;
  size_t length = kMaxErrMessageBytes;
  while (length > 0 && is_utf8_continuation(message[length]))
    --length;
  return message.substr(0, length);
}

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
  writer.text(cut(err.message));
  finish_packet(out, start);
}

}  // namespace causeway::protocol
