#include "protocol/err_packet.h"

#include <gtest/gtest.h>

#include <string>

namespace causeway::protocol {
namespace {

Buffer payload_of(const ErrPacket& err) {
  Buffer packet;
  append_err_packet(packet, err, 1);
  return {packet.begin() + 4, packet.end()};
}

TEST(ErrPacket, WritesWhatItReads) {
  const ErrPacket err{.code = 1235, .sql_state = "42000", .message = "not yet"};
  const Buffer payload = payload_of(err);
  EXPECT_EQ(payload,
            (Buffer{0xff, 0xd3, 0x04, '#', '4', '2', '0', '0', '0', 'n', 'o', 't', ' ', 'y', 'e', 't'}));
  EXPECT_EQ(parse_err_packet(payload).value(), err);
}

TEST(ErrPacket, BeforeTheHandshakeThereIsNoSqlState) {
  const ErrPacket err{.code = 1040, .sql_state = "", .message = "Too many connections"};
  const Buffer payload = payload_of(err);
  EXPECT_EQ(payload[3], 'T');
  EXPECT_EQ(parse_err_packet(payload).value(), err);
}

TEST(ErrPacket, LongMessagesAreCutBetweenCharacters) {
  std::string message(kMaxErrMessageBytes - 1, 'x');
  message += "\u20ac and more";
  const Buffer payload = payload_of({.code = 1, .sql_state = "HY000", .message = message});
  EXPECT_EQ(parse_err_packet(payload)->message, std::string(kMaxErrMessageBytes - 1, 'x'));
}

TEST(ErrPacket, TruncatedHeadsAreErrors) {
  const Buffer payload = payload_of({.code = 1235, .sql_state = "42000", .message = ""});
  for (const size_t length : {size_t{0}, size_t{1}, size_t{2}, size_t{4}, size_t{8}}) {
    const Result<ErrPacket> err = parse_err_packet(Bytes(payload).first(length));
    ASSERT_FALSE(err) << length;
    EXPECT_EQ(err.error(), ProtocolError::kTruncated);
  }
  EXPECT_EQ(parse_err_packet(Buffer{0x00, 0x01, 0x02}).error(), ProtocolError::kUnexpectedPacket);
}

}  // namespace
}  // namespace causeway::protocol
