#include "protocol/compressed_packet.h"

#include <gtest/gtest.h>

#include "capture_file.h"
#include "protocol/packet_reader.h"

namespace causeway::protocol {
namespace {

using State = CompressedPacketStatus::State;
constexpr size_t kLimit = kMaxCompressedPacketBytes;

// MySQL 9.7 and MariaDB 10.11 alike, to SELECT 1 and to SELECT REPEAT('x',100), with zlib.
const char* const kStored =
    "31000001000000010000010117000002036465660000000131000c3f000200000008810000000002000003013107000004fe0000"
    "0200"
    "0000";
const char* const kDeflated =
    "48000001a20000789c636460606454656060624e494d636060e00f720d70750cd150af50d7313430d064e0d16598c0c8c0f09781"
    "419e81"
    "2195818139a5820e809d8181e51fd055401701005971379e";

TEST(CompressedPacket, StoredAnswerOfAServer) {
  const Buffer wire = from_hex(kStored);
  const auto status = peek_compressed_packet(wire, 1, kLimit);
  EXPECT_EQ(status.state, State::kComplete);
  EXPECT_EQ(status.total_bytes, wire.size());
  EXPECT_TRUE(status.header.is_stored());
  EXPECT_EQ(status.header.content_bytes(), 49u);
  EXPECT_EQ(status.payload.data(), wire.data() + kCompressedHeaderBytes);
  EXPECT_EQ(peek_packet(status.payload, 1, kLimit).state, PacketStatus::State::kComplete);
}

TEST(CompressedPacket, CompressedAnswerOfAServer) {
  const Buffer wire = from_hex(kDeflated);
  const auto status = peek_compressed_packet(wire, 1, kLimit);
  EXPECT_EQ(status.state, State::kComplete);
  EXPECT_EQ(status.total_bytes, wire.size());
  EXPECT_EQ(status.header,
            (CompressedHeader{.payload_bytes = 72, .sequence_id = 1, .uncompressed_bytes = 162}));
  EXPECT_EQ(status.header.content_bytes(), 162u);
  EXPECT_EQ(status.payload.size(), 72u);
}

TEST(CompressedPacket, SaysHowMuchIsMissing) {
  const Buffer wire = from_hex(kDeflated);
  for (size_t length = 0; length < wire.size(); ++length) {
    const auto status = peek_compressed_packet(Bytes(wire).first(length), 1, kLimit);
    EXPECT_EQ(status.state, State::kNeedMore) << length;
    EXPECT_EQ(status.total_bytes, length < 7 ? 7u : wire.size()) << length;
    EXPECT_TRUE(status.payload.empty());
  }
}

TEST(CompressedPacket, EmptyPacketIsStored) {
  const auto status = peek_compressed_packet(Buffer{0, 0, 0, 0, 0, 0, 0, 'x'}, 0, kLimit);
  EXPECT_EQ(status.state, State::kComplete);
  EXPECT_EQ(status.total_bytes, 7u);
  EXPECT_EQ(status.header.content_bytes(), 0u);
}

TEST(CompressedPacket, MalformedByItsHeaderAlone) {
  EXPECT_EQ(peek_compressed_packet(Buffer{9, 0, 0, 1, 0, 0, 0}, 0, kLimit).state, State::kMalformed);
  EXPECT_EQ(peek_compressed_packet(Buffer{0, 0, 0, 0, 1, 0, 0}, 0, kLimit).state, State::kMalformed);
}

TEST(CompressedPacket, LimitIsOnBothLengths) {
  EXPECT_EQ(peek_compressed_packet(Buffer{5, 0, 0, 0, 11, 0, 0}, 0, 10).state, State::kTooLarge);
  EXPECT_EQ(peek_compressed_packet(Buffer{5, 0, 0, 0, 10, 0, 0}, 0, 10).state, State::kNeedMore);
  EXPECT_EQ(peek_compressed_packet(Buffer{11, 0, 0, 0, 0, 0, 0}, 0, 10).state, State::kTooLarge);
  EXPECT_EQ(peek_compressed_packet(Buffer{11, 0, 0, 0, 10, 0, 0}, 0, 10).state, State::kTooLarge);
  EXPECT_EQ(peek_compressed_packet(Buffer{10, 0, 0, 0, 10, 0, 0}, 0, 10).state, State::kNeedMore);
}

TEST(CompressedPacket, HeaderIsWrittenAheadOrAfterwards) {
  const CompressedHeader header{.payload_bytes = 3, .sequence_id = 5, .uncompressed_bytes = 0x030201};
  const Buffer expected{3, 0, 0, 5, 1, 2, 3, 'a', 'b', 'c'};
  Buffer ahead;
  append_compressed_header(ahead, header);
  ByteWriter(ahead).text("abc");
  EXPECT_EQ(ahead, expected);
  Buffer afterwards{'!'};
  const size_t start = begin_compressed_packet(afterwards, 5);
  ByteWriter(afterwards).text("abc");
  finish_compressed_packet(afterwards, start, 0x030201);
  EXPECT_EQ(Buffer(afterwards.begin() + 1, afterwards.end()), expected);
  EXPECT_EQ(read_compressed_header(expected.data()), header);
}

}  // namespace
}  // namespace causeway::protocol
