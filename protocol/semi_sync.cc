#include "protocol/semi_sync.h"

#include "protocol/com_binlog_dump.h"

namespace causeway::protocol {
namespace {

constexpr uint8_t kSemiSyncAckWanted = 0x01;

}  // namespace

Result<bool> parse_semi_sync_header(Bytes bytes) {
  ByteReader reader(bytes);
  const uint8_t magic = reader.int1();
  const uint8_t flags = reader.int1();
  if (!reader.ok()) return ProtocolError::kTruncated;
  if (magic != kSemiSyncMagic) return ProtocolError::kMalformed;
  return (flags & kSemiSyncAckWanted) != 0;
}

Result<SemiSyncAck> parse_semi_sync_ack(Bytes payload) {
  ByteReader reader(payload);
  SemiSyncAck ack;
  const uint8_t magic = reader.int1();
  ack.position = reader.int8();
  const std::string_view name = reader.text_eof();
  if (!reader.ok()) return ProtocolError::kTruncated;
  ack.file = name.substr(0, name.find('\0'));
  if (magic != kSemiSyncMagic || ack.file.size() > kMaxBinlogFileBytes) return ProtocolError::kMalformed;
  return ack;
}

void append_semi_sync_ack(Buffer& out, const SemiSyncAck& ack) {
  ByteWriter writer(out);
  writer.int1(kSemiSyncMagic);
  writer.int8(ack.position);
  writer.text(ack.file);
}

}  // namespace causeway::protocol
