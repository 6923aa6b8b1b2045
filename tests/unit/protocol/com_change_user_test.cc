#include "protocol/com_change_user.h"

#include <gtest/gtest.h>

#include <string>

#include "protocol/handshake.h"

namespace causeway::protocol {
namespace {

using namespace std::string_literals;

constexpr CapabilityFlags kOld = capability::kProtocol41;
constexpr CapabilityFlags kWithoutPlugin = kOld | capability::kSecureConnection;
constexpr CapabilityFlags kPlugin = kWithoutPlugin | capability::kPluginAuth;
constexpr CapabilityFlags kAll =
    kPlugin | capability::kConnectAttrs | capability::kPluginAuthLenencClientData;

const std::string kHead = "\x11root\0\3xyzd\0"s;
const std::string kFull = kHead + "\x08\0caching_sha2_password\0\4\1a\1b"s;

Result<ComChangeUser> parse(const std::string& payload, CapabilityFlags capabilities) {
  return parse_com_change_user(as_bytes(payload), capabilities);
}

// What is parsed has views into it.
Result<ComChangeUser> parse(std::string&& payload, CapabilityFlags capabilities) = delete;

std::string written(const ComChangeUser& change, CapabilityFlags capabilities) {
  Buffer out;
  append_com_change_user(out, change, capabilities);
  return std::string(as_text(out));
}

TEST(ComChangeUser, AllFields) {
  const auto change = parse(kFull, kAll);
  ASSERT_TRUE(change);
  EXPECT_EQ(change->user, "root");
  EXPECT_EQ(as_text(change->auth_response), "xyz");
  EXPECT_EQ(change->database, "d");
  EXPECT_EQ(change->collation, 8);
  EXPECT_EQ(change->auth_plugin, "caching_sha2_password");
  EXPECT_EQ(as_text(change->connect_attributes), "\1a\1b");
  EXPECT_EQ(written(*change, kAll), kFull);
}

TEST(ComChangeUser, FieldsFollowFromTheCapabilities) {
  const auto without_attributes = parse(kFull, kPlugin);
  ASSERT_TRUE(without_attributes);
  EXPECT_EQ(without_attributes->auth_plugin, "caching_sha2_password");
  EXPECT_TRUE(without_attributes->connect_attributes.empty());

  const std::string plain = kHead + "\x08\0\4\1a\1b"s;
  const auto without_plugin = parse(plain, kWithoutPlugin | capability::kConnectAttrs);
  ASSERT_TRUE(without_plugin);
  EXPECT_EQ(without_plugin->collation, 8);
  EXPECT_EQ(without_plugin->auth_plugin, "");
  EXPECT_EQ(as_text(without_plugin->connect_attributes), "\1a\1b");

  const std::string of_old_client = "\x11root\0abcdefgh\0d\0"s;
  const auto old = parse(of_old_client, kOld);
  ASSERT_TRUE(old);
  EXPECT_EQ(as_text(old->auth_response), "abcdefgh");
  EXPECT_EQ(old->database, "d");
  EXPECT_EQ(old->collation, std::nullopt);
}

TEST(ComChangeUser, CollationMayBeMissingWithoutPlugin) {
  for (const std::string& payload : {kHead, kHead + "\x08"}) {
    const auto change = parse(payload, kWithoutPlugin);
    ASSERT_TRUE(change);
    EXPECT_EQ(change->collation, std::nullopt);
  }
  const std::string with_collation = kHead + "\x08\0"s;
  EXPECT_EQ(parse(with_collation, kWithoutPlugin)->collation, 8);
}

// 1047 from MySQL 9.7 and MariaDB 10.11; 1045 from MySQL for the attributes.
TEST(ComChangeUser, TruncationIsAnError) {
  const size_t plugin = kHead.size() + 3;
  const size_t attributes = kFull.size() - 5;
  for (size_t length = 0; length < kFull.size(); ++length) {
    const std::string part = kFull.substr(0, length);
    EXPECT_EQ(parse(part, kAll).error(), ProtocolError::kTruncated) << length;
    const auto change = parse(part, kPlugin);
    EXPECT_EQ(change.has_value(), length >= plugin) << length;
    if (change && length >= attributes - 1) {
      EXPECT_EQ(change->auth_plugin, "caching_sha2_password") << length;
    }
  }
}

TEST(ComChangeUser, EmptyFieldsAndBytesBehind) {
  const std::string payload = "\x11\0\0\0\x21\0\0\0trailing"s;
  const auto change = parse(payload, kAll);
  ASSERT_TRUE(change);
  EXPECT_EQ(change->user, "");
  EXPECT_TRUE(change->auth_response.empty());
  EXPECT_EQ(change->database, "");
  EXPECT_EQ(change->collation, 0x21);
  EXPECT_EQ(change->auth_plugin, "");
}

// One byte for MySQL, the start of a longer length for MariaDB.
TEST(ComChangeUser, LengthThatServersReadInTwoWaysIsRefused) {
  for (const int length : {0xfb, 0xfc, 0xff}) {
    const std::string payload = "\x11u\0"s + static_cast<char>(length) +
                                std::string(static_cast<size_t>(length), 'x') + "d\0\x08\0p\0\0"s;
    EXPECT_EQ(parse(payload, kAll).error(), ProtocolError::kTruncated) << length;
    EXPECT_EQ(parse(payload, kPlugin)->auth_response.size(), static_cast<size_t>(length)) << length;
  }
  const std::string longest = "\x11u\0\xfa"s + std::string(250, 'x') + "d\0\x08\0p\0\0"s;
  EXPECT_EQ(parse(longest, kAll)->auth_response.size(), 250u);
}

TEST(ComChangeUser, FieldsAreBounded) {
  const auto with = [](size_t user, size_t database, size_t attributes) {
    Buffer payload;
    const std::string user_name(user, 'u');
    const std::string database_name(database, 'd');
    append_com_change_user(payload,
                           {.user = user_name,
                            .database = database_name,
                            .collation = 8,
                            .connect_attributes = Buffer(attributes)},
                           kAll);
    return parse_com_change_user(payload, kAll).has_value();
  };
  EXPECT_TRUE(with(kMaxUserNameBytes, kMaxDatabaseNameBytes, kMaxConnectAttributesBytes));
  EXPECT_FALSE(with(kMaxUserNameBytes + 1, 0, 0));
  EXPECT_FALSE(with(0, kMaxDatabaseNameBytes + 1, 0));
  EXPECT_FALSE(with(0, 0, kMaxConnectAttributesBytes + 1));
  const std::string long_payload = kFull + std::string(kMaxConnectionPhasePayloadBytes, 'x');
  EXPECT_EQ(parse(long_payload, kAll).error(), ProtocolError::kPacketTooLarge);
}

TEST(ComChangeUser, WrittenAsTheServerCanRead) {
  const ComChangeUser change{.user = "root",
                             .auth_response = as_bytes("xyz"),
                             .database = "d",
                             .collation = 8,
                             .auth_plugin = "p",
                             .connect_attributes = as_bytes("\1a\1b")};
  EXPECT_EQ(written(change, kAll), kHead + "\x08\0p\0\4\1a\1b"s);
  EXPECT_EQ(written(change, kPlugin), kHead + "\x08\0p\0"s);
  EXPECT_EQ(written(change, kWithoutPlugin), kHead + "\x08\0"s);
  EXPECT_EQ(written(change, kOld), "\x11root\0xyz\0d\0\x08\0"s);
}

}  // namespace
}  // namespace causeway::protocol
