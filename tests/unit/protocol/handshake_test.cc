#include "protocol/handshake.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "phase_packets.h"

namespace causeway::protocol {
namespace {

using test::from_hex;

// Greetings of real servers, as received, without the packet header.
const std::string_view kMysql97Greeting =
    "0a392e372e342d3200120000000e512736185f206b00ffffff0200ffdf15000000000000000000005c746035152d0c4e4d055b2e"
    "0063616368696e"
    "675f736861325f70617373776f726400";
const std::string_view kMariadb1011Greeting =
    "0a352e352e352d31302e31312e31392d4d6172696144422d302b646562313275310033000000476136265a73542c00fef7080200"
    "ff811500000000"
    "00001d0000007a47305a557c30772b6b5d6c006d7973716c5f6e61746976655f70617373776f726400";

// What Connector/C 3.3 (the mariadb client) and PyMySQL 1.0 answered to them, as user nat, password secret,
// schema app.
const std::string_view kConnectorCToMariadb =
    "8ca2bf000000100021000000000000000000000000000000000000001d0000006e617400146a94698bceadaefe7dbf9215812ee1"
    "84eed75561617070006d7973716c5f6e61746976655f70617373776f7264007f035f6f73054c696e75780c5f636c69656e745f6e"
    "616d650a6c69626d617269616462045f7069640532353037350f5f636c69656e745f76657273696f6e06332e332e3230095f706c"
    "6174666f726d067838365f36340c70726f6772616d5f6e616d65056d7973716c0c5f7365727665725f686f7374093132372e302e"
    "302e31";
const std::string_view kPymysqlToMysql =
    "0da23a00ffffff002d00000000000000000000000000000000000000000000006e61740020376f3168796c71bddc9a84c576dbd2"
    "c584393b8f56d3"
    "b64b8cd3c9669ba1024e6170700063616368696e675f736861325f70617373776f726400360c5f636c69656e745f6e616d650770"
    "796d7973716c04"
    "5f7069640532313331360f5f636c69656e745f76657273696f6e05312e302e32";

TEST(HandshakeV10, OfMysqlIsReadAndWrittenBack) {
  const Buffer bytes = from_hex(kMysql97Greeting);
  const auto greeting = parse_handshake_v10(bytes);
  ASSERT_TRUE(greeting);
  EXPECT_EQ(greeting->server_version, "9.7.4-2");
  EXPECT_EQ(greeting->thread_id, 18U);
  EXPECT_EQ(greeting->capabilities, 0xdfffffffU);
  EXPECT_EQ(greeting->collation, 255);
  EXPECT_EQ(greeting->status, status::kAutocommit);
  EXPECT_EQ(greeting->auth_plugin, "caching_sha2_password");
  EXPECT_FALSE(is_mariadb(*greeting));
  Buffer out;
  append_handshake_v10(out, *greeting);
  EXPECT_EQ(out, bytes);
}

TEST(HandshakeV10, OfMariadbHasExtendedCapabilities) {
  const Buffer bytes = from_hex(kMariadb1011Greeting);
  const auto greeting = parse_handshake_v10(bytes);
  ASSERT_TRUE(greeting);
  EXPECT_EQ(greeting->server_version, "5.5.5-10.11.19-MariaDB-0+deb12u1");
  EXPECT_EQ(greeting->capabilities, 0x1d81fff7feU);
  EXPECT_FALSE(has(greeting->capabilities, capability::kLongPassword));
  EXPECT_TRUE(has(greeting->capabilities, capability::kMariadbCacheMetadata));
  EXPECT_TRUE(is_mariadb(*greeting));
  Buffer out;
  append_handshake_v10(out, *greeting);
  EXPECT_EQ(out, bytes);
}

TEST(HandshakeV10, CutAtAnyByteIsTruncated) {
  for (const std::string_view hex : {kMysql97Greeting, kMariadb1011Greeting}) {
    const Buffer bytes = from_hex(hex);
    for (size_t length = 0; length < bytes.size(); ++length) {
      const auto result = parse_handshake_v10(Bytes(bytes).first(length));
      ASSERT_FALSE(result) << length;
      EXPECT_EQ(result.error(), ProtocolError::kTruncated) << length;
    }
  }
}

TEST(HandshakeV10, RefusesOtherVersions) {
  Buffer bytes = from_hex(kMysql97Greeting);
  bytes[0] = 9;
  EXPECT_EQ(parse_handshake_v10(bytes).error(), ProtocolError::kUnsupportedVersion);

  HandshakeV10 old{.server_version = "3.23", .capabilities = capability::kLongPassword};
  Buffer out;
  append_handshake_v10(out, old);
  EXPECT_EQ(parse_handshake_v10(out).error(), ProtocolError::kUnsupportedVersion);
}

TEST(HandshakeV10, NonceOfAnyAnnouncedLengthIsItsFirstTwentyBytes) {
  const Buffer bytes = from_hex(kMysql97Greeting);
  const auto expected = parse_handshake_v10(bytes);
  ASSERT_TRUE(expected);
  const size_t length_at = 8 + 1 + 4 + 8 + 1 + 2 + 1 + 2 + 2;
  ASSERT_EQ(bytes[length_at], 21);
  Buffer shorter = bytes;
  shorter[length_at] = 8;
  Buffer longer = bytes;
  longer[length_at] = 33;  // the nonce of ed25519
  longer.insert(longer.begin() + static_cast<long>(length_at + 11 + 13), 12, uint8_t{'x'});
  for (const Buffer& variant : {shorter, longer}) {
    const auto greeting = parse_handshake_v10(variant);
    ASSERT_TRUE(greeting);
    EXPECT_EQ(*greeting, *expected);
  }
}

TEST(HandshakeResponse41, OfConnectorCToMariadb) {
  const Buffer bytes = from_hex(kConnectorCToMariadb);
  const auto response = parse_handshake_response41(bytes);
  ASSERT_TRUE(response);
  EXPECT_EQ(response->user, "nat");
  EXPECT_EQ(response->database, "app");
  EXPECT_EQ(response->auth_plugin, "mysql_native_password");
  EXPECT_EQ(response->collation, 33);
  EXPECT_EQ(response->max_packet_bytes, 1U << 20);
  EXPECT_TRUE(has(response->capabilities, capability::kMariadbCacheMetadata));
  EXPECT_EQ(response->connect_attributes.size(), 0x7fU);
  Buffer out;
  append_handshake_response41(out, *response);
  EXPECT_EQ(out, bytes);

  // The scramble is that of the password, with the nonce of the greeting.
  const auto greeting = parse_handshake_v10(from_hex(kMariadb1011Greeting));
  ASSERT_TRUE(greeting);
  const Sha1Digest double_hash = sha1_digest(sha1_secret(as_bytes("secret")).view());
  EXPECT_TRUE(check_native_scramble(greeting->nonce, response->auth_response, double_hash));
}

TEST(HandshakeResponse41, OfPymysqlToMysql) {
  const Buffer bytes = from_hex(kPymysqlToMysql);
  const auto response = parse_handshake_response41(bytes);
  ASSERT_TRUE(response);
  EXPECT_EQ(response->user, "nat");
  EXPECT_EQ(response->database, "app");
  EXPECT_EQ(response->auth_plugin, "caching_sha2_password");
  Buffer out;
  append_handshake_response41(out, *response);
  EXPECT_EQ(out, bytes);

  const auto greeting = parse_handshake_v10(from_hex(kMysql97Greeting));
  ASSERT_TRUE(greeting);
  const Sha256Digest double_hash = sha256_digest(sha256_secret(as_bytes("secret")).view());
  EXPECT_TRUE(check_caching_sha2_scramble(greeting->nonce, response->auth_response, double_hash));
}

TEST(HandshakeResponse41, EveryCombinationOfFieldsComesBack) {
  Buffer attributes;
  append_connect_attribute(attributes, "program_name", "test");
  const std::vector<CapabilityFlags> optional = {
      capability::kSecureConnection, capability::kPluginAuthLenencClientData,
      capability::kConnectWithDb,    capability::kPluginAuth,
      capability::kConnectAttrs,     capability::kZstdCompression,
      capability::kLongPassword};
  for (size_t bits = 0; bits < size_t{1} << optional.size(); ++bits) {
    HandshakeResponse41 response{.capabilities = capability::kProtocol41,
                                 .max_packet_bytes = 77,
                                 .collation = 45,
                                 .user = "me",
                                 .auth_response = as_bytes("scramble")};
    for (size_t i = 0; i < optional.size(); ++i)
      if ((bits >> i & 1) != 0) response.capabilities |= optional[i];
    const CapabilityFlags flags = response.capabilities;
    if (!has(flags, capability::kLongPassword)) response.capabilities |= capability::kMariadbProgress;
    if (has(flags, capability::kConnectWithDb)) response.database = "app";
    if (has(flags, capability::kPluginAuth)) response.auth_plugin = "some_plugin";
    if (has(flags, capability::kConnectAttrs)) response.connect_attributes = attributes;
    if (has(flags, capability::kZstdCompression)) response.zstd_level = 7;

    Buffer bytes;
    append_handshake_response41(bytes, response);
    const auto parsed = parse_handshake_response41(bytes);
    ASSERT_TRUE(parsed) << bits;
    EXPECT_EQ(parsed->capabilities, response.capabilities);
    EXPECT_EQ(parsed->max_packet_bytes, 77U);
    EXPECT_EQ(parsed->collation, 45);
    EXPECT_EQ(parsed->user, "me");
    EXPECT_EQ(as_text(parsed->auth_response), "scramble");
    EXPECT_EQ(parsed->database, response.database);
    EXPECT_EQ(parsed->auth_plugin, response.auth_plugin);
    EXPECT_EQ(as_text(parsed->connect_attributes), as_text(response.connect_attributes));
    EXPECT_EQ(parsed->zstd_level, response.zstd_level);

    // Cut anywhere it is truncated, but where the plugin's name alone is missing.
    const bool plugin_last = has(flags, capability::kPluginAuth) && !has(flags, capability::kConnectAttrs) &&
                             !has(flags, capability::kZstdCompression);
    const size_t plugin_at = bytes.size() - (plugin_last ? std::string_view("some_plugin").size() + 1 : 0);
    for (size_t length = 2; length < bytes.size(); ++length) {
      if (plugin_last && length == plugin_at) continue;
      const auto cut = parse_handshake_response41(Bytes(bytes).first(length));
      ASSERT_FALSE(cut) << bits << " " << length;
      EXPECT_EQ(cut.error(), ProtocolError::kTruncated) << bits << " " << length;
    }
  }
}

TEST(HandshakeResponse41, AnnouncedPluginMayBeMissing) {
  Buffer bytes;
  append_handshake_response41(
      bytes, {.capabilities = capability::kProtocol41 | capability::kSecureConnection, .user = "me"});
  bytes[2] |= 1u << 3;  // kPluginAuth
  const auto parsed = parse_handshake_response41(bytes);
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->auth_plugin, "");
}

TEST(HandshakeResponse41, BytesBehindTheLastFieldAreIgnored) {
  Buffer bytes;
  append_handshake_response41(bytes, {.capabilities = capability::kProtocol41, .user = "me"});
  ByteWriter(bytes).text_nul("database");
  const auto parsed = parse_handshake_response41(bytes);
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->database, "");
}

TEST(HandshakeResponse41, OfOldClientsIsUnsupported) {
  EXPECT_EQ(parse_handshake_response41(from_hex("01000000006d6500")).error(),
            ProtocolError::kUnsupportedVersion);
}

TEST(HandshakeResponse41, FieldsAreBounded) {
  const std::string long_name(kMaxUserNameBytes + 1, 'u');
  Buffer bytes;
  append_handshake_response41(bytes, {.capabilities = capability::kProtocol41, .user = long_name});
  EXPECT_EQ(parse_handshake_response41(bytes).error(), ProtocolError::kMalformed);

  const Buffer attributes(kMaxConnectAttributesBytes + 1);
  bytes.clear();
  append_handshake_response41(bytes, {.capabilities = capability::kProtocol41 | capability::kConnectAttrs,
                                      .user = "me",
                                      .connect_attributes = attributes});
  EXPECT_EQ(parse_handshake_response41(bytes).error(), ProtocolError::kMalformed);

  bytes.resize(kMaxConnectionPhasePayloadBytes + 1);
  EXPECT_EQ(parse_handshake_response41(bytes).error(), ProtocolError::kPacketTooLarge);
}

TEST(SslRequest, OfConnectorCIsReadAndWrittenBack) {
  const Buffer bytes = from_hex("85aabf0000001000210000000000000000000000000000000000000000000000");
  EXPECT_TRUE(is_ssl_request(bytes));
  const auto request = parse_ssl_request(bytes);
  ASSERT_TRUE(request);
  EXPECT_TRUE(has(request->capabilities, capability::kSsl));
  EXPECT_EQ(request->collation, 33);
  Buffer out;
  append_ssl_request(out, *request);
  EXPECT_EQ(out, bytes);
}

TEST(SslRequest, IsToldByItsLengthAndFlag) {
  const Buffer good = from_hex("85aabf0000001000210000000000000000000000000000000000000000000000");
  for (size_t length = 0; length < good.size(); ++length) {
    EXPECT_FALSE(is_ssl_request(Bytes(good).first(length)));
    EXPECT_EQ(parse_ssl_request(Bytes(good).first(length)).error(), ProtocolError::kTruncated);
  }
  Buffer longer = good;
  longer.push_back(0);
  EXPECT_FALSE(is_ssl_request(longer));
  EXPECT_EQ(parse_ssl_request(longer).error(), ProtocolError::kTrailingBytes);
  Buffer without_flag = good;
  without_flag[1] &= 0xf7;
  EXPECT_FALSE(is_ssl_request(without_flag));
  EXPECT_EQ(parse_ssl_request(without_flag).error(), ProtocolError::kUnexpectedPacket);
}

}  // namespace
}  // namespace causeway::protocol
