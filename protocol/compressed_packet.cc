#include "protocol/compressed_packet.h"

#include <algorithm>

#include "protocol/byte_reader.h"

namespace causeway::protocol {
namespace {

void write_int3(Buffer& out, size_t at, size_t value) {
  for (size_t i = 0; i < 3; ++i)
    out[at + i] = static_cast<uint8_t>(value >> (8 * i));
}

}  // namespace

CompressedHeader read_compressed_header(const uint8_t* bytes) {
  ByteReader reader(Bytes(bytes, kCompressedHeaderBytes));
  CompressedHeader header;
  header.payload_bytes = reader.int3();
  header.sequence_id = reader.int1();
  header.uncompressed_bytes = reader.int3();
  return header;
}

void append_compressed_header(Buffer& out, const CompressedHeader& header) {
  ByteWriter writer(out);
  writer.int3(header.payload_bytes);
  writer.int1(header.sequence_id);
  writer.int3(header.uncompressed_bytes);
}

size_t begin_compressed_packet(Buffer& out, uint8_t sequence_id) {
  const size_t start = out.size();
  append_compressed_header(out, {.sequence_id = sequence_id});
  return start;
}

void finish_compressed_packet(Buffer& out, size_t start, uint32_t uncompressed_bytes) {
  write_int3(out, start, out.size() - start - kCompressedHeaderBytes);
  write_int3(out, start + 4, uncompressed_bytes);
}

CompressedPacketStatus peek_compressed_packet(Bytes buffered, uint8_t expected_sequence_id,
                                              size_t max_bytes) {
  using State = CompressedPacketStatus::State;
  CompressedPacketStatus status;
  if (buffered.size() < kCompressedHeaderBytes) return status;
  status.header = read_compressed_header(buffered.data());
  status.total_bytes += status.header.payload_bytes;
  if (status.header.sequence_id != expected_sequence_id ||
      (status.header.payload_bytes == 0 && !status.header.is_stored())) {
    status.state = State::kMalformed;
  } else if (std::max(status.header.payload_bytes, status.header.uncompressed_bytes) > max_bytes) {
    status.state = State::kTooLarge;
  } else if (buffered.size() >= status.total_bytes) {
    status.state = State::kComplete;
    status.payload = buffered.subspan(kCompressedHeaderBytes, status.header.payload_bytes);
  }
  return status;
}

}  // namespace causeway::protocol
