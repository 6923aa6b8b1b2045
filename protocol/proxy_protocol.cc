#include "protocol/proxy_protocol.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <string_view>

namespace causeway::protocol {
namespace {

using State = ProxyHeader::State;

constexpr std::string_view kV1Signature = "PROXY ";
constexpr std::string_view kV2Signature{"\r\n\r\n\0\r\nQUIT\n", 12};
constexpr size_t kV2FixedBytes = 16;

constexpr uint8_t kLocal = 0x20;
constexpr uint8_t kProxy = 0x21;
constexpr uint8_t kUnspecified = 0x00;
constexpr uint8_t kTcp4 = 0x11;
constexpr uint8_t kTcp6 = 0x21;
constexpr uint8_t kLastFamily = 0x30;
constexpr uint8_t kLastTransport = 0x02;

constexpr size_t kIpv4Bytes = 4;
constexpr size_t kIpv6Bytes = 16;

ProxyHeader malformed() {
  return {.state = State::kMalformed};
}

// Whether one of both begins with the other.
bool may_begin_with(std::string_view text, std::string_view prefix) {
  const size_t length = std::min(text.size(), prefix.size());
  return text.substr(0, length) == prefix.substr(0, length);
}

std::string ip_text(Bytes ip) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  inet_ntop(ip.size() == kIpv4Bytes ? AF_INET : AF_INET6, ip.data(), text.data(), text.size());
  return text.data();
}

// The bytes of an address; nothing if the text is none of this family.
std::optional<Buffer> ip_bytes(int family, const std::string& text) {
  Buffer ip(family == AF_INET ? kIpv4Bytes : kIpv6Bytes);
  if (text.find('\0') != std::string::npos || inet_pton(family, text.c_str(), ip.data()) != 1)
    return std::nullopt;
  return ip;
}

// Takes the next field of a version 1 line; the last one ends with the line.
std::string_view next_field(std::string_view& line) {
  const size_t space = line.find(' ');
  const std::string_view field = line.substr(0, space);
  line = space == std::string_view::npos ? std::string_view{} : line.substr(space + 1);
  return field;
}

bool read_v1_address(int family, std::string_view field, ProxyEndpoint& endpoint) {
  const std::optional<Buffer> ip = ip_bytes(family, std::string(field));
  if (!ip) return false;
  endpoint.address = ip_text(*ip);
  return true;
}

bool read_v1_port(std::string_view field, ProxyEndpoint& endpoint) {
  if (field.size() > 1 && field.front() == '0') return false;
  const auto [end, error] = std::from_chars(field.data(), field.data() + field.size(), endpoint.port);
  return error == std::errc{} && end == field.data() + field.size();
}

// The line without its signature and its CRLF.
bool read_v1_line(std::string_view line, ProxyHeader& header) {
  const std::string_view protocol = next_field(line);
  if (protocol == "UNKNOWN") return true;
  if (protocol != "TCP4" && protocol != "TCP6") return false;
  const int family = protocol == "TCP4" ? AF_INET : AF_INET6;
  header.has_addresses = true;
  if (std::ranges::count(line, ' ') != 3) return false;
  return read_v1_address(family, next_field(line), header.source) &&
         read_v1_address(family, next_field(line), header.destination) &&
         read_v1_port(next_field(line), header.source) && read_v1_port(next_field(line), header.destination);
}

ProxyHeader parse_v1(std::string_view buffered) {
  const std::string_view front = buffered.substr(0, kMaxProxyV1Bytes);
  const size_t end = front.find("\r\n");
  if (end == std::string_view::npos) return front.size() == kMaxProxyV1Bytes ? malformed() : ProxyHeader{};
  ProxyHeader header{.state = State::kComplete, .used_bytes = end + 2};
  if (!read_v1_line(front.substr(kV1Signature.size(), end - kV1Signature.size()), header)) return malformed();
  return header;
}

uint16_t read_big_endian(ByteReader& reader) {
  const auto high = static_cast<uint16_t>(reader.int1() << 8);
  return high | reader.int1();
}

bool is_known_family(uint8_t family_and_transport) {
  return (family_and_transport & 0xf0) <= kLastFamily && (family_and_transport & 0x0f) <= kLastTransport;
}

ProxyHeader parse_v2(Bytes buffered) {
  ByteReader fixed(buffered);
  fixed.skip(kV2Signature.size());
  const uint8_t command = fixed.int1();
  const uint8_t family = fixed.int1();
  const size_t length = read_big_endian(fixed);
  if (!fixed.ok()) return {};
  if (command != kLocal && command != kProxy) return malformed();
  if (command == kProxy && !is_known_family(family)) return malformed();
  ProxyHeader header{.state = State::kComplete, .used_bytes = kV2FixedBytes + length};
  if (header.used_bytes > kMaxProxyV2Bytes) return malformed();
  if (buffered.size() < header.used_bytes) return {};
  if (command == kLocal || (family != kTcp4 && family != kTcp6)) return header;

  const size_t ip_length = family == kTcp4 ? kIpv4Bytes : kIpv6Bytes;
  ByteReader reader(buffered.subspan(kV2FixedBytes, length));
  const Bytes source = reader.bytes(ip_length);
  const Bytes destination = reader.bytes(ip_length);
  header.source.port = read_big_endian(reader);
  header.destination.port = read_big_endian(reader);
  if (!reader.ok()) return malformed();
  header.has_addresses = true;
  header.source.address = ip_text(source);
  header.destination.address = ip_text(destination);
  return header;
}

std::string without_zone(const std::string& address) {
  return address.substr(0, address.find('%'));
}

// As IPv6, an IPv4 address in its mapped form.
std::optional<Buffer> as_ipv6(const std::string& address) {
  std::optional<Buffer> ip = ip_bytes(AF_INET6, address);
  if (!ip) ip = ip_bytes(AF_INET6, "::ffff:" + address);
  return ip;
}

void append_v2_head(ByteWriter& writer, uint8_t command, uint8_t family, uint8_t length) {
  writer.text(kV2Signature);
  writer.int1(command);
  writer.int1(family);
  writer.int1(0);
  writer.int1(length);
}

void append_big_endian(ByteWriter& writer, uint16_t value) {
  writer.int1(static_cast<uint8_t>(value >> 8));
  writer.int1(static_cast<uint8_t>(value));
}

}  // namespace

ProxyHeader parse_proxy_header(Bytes buffered) {
  const std::string_view text = as_text(buffered);
  if (text.starts_with(kV1Signature)) return parse_v1(text);
  if (text.starts_with(kV2Signature)) return parse_v2(buffered);
  return may_begin_with(text, kV1Signature) || may_begin_with(text, kV2Signature) ? ProxyHeader{}
                                                                                  : malformed();
}

bool append_proxy_v2(Buffer& out, const ProxyEndpoint& source, const ProxyEndpoint& destination) {
  const std::string from = without_zone(source.address);
  const std::string to = without_zone(destination.address);
  std::optional<Buffer> from_ip = ip_bytes(AF_INET, from);
  std::optional<Buffer> to_ip = ip_bytes(AF_INET, to);
  const bool is_ipv4 = from_ip && to_ip;
  if (!is_ipv4) {
    from_ip = as_ipv6(from);
    to_ip = as_ipv6(to);
    if (!from_ip || !to_ip) return false;
  }
  ByteWriter writer(out);
  append_v2_head(writer, kProxy, is_ipv4 ? kTcp4 : kTcp6,
                 static_cast<uint8_t>(2 * (from_ip->size() + sizeof source.port)));
  writer.bytes(*from_ip);
  writer.bytes(*to_ip);
  append_big_endian(writer, source.port);
  append_big_endian(writer, destination.port);
  return true;
}

void append_proxy_v2_local(Buffer& out) {
  ByteWriter writer(out);
  append_v2_head(writer, kLocal, kUnspecified, 0);
}

}  // namespace causeway::protocol
