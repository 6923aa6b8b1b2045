// The codecs of the compressed protocol: zlib and zstd.
// https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_basic_compression.html
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "protocol/byte_writer.h"
#include "protocol/compressed_packet.h"
#include "protocol/protocol_error.h"

struct z_stream_s;
struct ZSTD_CCtx_s;
struct ZSTD_DCtx_s;

namespace causeway::proxy {

enum class CompressionAlgorithm : uint8_t { kZlib, kZstd };

// Shorter contents are stored as they are, as the servers do.
inline constexpr size_t kMinCompressedContentBytes = 50;

// The levels that clients may ask for; others are taken as the nearest.
inline constexpr int kMaxZlibLevel = 9;
inline constexpr int kMaxZstdLevel = 22;

// Puts contents into packets of the compressed protocol. Each packet is compressed on its own, so that one
// Compressor may serve any number of connections of a thread.
class Compressor {
 public:
  Compressor(CompressionAlgorithm algorithm, int level);
  ~Compressor();
  Compressor(Compressor&&) noexcept;
  Compressor& operator=(Compressor&&) noexcept;

  // Appends the content as packets of up to 16 MiB - 1 each, the first with this sequence id, and returns the
  // one that follows. What does not become smaller is stored, so that never more is appended than the content
  // and its headers. No content, no packet. Throws std::bad_alloc.
  uint8_t compress(protocol::Buffer& out, protocol::Bytes content, uint8_t sequence_id);

  // Gives the codec's memory back (zlib: 256 KiB; zstd: up to many MiB at high levels); it is taken again
  // when needed.
  void release();

 private:
  // Writes the compressed content to `to`; 0 if it does not fit.
  size_t deflate_into(std::span<uint8_t> to, protocol::Bytes content);
  size_t zstd_into(std::span<uint8_t> to, protocol::Bytes content);

  struct EndDeflate {
    void operator()(z_stream_s* stream) const;
  };
  struct FreeZstd {
    void operator()(ZSTD_CCtx_s* context) const;
  };

  CompressionAlgorithm algorithm_;
  int level_;
  std::unique_ptr<z_stream_s, EndDeflate> zlib_;
  std::unique_ptr<ZSTD_CCtx_s, FreeZstd> zstd_;
};

// Takes the contents out of the packets of one direction of one connection, piece by piece: packets need not
// be there as a whole, nor is room needed for what they become.
class Decompressor {
 public:
  explicit Decompressor(CompressionAlgorithm algorithm);
  ~Decompressor();
  Decompressor(Decompressor&&) noexcept;
  Decompressor& operator=(Decompressor&&) noexcept;

  // Takes bytes from the front of `wire` and appends their content, `max_bytes` at the most. Returns how many
  // were taken. Stops at the end of a packet, since the sequence id of the next one depends on whether a
  // command is complete. There is nothing more to be had as soon as nothing is taken and nothing appended.
  // kSequence: a sequence id out of order. kMalformed: a payload that is not what its header says, or a zstd
  // window of more than 16 MiB; either is final. Throws std::bad_alloc.
  protocol::Result<size_t> decompress(protocol::Buffer& out, protocol::Bytes wire, size_t max_bytes);

  // Between two packets.
  bool at_packet_end() const { return header_bytes_ == 0; }

  // Of the next packet. It is 0 in the beginning and counts by itself; a command begins with 0, and what
  // answers it goes on with this one.
  uint8_t next_sequence_id() const { return sequence_id_; }
  void set_next_sequence_id(uint8_t sequence_id) { sequence_id_ = sequence_id; }

  // Gives the codec's memory back (zlib: 40 KiB; zstd: 160 KiB and the window) if between two packets.
  void release();

 private:
  struct Progress {
    size_t taken = 0;
    size_t appended = 0;
    bool at_end = false;  // of the compressed data
  };

  // Reads as much of the header as is there and checks it when it is complete. Returns how much was taken.
  protocol::Result<size_t> take_header(protocol::Bytes wire);
  size_t take_stored(protocol::Buffer& out, protocol::Bytes wire, size_t max_bytes);
  protocol::Result<Progress> take_compressed(std::span<uint8_t> to, protocol::Bytes from);
  protocol::Result<Progress> inflate_some(std::span<uint8_t> to, protocol::Bytes from);
  protocol::Result<Progress> unzstd_some(std::span<uint8_t> to, protocol::Bytes from);
  void begin_codec();

  struct EndInflate {
    void operator()(z_stream_s* stream) const;
  };
  struct FreeZstd {
    void operator()(ZSTD_DCtx_s* context) const;
  };

  CompressionAlgorithm algorithm_;
  uint8_t sequence_id_ = 0;
  bool stored_ = false;
  size_t header_bytes_ = 0;  // that are there
  std::array<uint8_t, protocol::kCompressedHeaderBytes> header_{};
  size_t payload_left_ = 0;
  size_t content_left_ = 0;
  bool output_was_full_ = false;  // the codec may have more without more input
  std::unique_ptr<z_stream_s, EndInflate> zlib_;
  std::unique_ptr<ZSTD_DCtx_s, FreeZstd> zstd_;
};

}  // namespace causeway::proxy
