#include "protocol/command.h"

#include <gtest/gtest.h>

#include <string>

#include "phase_packets.h"
#include "protocol/packet_header.h"

namespace causeway::protocol {
namespace {

using test::from_hex;
using test::Packet;
using test::payload_of;
using test::take_packet;
using test::take_packets;

TEST(AppendCommand, IsOnePacketWithTheFirstSequenceId) {
  Buffer out;
  append_command(out, Command::kInitDb, "app", capability::kQueryAttributes);
  EXPECT_EQ(take_packet(out), (Packet{.sequence_id = 0,
                                      .payload = payload_of("\x02"
                                                            "app")}));
  append_command(out, Command::kResetConnection, {}, 0);
  EXPECT_EQ(take_packet(out), (Packet{.sequence_id = 0, .payload = from_hex("1f")}));
}

TEST(AppendCommand, AppendsToWhatIsThere) {
  Buffer out;
  append_command(out, Command::kPing, {}, 0);
  append_command(out, Command::kQuery, "DO 1", 0);
  const auto packets = take_packets(out);
  ASSERT_EQ(packets.size(), 2U);
  EXPECT_EQ(packets[1], (Packet{.sequence_id = 0,
                                .payload = payload_of("\x03"
                                                      "DO 1")}));
}

TEST(AppendCommand, OnlyAQueryHasAttributes) {
  Buffer out;
  append_command(out, Command::kQuery, "DO 1", capability::kQueryAttributes);
  EXPECT_EQ(take_packet(out).payload, from_hex("030001444f2031"));
  append_command(out, Command::kStmtPrepare, "DO 1", capability::kQueryAttributes);
  EXPECT_EQ(take_packet(out).payload, payload_of("\x16"
                                                 "DO 1"));
}

TEST(AppendCommand, LongOnesTakeSeveralPackets) {
  for (const size_t text_bytes :
       {kMaxPacketPayloadBytes - 2, kMaxPacketPayloadBytes - 1, kMaxPacketPayloadBytes}) {
    Buffer out;
    append_command(out, Command::kPing, {}, 0);
    append_command(out, Command::kStmtPrepare, std::string(text_bytes, 'x'), 0);
    const auto packets = take_packets(out);
    const size_t payload_bytes = text_bytes + 1;
    ASSERT_EQ(packets.size(), payload_bytes < kMaxPacketPayloadBytes ? 2U : 3U);
    EXPECT_EQ(packets[1].sequence_id, 0);
    EXPECT_EQ(packets[1].payload.size(), std::min<size_t>(payload_bytes, kMaxPacketPayloadBytes));
    EXPECT_EQ(packets[1].payload.front(), static_cast<uint8_t>(Command::kStmtPrepare));
    if (packets.size() == 2) continue;
    EXPECT_EQ(packets[2].sequence_id, 1);
    EXPECT_EQ(packets[2].payload.size(), payload_bytes - kMaxPacketPayloadBytes);
  }
}

TEST(AppendCommand, SetOptionHasANumber) {
  Buffer out;
  append_com_set_option(out, true);
  EXPECT_EQ(take_packet(out).payload, from_hex("1b0000"));
  append_com_set_option(out, false);
  EXPECT_EQ(take_packet(out).payload, from_hex("1b0100"));
}

}  // namespace
}  // namespace causeway::protocol
