#include "protocol/ok_packet.h"

#include <gtest/gtest.h>

#include "protocol/session_track.h"

namespace causeway::protocol {
namespace {

constexpr CapabilityFlags kTracking = capability::kProtocol41 | capability::kSessionTrack;

Buffer payload_of(const OkPacket& ok, uint8_t header, CapabilityFlags capabilities) {
  Buffer packet;
  append_ok_packet(packet, ok, 7, header, capabilities);
  EXPECT_EQ(packet[0], packet.size() - 4);
  EXPECT_EQ(packet[3], 7);
  return {packet.begin() + 4, packet.end()};
}

TEST(OkPacket, WritesWhatItReads) {
  Buffer session_state;
  append_session_track_schema(session_state, "shop");
  const OkPacket ok{.affected_rows = 300,
                    .last_insert_id = 70000,
                    .status_flags = status::kAutocommit | status::kSessionStateChanged,
                    .warnings = 2,
                    .info = "Records: 1",
                    .session_state = session_state};
  const Buffer payload = payload_of(ok, kOkHeader, kTracking);
  const Result<OkPacket> read = parse_ok_packet(payload, kTracking);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->affected_rows, 300u);
  EXPECT_EQ(read->last_insert_id, 70000u);
  EXPECT_EQ(read->status_flags, ok.status_flags);
  EXPECT_EQ(read->warnings, 2);
  EXPECT_EQ(read->info, "Records: 1");
  EXPECT_EQ(Buffer(read->session_state.begin(), read->session_state.end()), session_state);
}

TEST(OkPacket, HasTheBytesOfTheProtocolsDescription) {
  const OkPacket ok{
      .affected_rows = 0, .last_insert_id = 0, .status_flags = status::kAutocommit, .warnings = 0};
  EXPECT_EQ(payload_of(ok, kOkHeader, kTracking), (Buffer{0x00, 0x00, 0x00, 0x02, 0x00, 0x00, 0x00}));
  EXPECT_EQ(payload_of(ok, kResultSetEndHeader, kTracking),
            (Buffer{0xfe, 0x00, 0x00, 0x02, 0x00, 0x00, 0x00}));
}

TEST(OkPacket, SessionStateIsWrittenOnlyToWhoCanReadIt) {
  Buffer session_state;
  append_session_track_state_change(session_state, true);
  const OkPacket ok{.status_flags = status::kAutocommit | status::kSessionStateChanged,
                    .session_state = session_state};
  const Buffer plain = payload_of(ok, kOkHeader, capability::kProtocol41);
  EXPECT_EQ(plain, (Buffer{0x00, 0x00, 0x00, 0x02, 0x00, 0x00, 0x00}));
  const OkPacket unchanged{.status_flags = status::kSessionStateChanged};
  EXPECT_EQ(payload_of(unchanged, kOkHeader, kTracking), (Buffer{0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00}));
}

TEST(OkPacket, InfoWithoutItsLengthRunsToTheEnd) {
  const Buffer payload{0x00, 0x00, 0x00, 0x02, 0x00, 0x00, 0x00, 'd', 'o', 'n', 'e'};
  const Result<OkPacket> ok = parse_ok_packet(payload, kTracking);
  ASSERT_TRUE(ok);
  EXPECT_EQ(ok->info, "done");
}

TEST(OkPacket, TruncationAtEveryByteIsAnErrorOrShorterInfo) {
  Buffer session_state;
  append_session_track_schema(session_state, "shop");
  const OkPacket ok{.affected_rows = 300,
                    .last_insert_id = 70000,
                    .status_flags = status::kAutocommit,
                    .warnings = 2,
                    .info = "x",
                    .session_state = session_state};
  const Buffer payload = payload_of(ok, kOkHeader, kTracking);
  for (size_t length = 0; length < payload.size(); ++length) {
    const Buffer part(payload.begin(), payload.begin() + static_cast<long>(length));
    const Result<OkPacket> read = parse_ok_packet(part, kTracking);
    ASSERT_FALSE(read) << length;
    EXPECT_EQ(read.error(), ProtocolError::kTruncated);
  }
}

TEST(OkPacket, OtherPacketsAndTrailingBytesAreRefused) {
  EXPECT_EQ(parse_ok_packet(Buffer{0xff, 0, 0, 0, 0, 0, 0}, kTracking).error(),
            ProtocolError::kUnexpectedPacket);
  const Buffer trailing{0x00, 0x00, 0x00, 0x00, 0x40, 0x00, 0x00, 0x00, 0x00, 0x99};
  EXPECT_EQ(parse_ok_packet(trailing, kTracking).error(), ProtocolError::kTrailingBytes);
}

}  // namespace
}  // namespace causeway::protocol
