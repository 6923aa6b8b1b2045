#include "proxy/base/network.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <ranges>
#include <span>
#include <string>
#include <system_error>

namespace causeway::proxy {

std::optional<Ip> parse_ip(std::string_view text) {
  const std::string copy(text);
  Ip ip;
  if (inet_pton(AF_INET, copy.c_str(), ip.bytes.data()) == 1)
    ip.size = 4;
  else if (inet_pton(AF_INET6, copy.c_str(), ip.bytes.data()) == 1)
    ip.size = 16;
  else
    return std::nullopt;
  // An IPv4 client on an IPv6 socket.
  constexpr std::array<uint8_t, 12> kMapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  if (ip.size == 16 && std::ranges::equal(kMapped, std::span(ip.bytes).first(kMapped.size()))) {
    Ip v4{.size = 4};
    std::ranges::copy(std::span(ip.bytes).last(4), v4.bytes.begin());
    return v4;
  }
  return ip;
}

bool Network::contains(const Ip& ip) const {
  if (ip.size != address.size) return false;
  for (size_t i = 0; i < ip.size; ++i)
    if ((ip.bytes[i] & mask.bytes[i]) != address.bytes[i]) return false;
  return true;
}

int Network::bits() const {
  int count = 0;
  for (const uint8_t byte : mask.bytes)
    count += __builtin_popcount(byte);
  return count;
}

std::optional<Network> parse_network(std::string_view pattern) {
  const size_t slash = pattern.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const auto address = parse_ip(pattern.substr(0, slash));
  const std::string_view mask_text = pattern.substr(slash + 1);
  if (!address) return std::nullopt;
  Network network{.address = *address, .mask = {.size = address->size}};
  if (const auto mask = parse_ip(mask_text)) {
    if (mask->size != address->size) return std::nullopt;
    network.mask = *mask;
    return network;
  }
  size_t bits = 0;
  const auto [end, error] = std::from_chars(mask_text.data(), mask_text.data() + mask_text.size(), bits);
  if (error != std::errc() || end != mask_text.data() + mask_text.size() || bits > address->size * 8)
    return std::nullopt;
  for (size_t i = 0; i < bits; ++i)
    network.mask.bytes[i / 8] = static_cast<uint8_t>(network.mask.bytes[i / 8] | 0x80 >> (i % 8));
  return network;
}

}  // namespace causeway::proxy
