#include "protocol/result_set_end.h"

#include <gtest/gtest.h>

#include "protocol/eof_packet.h"

namespace causeway::protocol {
namespace {

TEST(EofPacket, WritesWhatItReads) {
  const EofPacket eof{.warnings = 3, .status_flags = status::kMoreResultsExist};
  Buffer packet;
  append_eof_packet(packet, eof, 5);
  EXPECT_EQ(packet, (Buffer{5, 0, 0, 5, 0xfe, 3, 0, 8, 0}));
  EXPECT_EQ(parse_eof_packet(Bytes(packet).subspan(4)).value(), eof);
}

TEST(EofPacket, HasOneLengthOnly) {
  EXPECT_EQ(parse_eof_packet(Buffer{0xfe, 0, 0, 0}).error(), ProtocolError::kTruncated);
  EXPECT_EQ(parse_eof_packet(Buffer{0xfe, 0, 0, 0, 0, 0}).error(), ProtocolError::kTrailingBytes);
  EXPECT_EQ(parse_eof_packet(Buffer{0x00, 0, 0, 0, 0}).error(), ProtocolError::kUnexpectedPacket);
}

TEST(ResultSetEnd, IsTranslatedBetweenTheTwoForms) {
  const CapabilityFlags with_ok = capability::kDeprecateEof;
  Buffer ok_form;
  append_result_set_end(ok_form, {.status_flags = status::kAutocommit, .warnings = 1}, 4, with_ok);
  EXPECT_EQ(ok_form, (Buffer{7, 0, 0, 4, 0xfe, 0, 0, 2, 0, 1, 0}));
  const Result<OkPacket> end = parse_result_set_end(Bytes(ok_form).subspan(4), with_ok);
  ASSERT_TRUE(end);
  Buffer eof_form;
  append_result_set_end(eof_form, *end, 4, 0);
  EXPECT_EQ(eof_form, (Buffer{5, 0, 0, 4, 0xfe, 1, 0, 2, 0}));
  EXPECT_EQ(parse_result_set_end(Bytes(eof_form).subspan(4), 0)->warnings, 1);
}

TEST(ResultSetEnd, EofPacketIsKnownByItsLengthWhereOkIsExpected) {
  const Result<OkPacket> end = parse_result_set_end(Buffer{0xfe, 1, 0, 2, 0}, capability::kDeprecateEof);
  ASSERT_TRUE(end);
  EXPECT_EQ(end->warnings, 1);
  EXPECT_EQ(end->status_flags, status::kAutocommit);
}

}  // namespace
}  // namespace causeway::protocol
