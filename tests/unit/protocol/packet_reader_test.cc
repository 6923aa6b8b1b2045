#include "protocol/packet_reader.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <span>

#include "protocol/packet_header.h"

namespace causeway::protocol {
namespace {

using State = PacketStatus::State;
constexpr size_t kLimit = size_t{64} << 20;

TEST(PacketReader, CompletePacketIsAView) {
  const Buffer wire{3, 0, 0, 0, 'a', 'b', 'c', 1, 0, 0, 0, 'x'};
  const PacketStatus status = peek_packet(wire, 0, kLimit);
  EXPECT_EQ(status.state, State::kComplete);
  EXPECT_EQ(status.total_bytes, 7u);
  EXPECT_EQ(status.payload_bytes, 3u);
  EXPECT_EQ(status.payload.data(), wire.data() + 4);
  EXPECT_EQ(as_text(status.payload), "abc");
  EXPECT_FALSE(status.split);
  EXPECT_EQ(status.next_sequence_id, 1);
}

TEST(PacketReader, SaysHowMuchIsMissing) {
  const Buffer wire{3, 0, 0, 0, 'a', 'b', 'c'};
  for (size_t length = 0; length < wire.size(); ++length) {
    const PacketStatus status = peek_packet(Bytes(wire).first(length), 0, kLimit);
    EXPECT_EQ(status.state, State::kNeedMore);
    EXPECT_EQ(status.total_bytes, length < 4 ? 4u : 7u);
    EXPECT_EQ(status.payload.size(), length < 4 ? 0u : length - 4);
  }
}

TEST(PacketReader, EmptyPayloadIsComplete) {
  const PacketStatus status = peek_packet(Buffer{0, 0, 0, 9}, 9, kLimit);
  EXPECT_EQ(status.state, State::kComplete);
  EXPECT_EQ(status.total_bytes, 4u);
  EXPECT_EQ(status.next_sequence_id, 10);
}

TEST(PacketReader, SequenceIdsAreChecked) {
  EXPECT_EQ(peek_packet(Buffer{1, 0, 0, 1, 'x'}, 0, kLimit).state, State::kMalformed);
  EXPECT_EQ(peek_packet(Buffer{1, 0, 0, 255, 'x'}, 255, kLimit).next_sequence_id, 0);
}

TEST(PacketReader, SplitPayloadIsFollowedAndAssembled) {
  for (const size_t extra : {size_t{0}, size_t{1}, size_t{1000}}) {
    Buffer payload(kMaxPacketPayloadBytes + extra, 'x');
    payload.back() = 'z';
    Buffer wire;
    append_packets(wire, payload, 0);
    const PacketStatus status = peek_packet(wire, 0, kLimit);
    EXPECT_EQ(status.state, State::kComplete);
    EXPECT_EQ(status.total_bytes, wire.size());
    EXPECT_EQ(status.payload_bytes, payload.size());
    EXPECT_TRUE(status.split);
    EXPECT_EQ(status.payload.size(), kMaxPacketPayloadBytes);
    EXPECT_EQ(status.next_sequence_id, 2);
    Buffer assembled;
    assemble(wire, assembled);
    EXPECT_EQ(assembled, payload);
    EXPECT_EQ(peek_packet(Bytes(wire).first(wire.size() - 1), 0, kLimit).state, State::kNeedMore);
    wire[kMaxPacketPayloadBytes + 4 + 3] = 2;
    EXPECT_EQ(peek_packet(wire, 0, kLimit).state, State::kMalformed);
  }
}

TEST(PacketReader, RenumbersWhatIsThereOfOneCommand) {
  Buffer wire;
  append_packets(wire, Buffer(kMaxPacketPayloadBytes + 2, 'x'), 0);
  const Buffer in_order = wire;
  wire[3] = 7;
  wire[kMaxPacketPayloadBytes + 4 + 3] = 9;
  wire.insert(wire.end(), {1, 0, 0, 5, 'y'});
  renumber_packets(wire);
  EXPECT_TRUE(std::equal(in_order.begin(), in_order.end(), wire.begin()));
  EXPECT_EQ(wire[in_order.size() + 3], 5);
  Buffer first_header{1, 0, 0, 5};
  renumber_packets(first_header);
  EXPECT_EQ(first_header[3], 0);
  renumber_packets(std::span(first_header).first(3));
}

TEST(PacketReader, LimitIsOnThePayloadAndSeenInTheHeaders) {
  EXPECT_EQ(peek_packet(Buffer{11, 0, 0, 0}, 0, 10).state, State::kTooLarge);
  EXPECT_EQ(peek_packet(Buffer{10, 0, 0, 0}, 0, 10).state, State::kNeedMore);
  Buffer wire;
  append_packets(wire, Buffer(kMaxPacketPayloadBytes + 2, 'x'), 0);
  EXPECT_EQ(peek_packet(wire, 0, kMaxPacketPayloadBytes + 1).state, State::kTooLarge);
}

}  // namespace
}  // namespace causeway::protocol
