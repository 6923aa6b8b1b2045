#include "proxy/net/compression.h"

#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#include <algorithm>
#include <new>
#include <span>

namespace causeway::proxy {
namespace {

using protocol::Buffer;
using protocol::Bytes;
using protocol::kMaxCompressedPacketBytes;
using protocol::ProtocolError;
using protocol::Result;

// A content of 16 MiB - 1, compressed at once, never needs a larger one.
constexpr int kMaxZstdWindowLog = 24;

// Debian's libzstd takes the formats of zstd before 1.0 too, by decoders that nobody needs here.
constexpr std::array<uint8_t, 4> kZstdMagic{0x28, 0xb5, 0x2f, 0xfd};

// Room is made for this much content at a time.
constexpr size_t kStepBytes = size_t{16} * 1024;

void require_memory(bool is_there) {
  if (!is_there) throw std::bad_alloc();
}

// zlib's interface is older than const.
Bytef* input_of(Bytes bytes) {
  return const_cast<Bytef*>(bytes.data());
}

}  // namespace

void Compressor::EndDeflate::operator()(z_stream_s* stream) const {
  deflateEnd(stream);
  delete stream;
}

void Compressor::FreeZstd::operator()(ZSTD_CCtx_s* context) const {
  ZSTD_freeCCtx(context);
}

Compressor::Compressor(CompressionAlgorithm algorithm, int level)
    : algorithm_(algorithm),
      level_(std::clamp(level, 1, algorithm == CompressionAlgorithm::kZlib ? kMaxZlibLevel : kMaxZstdLevel)) {
}
Compressor::~Compressor() = default;
Compressor::Compressor(Compressor&&) noexcept = default;
Compressor& Compressor::operator=(Compressor&&) noexcept = default;

void Compressor::release() {
  zlib_.reset();
  zstd_.reset();
}

size_t Compressor::deflate_into(std::span<uint8_t> to, Bytes content) {
  if (zlib_) {
    deflateReset(zlib_.get());
  } else {
    auto stream = std::make_unique<z_stream>();
    require_memory(deflateInit(stream.get(), level_) == Z_OK);
    zlib_.reset(stream.release());
  }
  zlib_->next_in = input_of(content);
  zlib_->avail_in = static_cast<uInt>(content.size());
  zlib_->next_out = to.data();
  zlib_->avail_out = static_cast<uInt>(to.size());
  return deflate(zlib_.get(), Z_FINISH) == Z_STREAM_END ? to.size() - zlib_->avail_out : 0;
}

size_t Compressor::zstd_into(std::span<uint8_t> to, Bytes content) {
  if (!zstd_) {
    zstd_.reset(ZSTD_createCCtx());
    require_memory(zstd_ != nullptr);
    ZSTD_CCtx_setParameter(zstd_.get(), ZSTD_c_compressionLevel, level_);
  }
  const size_t written = ZSTD_compress2(zstd_.get(), to.data(), to.size(), content.data(), content.size());
  require_memory(ZSTD_getErrorCode(written) != ZSTD_error_memory_allocation);
  return ZSTD_isError(written) != 0 ? 0 : written;
}

uint8_t Compressor::compress(Buffer& out, Bytes content, uint8_t sequence_id) {
  while (!content.empty()) {
    const Bytes part = content.first(std::min<size_t>(content.size(), kMaxCompressedPacketBytes));
    content = content.subspan(part.size());
    const size_t start = protocol::begin_compressed_packet(out, sequence_id++);
    const size_t payload = out.size();
    size_t compressed_bytes = 0;
    if (part.size() >= kMinCompressedContentBytes) {
      out.resize(payload + part.size() - 1);
      const std::span<uint8_t> to = std::span(out).subspan(payload);
      compressed_bytes =
          algorithm_ == CompressionAlgorithm::kZlib ? deflate_into(to, part) : zstd_into(to, part);
    }
    out.resize(payload + compressed_bytes);
    if (compressed_bytes == 0) out.insert(out.end(), part.begin(), part.end());
    protocol::finish_compressed_packet(out, start,
                                       compressed_bytes == 0 ? 0 : static_cast<uint32_t>(part.size()));
  }
  return sequence_id;
}

void Decompressor::EndInflate::operator()(z_stream_s* stream) const {
  inflateEnd(stream);
  delete stream;
}

void Decompressor::FreeZstd::operator()(ZSTD_DCtx_s* context) const {
  ZSTD_freeDCtx(context);
}

Decompressor::Decompressor(CompressionAlgorithm algorithm) : algorithm_(algorithm) {}
Decompressor::~Decompressor() = default;
Decompressor::Decompressor(Decompressor&&) noexcept = default;
Decompressor& Decompressor::operator=(Decompressor&&) noexcept = default;

void Decompressor::release() {
  if (!at_packet_end()) return;
  zlib_.reset();
  zstd_.reset();
}

void Decompressor::begin_codec() {
  if (algorithm_ == CompressionAlgorithm::kZstd) {
    if (!zstd_) {
      zstd_.reset(ZSTD_createDCtx());
      require_memory(zstd_ != nullptr);
      ZSTD_DCtx_setParameter(zstd_.get(), ZSTD_d_windowLogMax, kMaxZstdWindowLog);
    }
    ZSTD_DCtx_reset(zstd_.get(), ZSTD_reset_session_only);
  } else if (zlib_) {
    inflateReset(zlib_.get());
  } else {
    auto stream = std::make_unique<z_stream>();
    require_memory(inflateInit(stream.get()) == Z_OK);
    zlib_.reset(stream.release());
  }
}

Result<size_t> Decompressor::take_header(Bytes wire) {
  const size_t taken = std::min(wire.size(), header_.size() - header_bytes_);
  std::copy_n(wire.begin(), taken, header_.begin() + static_cast<std::ptrdiff_t>(header_bytes_));
  header_bytes_ += taken;
  if (header_bytes_ < header_.size()) return taken;
  const protocol::CompressedHeader header = protocol::read_compressed_header(header_.data());
  if (header.sequence_id != sequence_id_) return ProtocolError::kSequence;
  ++sequence_id_;
  stored_ = header.is_stored();
  payload_left_ = header.payload_bytes;
  content_left_ = header.content_bytes();
  output_was_full_ = false;
  if (!stored_) begin_codec();
  return taken;
}

Result<Decompressor::Progress> Decompressor::inflate_some(std::span<uint8_t> to, Bytes from) {
  zlib_->next_in = input_of(from);
  zlib_->avail_in = static_cast<uInt>(from.size());
  zlib_->next_out = to.data();
  zlib_->avail_out = static_cast<uInt>(to.size());
  const int status = inflate(zlib_.get(), Z_NO_FLUSH);
  require_memory(status != Z_MEM_ERROR);
  if (status != Z_OK && status != Z_STREAM_END && status != Z_BUF_ERROR) return ProtocolError::kMalformed;
  return Progress{.taken = from.size() - zlib_->avail_in,
                  .appended = to.size() - zlib_->avail_out,
                  .at_end = status == Z_STREAM_END};
}

Result<Decompressor::Progress> Decompressor::unzstd_some(std::span<uint8_t> to, Bytes from) {
  const size_t offset = protocol::read_compressed_header(header_.data()).payload_bytes - payload_left_;
  for (size_t i = 0; i < from.size() && offset + i < kZstdMagic.size(); ++i)
    if (from[i] != kZstdMagic[offset + i]) return ProtocolError::kMalformed;
  ZSTD_inBuffer in{from.data(), from.size(), 0};
  ZSTD_outBuffer out{to.data(), to.size(), 0};
  const size_t status = ZSTD_decompressStream(zstd_.get(), &out, &in);
  require_memory(ZSTD_getErrorCode(status) != ZSTD_error_memory_allocation);
  if (ZSTD_isError(status) != 0) return ProtocolError::kMalformed;
  return Progress{.taken = in.pos, .appended = out.pos, .at_end = status == 0};
}

// `to` has room for one byte even if no content is left, so that the end of the compressed data is read; a
// byte that is written there is one too many.
Result<Decompressor::Progress> Decompressor::take_compressed(std::span<uint8_t> to, Bytes from) {
  const Result<Progress> progress =
      algorithm_ == CompressionAlgorithm::kZlib ? inflate_some(to, from) : unzstd_some(to, from);
  if (!progress) return progress;
  if (progress->appended > content_left_) return ProtocolError::kMalformed;
  payload_left_ -= progress->taken;
  content_left_ -= progress->appended;
  output_was_full_ = progress->appended == to.size();
  const bool is_truncated = !progress->at_end && payload_left_ == 0 && !output_was_full_;
  const bool is_too_long = progress->at_end && (payload_left_ > 0 || content_left_ > 0);
  if (is_truncated || is_too_long) return ProtocolError::kMalformed;
  return progress;
}

size_t Decompressor::take_stored(Buffer& out, Bytes wire, size_t max_bytes) {
  const Bytes part = wire.first(std::min({wire.size(), payload_left_, max_bytes}));
  out.insert(out.end(), part.begin(), part.end());
  payload_left_ -= part.size();
  if (payload_left_ == 0) header_bytes_ = 0;
  return part.size();
}

Result<size_t> Decompressor::decompress(Buffer& out, Bytes wire, size_t max_bytes) {
  size_t taken = 0;
  if (header_bytes_ < header_.size()) {
    const Result<size_t> header = take_header(wire);
    if (!header) return header.error();
    taken = *header;
    if (header_bytes_ < header_.size()) return taken;
  }
  if (stored_) return taken + take_stored(out, wire.subspan(taken), max_bytes);
  while (header_bytes_ > 0) {
    const Bytes from = wire.subspan(taken, std::min(wire.size() - taken, payload_left_));
    if (max_bytes == 0 && content_left_ > 0) break;
    if (from.empty() && payload_left_ > 0 && !output_was_full_) break;
    const size_t before = out.size();
    out.resize(before + std::max<size_t>(std::min({max_bytes, content_left_, kStepBytes}), 1));
    const Result<Progress> progress = take_compressed(std::span(out).subspan(before), from);
    out.resize(before + (progress ? progress->appended : 0));
    if (!progress) return progress.error();
    taken += progress->taken;
    max_bytes -= progress->appended;
    if (progress->at_end) header_bytes_ = 0;
  }
  return taken;
}

}  // namespace causeway::proxy
