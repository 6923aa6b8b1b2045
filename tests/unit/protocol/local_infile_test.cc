#include "protocol/local_infile.h"

#include <gtest/gtest.h>

#include <string>

namespace causeway::protocol {
namespace {

Buffer file_in_packets(const std::vector<std::string>& pieces, uint8_t sequence_id) {
  Buffer wire;
  for (const std::string& piece : pieces)
    sequence_id = append_packets(wire, as_bytes(piece), sequence_id);
  append_packets(wire, {}, sequence_id);
  return wire;
}

TEST(LocalInfile, EndsWithTheEmptyPacket) {
  Buffer wire = file_in_packets({"1,2\n", "3,4\n"}, 2);
  LocalInfileReader reader(0);
  EXPECT_TRUE(reader.feed(std::span(wire).first(wire.size() - 1)));
  EXPECT_FALSE(reader.ended());
  EXPECT_TRUE(reader.feed(std::span(wire).last(1)));
  EXPECT_TRUE(reader.ended());
  EXPECT_EQ(reader.next_sequence_id(), 5);
}

TEST(LocalInfile, AnEmptyFileIsOnePacket) {
  Buffer wire = file_in_packets({}, 2);
  LocalInfileReader reader(0);
  EXPECT_TRUE(reader.feed(wire));
  EXPECT_TRUE(reader.ended());
  EXPECT_EQ(reader.next_sequence_id(), 3);
}

TEST(LocalInfile, SequenceIdsBecomeTheServers) {
  const Buffer expected = file_in_packets({"a", "bc", "def"}, 2);
  for (size_t piece = 1; piece <= expected.size(); ++piece) {
    Buffer wire = file_in_packets({"a", "bc", "def"}, 5);
    LocalInfileReader reader(3);
    for (size_t at = 0; at < wire.size(); at += piece)
      ASSERT_TRUE(reader.feed(std::span(wire).subspan(at, std::min(piece, wire.size() - at))));
    EXPECT_EQ(wire, expected) << "in pieces of " << piece;
    EXPECT_TRUE(reader.ended());
    EXPECT_EQ(reader.next_sequence_id(), 6);
  }
}

TEST(LocalInfile, SequenceIdsMayBeCountedAnew) {
  Buffer wire;
  for (const uint8_t wrong : {7, 1})
    append_packets(wire, as_bytes("abc"), wrong);
  append_packets(wire, {}, 200);
  LocalInfileReader reader(3);
  reader.count_from(2);
  EXPECT_TRUE(reader.feed(wire));
  EXPECT_EQ(wire, file_in_packets({"abc", "abc"}, 2));
  EXPECT_EQ(reader.next_sequence_id(), 5);
}

TEST(LocalInfile, SequenceIdsStartAgainBehind255) {
  Buffer wire = file_in_packets({"a", "b"}, 254);
  LocalInfileReader reader(0);
  EXPECT_TRUE(reader.feed(wire));
  EXPECT_TRUE(reader.ended());
  EXPECT_EQ(reader.next_sequence_id(), 1);
}

TEST(LocalInfile, AnEmptyContinuationIsNotTheEnd) {
  // Packets of the greatest length, each with the empty packet that says that it was all.
  Buffer wire = file_in_packets({std::string(kMaxPacketPayloadBytes, 'x'), "more"}, 2);
  const size_t end = wire.size() - kPacketHeaderBytes;
  LocalInfileReader reader(0);
  EXPECT_TRUE(reader.feed(std::span(wire).first(end)));
  EXPECT_FALSE(reader.ended());
  EXPECT_TRUE(reader.feed(std::span(wire).subspan(end)));
  EXPECT_TRUE(reader.ended());
}

TEST(LocalInfile, NothingMayFollowTheEnd) {
  Buffer wire = file_in_packets({"a"}, 2);
  wire.push_back(0);
  LocalInfileReader reader(0);
  EXPECT_FALSE(reader.feed(wire));
  EXPECT_FALSE(reader.feed(std::span(wire).first(1)));
}

}  // namespace
}  // namespace causeway::protocol
