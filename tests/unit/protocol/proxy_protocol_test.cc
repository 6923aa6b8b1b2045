#include "protocol/proxy_protocol.h"

#include <gtest/gtest.h>

#include "capture_file.h"

namespace causeway::protocol {
namespace {

using State = ProxyHeader::State;

ProxyHeader parse_text(std::string_view text) {
  return parse_proxy_header(as_bytes(text));
}

// A header of version 2 with these last bytes.
Buffer v2(const std::string& hex) {
  return from_hex("0d0a0d0a000d0a515549540a" + hex);
}

// The next five were sent by HAProxy 2.6 (send-proxy, send-proxy-v2), each with a byte of the client behind.
TEST(ProxyProtocol, VersionOneOverIpv4) {
  const auto header = parse_text("PROXY TCP4 127.0.0.1 127.0.0.2 55500 60925\r\nx");
  EXPECT_EQ(header.state, State::kComplete);
  EXPECT_EQ(header.used_bytes, 44u);
  EXPECT_TRUE(header.has_addresses);
  EXPECT_EQ(header.source, (ProxyEndpoint{"127.0.0.1", 55500}));
  EXPECT_EQ(header.destination, (ProxyEndpoint{"127.0.0.2", 60925}));
}

TEST(ProxyProtocol, VersionOneOverIpv6) {
  const auto header = parse_text("PROXY TCP6 ::1 ::1 59390 58491\r\nx");
  EXPECT_EQ(header.state, State::kComplete);
  EXPECT_EQ(header.used_bytes, 32u);
  EXPECT_EQ(header.source, (ProxyEndpoint{"::1", 59390}));
  EXPECT_EQ(header.destination, (ProxyEndpoint{"::1", 58491}));
}

TEST(ProxyProtocol, VersionTwoOverIpv4) {
  const auto header = parse_proxy_header(v2("2111000c7f0000017f000001987a997b78"));
  EXPECT_EQ(header.state, State::kComplete);
  EXPECT_EQ(header.used_bytes, 28u);
  EXPECT_TRUE(header.has_addresses);
  EXPECT_EQ(header.source, (ProxyEndpoint{"127.0.0.1", 39034}));
  EXPECT_EQ(header.destination, (ProxyEndpoint{"127.0.0.1", 39291}));
}

TEST(ProxyProtocol, VersionTwoOverIpv6) {
  const auto header =
      parse_proxy_header(v2("21210024000000000000000000000000000000010000000000000000000000000000000180"
                            "24eda378"));
  EXPECT_EQ(header.state, State::kComplete);
  EXPECT_EQ(header.used_bytes, 52u);
  EXPECT_EQ(header.source, (ProxyEndpoint{"::1", 32804}));
  EXPECT_EQ(header.destination, (ProxyEndpoint{"::1", 60835}));
}

// crc32c and unique-id.
TEST(ProxyProtocol, ExtensionsAreSkipped) {
  const auto header =
      parse_proxy_header(v2("2111003a7f0000017f000001c728ced50300047d3a103e050024633265633735"
                            "61632d326531312d343264382d613665622d61653765356234366635653978"));
  EXPECT_EQ(header.state, State::kComplete);
  EXPECT_EQ(header.used_bytes, 74u);
  EXPECT_EQ(header.source, (ProxyEndpoint{"127.0.0.1", 50984}));
}

TEST(ProxyProtocol, HealthChecksHaveNoAddresses) {
  for (const Buffer& bytes : {v2("20000000"), v2("2011000c7f0000017f000001987a997b"), v2("20ff0001ff")}) {
    const auto header = parse_proxy_header(bytes);
    EXPECT_EQ(header.state, State::kComplete);
    EXPECT_EQ(header.used_bytes, bytes.size());
    EXPECT_FALSE(header.has_addresses);
  }
}

TEST(ProxyProtocol, UnknownAndOtherFamiliesHaveNoAddresses) {
  for (const std::string_view text :
       {"PROXY UNKNOWN\r\n", "PROXY UNKNOWN ffff::1 what ever\r\n", "PROXY UNKNOWN \r\n"}) {
    const auto header = parse_text(text);
    EXPECT_EQ(header.state, State::kComplete) << text;
    EXPECT_EQ(header.used_bytes, text.size());
    EXPECT_FALSE(header.has_addresses);
  }
  Buffer unix_sockets = v2("213100d8");
  unix_sockets.resize(16 + 216, 'p');
  for (const Buffer& bytes : {v2("21000000"), v2("2112000c7f0000017f000001987a997b"), unix_sockets}) {
    const auto header = parse_proxy_header(bytes);
    EXPECT_EQ(header.state, State::kComplete);
    EXPECT_EQ(header.used_bytes, bytes.size());
    EXPECT_FALSE(header.has_addresses);
  }
}

TEST(ProxyProtocol, EveryBeginningNeedsMore) {
  const std::string longest =
      "PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 "
      "65535\r\n";
  ASSERT_EQ(longest.size(), kMaxProxyV1Bytes);
  const Buffer bytes = v2("2111000f7f0000017f000001987a997b040000");
  for (const Bytes whole :
       {as_bytes(longest), as_bytes("PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n"), Bytes(bytes)}) {
    for (size_t length = 0; length < whole.size(); ++length)
      EXPECT_EQ(parse_proxy_header(whole.first(length)).state, State::kNeedMore) << length;
    EXPECT_EQ(parse_proxy_header(whole).state, State::kComplete);
  }
}

TEST(ProxyProtocol, WhatIsNoHeaderIsKnownAtItsFirstOtherByte) {
  for (const std::string_view text : {"P\n", "PROXY\n", "proxy ", "\r\n\r\nx", "\x16\x03\x01", "Q"})
    EXPECT_EQ(parse_text(text).state, State::kMalformed) << text;
}

TEST(ProxyProtocol, MalformedLines) {
  for (const std::string_view rest :
       {"", " ", "TCP4", "TCP5 1.2.3.4 5.6.7.8 1 2", "TCP4 1.2.3.4 5.6.7.8 1", "TCP4 1.2.3.4 5.6.7.8 1 2 3",
        "TCP4 1.2.3.4 5.6.7.8 1 2 ", "TCP4  1.2.3.4 5.6.7.8 1 2", "TCP4 1.2.3.4 5.6.7.8 01 2",
        "TCP4 1.2.3.4 5.6.7.8 1 65536", "TCP4 1.2.3.4 5.6.7.8 -1 2", "TCP4 1.2.3.4 5.6.7.8 1 2x",
        "TCP4 1.2.3.4 5.6.7.8  2", "TCP4 1.2.3 5.6.7.8 1 2", "TCP4 01.2.3.4 5.6.7.8 1 2", "TCP4 ::1 ::1 1 2",
        "TCP6 1.2.3.4 5.6.7.8 1 2", "TCP6 ::1%lo ::1 1 2", "unknown"}) {
    const std::string line = "PROXY " + std::string(rest) + "\r\n";
    EXPECT_EQ(parse_text(line).state, State::kMalformed) << rest;
  }
  EXPECT_EQ(parse_text(std::string_view("PROXY TCP4 1.2.3.4\0 5.6.7.8 1 2\r\n", 33)).state,
            State::kMalformed);
  EXPECT_EQ(parse_text("PROXY TCP4 1.2.3.4 5.6.7.8 1 2\n" + std::string(80, 'x')).state, State::kMalformed);
  EXPECT_EQ(parse_text("PROXY UNKNOWN" + std::string(94, ' ')).state, State::kMalformed);
}

TEST(ProxyProtocol, MalformedVersionTwo) {
  for (const char* rest : {
           "31110000",                          // version 3
           "22110000",                          // command 2
           "21410000",                          // family 4
           "21130000",                          // transport 3
           "2111000b7f0000017f000001987a99",    // too short for its family
           "2121000c7f0000017f000001987a997b",  // likewise
           "21111001",                          // 4097 bytes
           "2000ffff",
       })
    EXPECT_EQ(parse_proxy_header(v2(rest)).state, State::kMalformed) << rest;
  EXPECT_EQ(parse_proxy_header(v2("21111000")).state, State::kNeedMore);
}

TEST(ProxyProtocol, WrittenAsHaproxyDoes) {
  Buffer out;
  EXPECT_TRUE(append_proxy_v2(out, {"127.0.0.1", 39034}, {"127.0.0.1", 39291}));
  EXPECT_EQ(out, v2("2111000c7f0000017f000001987a997b"));
  out.clear();
  EXPECT_TRUE(append_proxy_v2(out, {"::1", 32804}, {"::1", 60835}));
  EXPECT_EQ(out, v2("2121002400000000000000000000000000000001000000000000000000000000000000018024eda3"));
  out.clear();
  append_proxy_v2_local(out);
  EXPECT_EQ(out, v2("20000000"));
}

TEST(ProxyProtocol, WrittenForAddressesOfTwoFamiliesAndWithZone) {
  Buffer out;
  EXPECT_TRUE(append_proxy_v2(out, {"10.0.0.1", 1}, {"fe80::1%eth0", 2}));
  const auto header = parse_proxy_header(out);
  EXPECT_EQ(header.used_bytes, out.size());
  EXPECT_EQ(header.source, (ProxyEndpoint{"::ffff:10.0.0.1", 1}));
  EXPECT_EQ(header.destination, (ProxyEndpoint{"fe80::1", 2}));
}

TEST(ProxyProtocol, WrittenForIpAddressesOnly) {
  Buffer out;
  for (const char* address : {"", "localhost", "/run/socket", "1.2.3"}) {
    EXPECT_FALSE(append_proxy_v2(out, {address, 1}, {"::1", 2})) << address;
    EXPECT_FALSE(append_proxy_v2(out, {"1.2.3.4", 1}, {address, 2})) << address;
  }
  EXPECT_TRUE(out.empty());
}

}  // namespace
}  // namespace causeway::protocol
