// IP addresses and networks as values.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace causeway::proxy {

struct Ip {
  std::array<uint8_t, 16> bytes{};
  size_t size = 0;  // 4 or 16

  friend bool operator==(const Ip&, const Ip&) = default;
};

// IPv4, or IPv6 without a zone; an IPv4 address in IPv6 ("::ffff:10.0.0.1") is the IPv4 one.
std::optional<Ip> parse_ip(std::string_view text);

struct Network {
  Ip address;
  Ip mask;

  bool contains(const Ip& ip) const;
  int bits() const;

  friend bool operator==(const Network&, const Network&) = default;
};

// "10.0.0.0/255.0.0.0" or "fd00::/8".
std::optional<Network> parse_network(std::string_view text);

}  // namespace causeway::proxy
