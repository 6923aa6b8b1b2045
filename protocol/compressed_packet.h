// The seven bytes before every packet of the compressed protocol, whose contents, one after the other, are
// the plain protocol: packets may begin and end anywhere in them. How contents are compressed is not known
// here. https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_basic_compression_packet.html
#pragma once

#include <cstddef>
#include <cstdint>

#include "protocol/byte_writer.h"

namespace causeway::protocol {

inline constexpr size_t kCompressedHeaderBytes = 7;

// Of either length in the header.
inline constexpr uint32_t kMaxCompressedPacketBytes = 0xffffff;

struct CompressedHeader {
  uint32_t payload_bytes = 0;  // of what follows the header
  // Counts through a command and its response like that of a plain packet, but on its own.
  uint8_t sequence_id = 0;
  uint32_t uncompressed_bytes = 0;  // 0: the payload is stored as it is

  bool is_stored() const { return uncompressed_bytes == 0; }
  uint32_t content_bytes() const { return is_stored() ? payload_bytes : uncompressed_bytes; }

  friend bool operator==(const CompressedHeader&, const CompressedHeader&) = default;
};

// Reads a header from exactly kCompressedHeaderBytes bytes.
CompressedHeader read_compressed_header(const uint8_t* bytes);

// Both lengths must be kMaxCompressedPacketBytes at the most.
void append_compressed_header(Buffer& out, const CompressedHeader& header);

// Starts a packet whose payload is appended afterwards, with kMaxCompressedPacketBytes at the most;
// finish_compressed_packet() then writes its lengths (uncompressed_bytes: 0 if the payload is stored).
// Returns where the packet starts in the buffer.
size_t begin_compressed_packet(Buffer& out, uint8_t sequence_id);
void finish_compressed_packet(Buffer& out, size_t start, uint32_t uncompressed_bytes);

struct CompressedPacketStatus {
  enum class State : uint8_t {
    kNeedMore,   // total_bytes are not there yet
    kComplete,   // everything is set
    kMalformed,  // a sequence id out of order, or nothing that could become a content
    kTooLarge,   // one of the lengths in the header is over the limit
  };

  State state = State::kNeedMore;
  // With the header. At kNeedMore as many as are known to be needed.
  size_t total_bytes = kCompressedHeaderBytes;
  CompressedHeader header = {};  // as soon as it is there
  Bytes payload = {};            // at kComplete, in place
};

// Looks at the front of `buffered`, where a packet with `expected_sequence_id` begins, without consuming
// anything. `max_bytes` is for the payload and for its content.
CompressedPacketStatus peek_compressed_packet(Bytes buffered, uint8_t expected_sequence_id, size_t max_bytes);

}  // namespace causeway::protocol
