#include "protocol/local_infile.h"

#include <algorithm>

namespace causeway::protocol {

bool LocalInfileReader::feed(std::span<uint8_t> bytes) {
  while (!bytes.empty()) {
    if (ended_) return false;
    if (payload_left_ > 0) {
      const size_t part = std::min<size_t>(payload_left_, bytes.size());
      payload_left_ -= static_cast<uint32_t>(part);
      bytes = bytes.subspan(part);
      continue;
    }
    header_[header_bytes_++] = bytes[0];
    if (header_bytes_ == kPacketHeaderBytes) {
      const PacketHeader header = read_packet_header(header_.data());
      header_bytes_ = 0;
      sequence_id_ = counted_ ? (*counted_)++ : static_cast<uint8_t>(header.sequence_id - offset_);
      bytes[0] = sequence_id_;
      payload_left_ = header.payload_bytes;
      ended_ = header.payload_bytes == 0 && !continues_;
      continues_ = header.payload_bytes == kMaxPacketPayloadBytes;
    }
    bytes = bytes.subspan(1);
  }
  return true;
}

}  // namespace causeway::protocol
