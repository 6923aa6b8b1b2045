#include "proxy/net/compression.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

#include "protocol/packet_reader.h"

namespace causeway::proxy {
namespace {

using protocol::as_bytes;
using protocol::as_text;
using protocol::Buffer;
using protocol::Bytes;
using protocol::ProtocolError;
using protocol::Result;

constexpr size_t kUnbounded = SIZE_MAX;
constexpr CompressionAlgorithm kAlgorithms[] = {CompressionAlgorithm::kZlib, CompressionAlgorithm::kZstd};

Buffer from_hex(const std::string& text) {
  Buffer bytes;
  for (size_t i = 0; i + 1 < text.size(); i += 2)
    bytes.push_back(static_cast<uint8_t>(std::stoi(text.substr(i, 2), nullptr, 16)));
  return bytes;
}

// What servers answered to SELECT REPEAT('x',100); the content's last packet is the same for all.
const Buffer kMysqlZlib = from_hex(
    "48000001a20000789c636460606454656060624e494d636060e00f720d70750cd150af50d7313430d064e0d16598c0c8c0f09781"
    "419e81"
    "2195818139a5820e809d8181e51fd055401701005971379e");
const Buffer kMariadbZlib = from_hex(
    "48000001a20000789c636460606454656060624e494d636060e00f720d70750cd150af50d7313430d064e0d16598c0c8c0f09781"
    "419d81"
    "2195818139a5820e809d8181e51fd055401701005d2937a6");
const Buffer kMysqlZstd = from_hex(
    "50000001a2000028b52ffd20a23d0200f403010000010125000002036465660000000f524550454154282778272c31303029000c"
    "2d0090"
    "010000fd00001f000065000003647807000004fe000002000000010004520005");

// The content of all packets, taken in pieces of `step` bytes, `room` bytes of content at a time.
Result<Buffer> content_of(Decompressor& decompressor, Bytes wire, size_t step = kUnbounded,
                          size_t room = kUnbounded) {
  Buffer content;
  while (!wire.empty()) {
    Bytes piece = wire.first(std::min(step, wire.size()));
    wire = wire.subspan(piece.size());
    for (;;) {
      const size_t before = content.size();
      const Result<size_t> taken = decompressor.decompress(content, piece, room);
      if (!taken) return taken.error();
      EXPECT_LE(content.size() - before, room);
      if (*taken == 0 && content.size() == before) break;
      piece = piece.subspan(*taken);
    }
    EXPECT_TRUE(piece.empty());
  }
  return content;
}

Result<Buffer> content_of(CompressionAlgorithm algorithm, Bytes wire, uint8_t sequence_id = 0) {
  Decompressor decompressor(algorithm);
  decompressor.set_next_sequence_id(sequence_id);
  const Result<Buffer> content = content_of(decompressor, wire);
  if (content) {
    EXPECT_TRUE(decompressor.at_packet_end());
  }
  return content;
}

Buffer random_bytes(size_t count) {
  std::minstd_rand generator(7);
  Buffer bytes(count);
  for (uint8_t& byte : bytes)
    byte = static_cast<uint8_t>(generator() >> 8);
  return bytes;
}

Buffer text_bytes(size_t count) {
  Buffer bytes(count);
  for (size_t i = 0; i < count; ++i)
    bytes[i] = static_cast<uint8_t>('a' + i * i % 23);
  return bytes;
}

TEST(Compression, ServersAnswersAreRead) {
  const struct {
    CompressionAlgorithm algorithm;
    const Buffer& wire;
  } answers[] = {{CompressionAlgorithm::kZlib, kMysqlZlib},
                 {CompressionAlgorithm::kZlib, kMariadbZlib},
                 {CompressionAlgorithm::kZstd, kMysqlZstd}};
  for (const auto& [algorithm, wire] : answers) {
    const Result<Buffer> content = content_of(algorithm, wire, 1);
    ASSERT_TRUE(content);
    EXPECT_EQ(content->size(), 162u);
    // Column count, definition, row of 100 x, OK.
    const std::string text(as_text(*content));
    EXPECT_NE(text.find("\x65" + std::string(2, '\0') + "\x03" + "d" + std::string(100, 'x') +
                        std::string("\7\0\0\4\xfe", 5)),
              std::string::npos);
  }
}

TEST(Compression, ReadInPiecesOfAnySize) {
  for (const auto& [algorithm, wire] :
       {std::pair{CompressionAlgorithm::kZlib, kMysqlZlib}, {CompressionAlgorithm::kZstd, kMysqlZstd}}) {
    const Result<Buffer> whole = content_of(algorithm, wire, 1);
    for (const size_t step : {1, 2, 7, 8, 50})
      for (const size_t room : {1, 3, 161, 162, 163}) {
        Decompressor decompressor(algorithm);
        decompressor.set_next_sequence_id(1);
        EXPECT_EQ(content_of(decompressor, wire, step, room).value(), *whole) << step << " " << room;
        EXPECT_TRUE(decompressor.at_packet_end());
        EXPECT_EQ(decompressor.next_sequence_id(), 2);
      }
  }
}

TEST(Compression, WhatIsWrittenIsReadBack) {
  for (const CompressionAlgorithm algorithm : kAlgorithms)
    for (const size_t size : {1, 49, 50, 51, 1000, 16384, 16385, 300000})
      for (const Buffer& content : {random_bytes(size), text_bytes(size), Buffer(size)}) {
        Buffer wire;
        Compressor compressor(algorithm, 3);
        EXPECT_EQ(compressor.compress(wire, content, 5), 6);
        EXPECT_LE(wire.size(), content.size() + protocol::kCompressedHeaderBytes);
        EXPECT_EQ(content_of(algorithm, wire, 5).value(), content) << size;
      }
}

TEST(Compression, LongContentIsSplit) {
  const size_t size = protocol::kMaxCompressedPacketBytes + 10;
  for (const CompressionAlgorithm algorithm : kAlgorithms) {
    Buffer wire{'!'};
    Compressor compressor(algorithm, 1);
    EXPECT_EQ(compressor.compress(wire, Buffer(size, 'x'), 255), 1);
    const protocol::CompressedHeader first = protocol::read_compressed_header(wire.data() + 1);
    EXPECT_EQ(first.uncompressed_bytes, protocol::kMaxCompressedPacketBytes);
    EXPECT_EQ(first.sequence_id, 255);
    EXPECT_EQ(content_of(algorithm, Bytes(wire).subspan(1), 255).value(), Buffer(size, 'x'));
  }
}

TEST(Compression, SmallAndIncompressibleContentIsStored) {
  for (const CompressionAlgorithm algorithm : kAlgorithms) {
    Compressor compressor(algorithm, 9);
    for (const Buffer& content : {Buffer(kMinCompressedContentBytes - 1, 'x'), random_bytes(5000)}) {
      Buffer wire;
      compressor.compress(wire, content, 0);
      EXPECT_EQ(protocol::read_compressed_header(wire.data()).uncompressed_bytes, 0u);
      EXPECT_EQ(wire.size(), content.size() + protocol::kCompressedHeaderBytes);
    }
    Buffer wire;
    compressor.compress(wire, Buffer(kMinCompressedContentBytes, 'x'), 0);
    EXPECT_EQ(protocol::read_compressed_header(wire.data()).uncompressed_bytes, kMinCompressedContentBytes);
    Buffer nothing;
    EXPECT_EQ(compressor.compress(nothing, {}, 4), 4);
    EXPECT_TRUE(nothing.empty());
  }
}

TEST(Compression, EveryLevelIsTaken) {
  for (const CompressionAlgorithm algorithm : kAlgorithms)
    for (const int level : {-1, 0, 1, 9, 10, 22, 100}) {
      Buffer wire;
      Compressor(algorithm, level).compress(wire, text_bytes(2000), 0);
      EXPECT_LT(wire.size(), 1000u) << level;
      EXPECT_EQ(content_of(algorithm, wire).value(), text_bytes(2000)) << level;
    }
}

TEST(Compression, StopsAtTheEndOfAPacket) {
  Buffer wire = from_hex("03000000000000616263");
  const size_t first = wire.size();
  wire.insert(wire.end(), wire.begin(), wire.end());
  Decompressor decompressor(CompressionAlgorithm::kZlib);
  Buffer content;
  EXPECT_EQ(decompressor.decompress(content, wire, kUnbounded).value(), first);
  EXPECT_EQ(as_text(content), "abc");
  EXPECT_TRUE(decompressor.at_packet_end());
  EXPECT_EQ(decompressor.next_sequence_id(), 1);
  EXPECT_EQ(decompressor.decompress(content, Bytes(wire).subspan(first), kUnbounded).error(),
            ProtocolError::kSequence);
}

TEST(Compression, NextCommandBeginsWithSequenceIdZero) {
  const Buffer wire = from_hex("03000000000000616263");
  Decompressor decompressor(CompressionAlgorithm::kZstd);
  EXPECT_TRUE(content_of(decompressor, wire));
  decompressor.set_next_sequence_id(0);
  EXPECT_EQ(as_text(content_of(decompressor, wire).value()), "abc");
}

TEST(Compression, EmptyPacketHasNoContent) {
  for (const CompressionAlgorithm algorithm : kAlgorithms) {
    EXPECT_TRUE(content_of(algorithm, from_hex("00000000000000"))->empty());
    EXPECT_EQ(content_of(algorithm, from_hex("00000000010000")).error(), ProtocolError::kMalformed);
  }
}

// 16 MiB in a few KiB: no more than asked for at a time, and the rest of it on demand.
TEST(Compression, ExpandsOnlyAsFarAsAllowed) {
  for (const CompressionAlgorithm algorithm : kAlgorithms) {
    Buffer wire;
    Compressor(algorithm, 9).compress(wire, Buffer(protocol::kMaxCompressedPacketBytes), 0);
    EXPECT_LT(wire.size(), 20000u);
    Decompressor decompressor(algorithm);
    Buffer content;
    const size_t taken = decompressor.decompress(content, wire, 1000).value();
    EXPECT_EQ(content.size(), 1000u);
    EXPECT_LT(content.capacity(), 100000u);
    EXPECT_EQ(decompressor.decompress(content, Bytes(wire).subspan(taken), 0).value(), 0u);
    EXPECT_EQ(content.size(), 1000u);
    size_t total = 1000;
    for (Bytes rest = Bytes(wire).subspan(taken); !decompressor.at_packet_end();) {
      content.clear();
      rest = rest.subspan(decompressor.decompress(content, rest, 65536).value());
      ASSERT_GT(content.size(), 0u);
      ASSERT_LE(content.size(), 65536u);
      total += content.size();
    }
    EXPECT_EQ(total, protocol::kMaxCompressedPacketBytes);
  }
}

TEST(Compression, ContentOfAnotherLengthThanAnnouncedIsMalformed) {
  for (auto [algorithm, wire] :
       {std::pair{CompressionAlgorithm::kZlib, kMysqlZlib}, {CompressionAlgorithm::kZstd, kMysqlZstd}}) {
    for (const uint8_t length : {1, 161, 163, 255}) {
      wire[4] = length;
      Decompressor decompressor(algorithm);
      decompressor.set_next_sequence_id(1);
      Buffer content;
      EXPECT_EQ(decompressor.decompress(content, wire, kUnbounded).error(), ProtocolError::kMalformed)
          << int{length};
      EXPECT_LE(content.size(), length);
    }
  }
}

TEST(Compression, PayloadOfAnotherLengthThanAnnouncedIsMalformed) {
  for (auto [algorithm, wire] :
       {std::pair{CompressionAlgorithm::kZlib, kMysqlZlib}, {CompressionAlgorithm::kZstd, kMysqlZstd}}) {
    wire.push_back(0);
    const uint8_t length = wire[0];
    for (const int difference : {-40, -4, -1, 1}) {
      wire[0] = static_cast<uint8_t>(length + difference);
      EXPECT_EQ(content_of(algorithm, wire, 1).error(), ProtocolError::kMalformed) << difference;
    }
  }
}

TEST(Compression, DamagedZlibIsMalformed) {
  for (size_t at = protocol::kCompressedHeaderBytes; at < kMysqlZlib.size(); ++at) {
    if (at == protocol::kCompressedHeaderBytes + 1)
      continue;  // two bits of it say only how hard it was tried
    Buffer wire = kMysqlZlib;
    wire[at] ^= 0xff;
    EXPECT_FALSE(content_of(CompressionAlgorithm::kZlib, wire, 1)) << at;
  }
}

// One byte in a frame whose window is 1 MiB, 16 MiB, 128 MiB.
TEST(Compression, ZstdWindowIsBounded) {
  const auto frame = [](const std::string& window) {
    return from_hex(
        "0a000000010000"
        "28b52ffd00" +
        window + "09000078");
  };
  EXPECT_EQ(as_text(content_of(CompressionAlgorithm::kZstd, frame("50")).value()), "x");
  EXPECT_EQ(as_text(content_of(CompressionAlgorithm::kZstd, frame("70")).value()), "x");
  EXPECT_EQ(content_of(CompressionAlgorithm::kZstd, frame("88")).error(), ProtocolError::kMalformed);
}

// A frame of zstd 0.7 that libzstd would read, and one that it would skip.
TEST(Compression, OtherZstdFormatsAreMalformed) {
  for (const char* payload : {"27b52ffd", "502a4d18"}) {
    const Buffer wire = from_hex("50000000a20000" + std::string(payload) + "e05dc2fd0000973025");
    for (const size_t step : {size_t{1}, kUnbounded}) {
      Decompressor decompressor(CompressionAlgorithm::kZstd);
      EXPECT_EQ(content_of(decompressor, wire, step).error(), ProtocolError::kMalformed) << payload;
    }
  }
}

TEST(Compression, MemoryIsGivenBackBetweenPackets) {
  for (const CompressionAlgorithm algorithm : kAlgorithms) {
    Buffer wire;
    Compressor compressor(algorithm, 1);
    compressor.compress(wire, text_bytes(1000), 0);
    compressor.release();
    compressor.compress(wire, text_bytes(1000), 1);
    Decompressor decompressor(algorithm);
    Buffer content;
    const size_t taken = decompressor.decompress(content, Bytes(wire).first(20), kUnbounded).value();
    EXPECT_EQ(taken, 20u);
    decompressor.release();  // not now
    Bytes rest = Bytes(wire).subspan(taken);
    rest = rest.subspan(decompressor.decompress(content, rest, kUnbounded).value());
    EXPECT_TRUE(decompressor.at_packet_end());
    decompressor.release();
    EXPECT_EQ(decompressor.decompress(content, rest, kUnbounded).value(), rest.size());
    EXPECT_EQ(content.size(), 2000u);
  }
}

}  // namespace
}  // namespace causeway::proxy
