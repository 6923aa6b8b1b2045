#include "protocol/auth_exchange.h"

#include <gtest/gtest.h>

#include <string_view>

#include "phase_packets.h"

namespace causeway::protocol {
namespace {

using test::from_hex;
using test::payload_of;

// MariaDB 10.11 to a client that came with another plugin.
const std::string_view kSwitchOfMariadb =
    "fe6d7973716c5f6e61746976655f70617373776f7264007a724d6a4c7a473365"
    "242324283a2f79394b4e2500";

TEST(AuthSwitchRequest, OfMariadbIsReadAndWrittenBack) {
  const Buffer bytes = from_hex(kSwitchOfMariadb);
  const auto request = parse_auth_switch_request(bytes);
  ASSERT_TRUE(request);
  EXPECT_EQ(request->plugin, auth_plugin::kNativePassword);
  EXPECT_EQ(request->data.size(), 21U);
  const auto nonce = parse_nonce(request->data);
  ASSERT_TRUE(nonce);
  EXPECT_EQ(as_text(*nonce), "zrMjLzG3e$#$(:/y9KN%");
  Buffer out;
  append_auth_switch_request(out, *request);
  EXPECT_EQ(out, bytes);
}

TEST(AuthSwitchRequest, OfOneByteMeansTheOldPassword) {
  const auto request = parse_auth_switch_request(from_hex("fe"));
  ASSERT_TRUE(request);
  EXPECT_EQ(request->plugin, auth_plugin::kOldPassword);
}

TEST(AuthSwitchRequest, CutWithinTheNameIsTruncated) {
  const Buffer bytes = payload_of("\xfename");
  EXPECT_EQ(parse_auth_switch_request({}).error(), ProtocolError::kTruncated);
  for (size_t length = 2; length <= bytes.size(); ++length)
    EXPECT_EQ(parse_auth_switch_request(Bytes(bytes).first(length)).error(), ProtocolError::kTruncated);
  EXPECT_EQ(parse_auth_switch_request(from_hex("01")).error(), ProtocolError::kUnexpectedPacket);
}

TEST(ParseNonce, TakesTwentyBytesAndOneNul) {
  EXPECT_TRUE(parse_nonce(Buffer(20, 'n')));
  Buffer with_nul(20, 'n');
  with_nul.push_back(0);
  EXPECT_TRUE(parse_nonce(with_nul));
  EXPECT_FALSE(parse_nonce(Buffer(21, 'n')));
  EXPECT_FALSE(parse_nonce(Buffer(19, 'n')));
  EXPECT_FALSE(parse_nonce(Buffer(22, 0)));
  EXPECT_FALSE(parse_nonce({}));
}

TEST(AuthMoreData, IsReadAndWrittenBack) {
  const Buffer bytes = from_hex("0104");
  const auto more = parse_auth_more_data(bytes);
  ASSERT_TRUE(more);
  ASSERT_EQ(more->data.size(), 1U);
  EXPECT_EQ(more->data[0], caching_sha2::kFullAuthNeeded);
  Buffer out;
  append_auth_more_data(out, *more);
  EXPECT_EQ(out, bytes);
  EXPECT_EQ(parse_auth_more_data({}).error(), ProtocolError::kTruncated);
  EXPECT_EQ(parse_auth_more_data(from_hex("fe")).error(), ProtocolError::kUnexpectedPacket);
}

TEST(AuthSwitchResponse, IsTheWholePayload) {
  const Buffer bytes = payload_of("response");
  Buffer out;
  append_auth_switch_response(out, parse_auth_switch_response(bytes));
  EXPECT_EQ(out, bytes);
}

}  // namespace
}  // namespace causeway::protocol
