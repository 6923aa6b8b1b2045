#include "proxy/config/config_values.h"

#include <algorithm>
#include <charconv>

#include "proxy/base/duration.h"

namespace causeway::proxy {
namespace {

// sizeof(sockaddr_un::sun_path) less its NUL.
constexpr size_t kMaxSocketPathBytes = 107;
constexpr size_t kMaxHostBytes = 255;

template <class Number>
std::optional<Number> parse_number(std::string_view text) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::string format_bytes(uint64_t bytes) {
  if (bytes >= 1u << 30 && bytes % (1u << 30) == 0) return std::to_string(bytes >> 30) + "GiB";
  if (bytes >= 1u << 20 && bytes % (1u << 20) == 0) return std::to_string(bytes >> 20) + "MiB";
  if (bytes >= 1u << 10 && bytes % (1u << 10) == 0) return std::to_string(bytes >> 10) + "KiB";
  return std::to_string(bytes);
}

std::optional<uint64_t> parse_bytes(std::string_view text) {
  unsigned shift = 0;
  for (const auto& [unit, bits] : {std::pair{"KiB", 10u}, {"MiB", 20u}, {"GiB", 30u}}) {
    if (!text.ends_with(unit)) continue;
    text.remove_suffix(3);
    shift = bits;
  }
  const std::optional<uint64_t> number = parse_number<uint64_t>(text);
  if (!number || *number > std::numeric_limits<uint64_t>::max() >> shift) return std::nullopt;
  return *number << shift;
}

std::string_view address_form(AddressUse use) {
  switch (use) {
    case AddressUse::kListen:
      return "must be HOST:PORT, [IPV6]:PORT or unix:/PATH";
    case AddressUse::kListenTcp:
    case AddressUse::kConnect:
      break;
  }
  return "must be HOST:PORT or [IPV6]:PORT";
}

bool is_host(std::string_view host) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == ':' || c == '%';
  };
  return !host.empty() && host.size() <= kMaxHostBytes && std::ranges::all_of(host, allowed);
}

OrProblem<> set_socket_path(Address& target, std::string_view path) {
  if (!path.starts_with('/')) return Problem{"must have an absolute path after unix:"};
  if (path.size() > kMaxSocketPathBytes)
    return Problem{"must have a path of at most " + std::to_string(kMaxSocketPathBytes) +
                   " bytes after unix:"};
  if (path.find('\0') != std::string_view::npos) return Problem{"must have a path without NUL"};
  target = Address{.host = {}, .port = 0, .path = std::string(path)};
  return {};
}

}  // namespace

std::optional<size_t> find_choice(std::string_view text, std::span<const std::string_view> names) {
  const auto found = std::ranges::find(names, text);
  if (found == names.end()) return std::nullopt;
  return static_cast<size_t>(found - names.begin());
}

std::string must_be_one_of(std::span<const std::string_view> names) {
  if (names.size() == 1) return "must be " + std::string(names.front());
  std::string text = "must be one of ";
  for (size_t i = 0; i < names.size(); ++i) {
    if (i > 0) text += ", ";
    text += names[i];
  }
  return text;
}

OrProblem<> set_read_consistency(consistency::ReadConsistency& target, std::string_view text) {
  const std::optional<consistency::ReadConsistency> level =
      text == "off" ? consistency::ReadConsistency::kOff : consistency::parse_read_consistency(text);
  if (!level) return Problem{"must be one of EVENTUAL, SESSION, GLOBAL, off"};
  target = *level;
  return {};
}

OrProblem<> set_number(uint32_t& target, std::string_view text, uint32_t min, uint32_t max) {
  const std::optional<uint32_t> number = parse_number<uint32_t>(text);
  if (!number || *number < min || *number > max)
    return Problem{"must be a whole number between " + std::to_string(min) + " and " + std::to_string(max)};
  target = *number;
  return {};
}

OrProblem<> set_duration(std::chrono::milliseconds& target, std::string_view text,
                         std::chrono::milliseconds min, std::chrono::milliseconds max) {
  const std::optional<std::chrono::milliseconds> duration = parse_duration(text);
  if (!duration || *duration < min || *duration > max)
    return Problem{"must be a duration like 250ms, 1.5s or 2m (a plain number is in seconds) between " +
                   format_duration(min) + " and " + format_duration(max)};
  target = *duration;
  return {};
}

OrProblem<> set_bytes(uint64_t& target, std::string_view text, uint64_t min, uint64_t max) {
  const std::optional<uint64_t> bytes = parse_bytes(text);
  if (!bytes || *bytes < min || *bytes > max)
    return Problem{"must be a number of bytes, or one with KiB, MiB or GiB, between " + format_bytes(min) +
                   " and " + format_bytes(max)};
  target = *bytes;
  return {};
}

OrProblem<> set_text(std::string& target, std::string_view text) {
  if (text.find('\0') != std::string_view::npos) return Problem{"must not contain NUL"};
  target = text;
  return {};
}

OrProblem<> set_secret(protocol::SecretBytes& target, std::string_view text) {
  if (text.find('\0') != std::string_view::npos) return Problem{"must not contain NUL"};
  target = protocol::SecretBytes(text);
  return {};
}

OrProblem<> set_name(std::string& target, std::string_view text) {
  if (text.empty()) return Problem{"must not be empty"};
  return set_text(target, text);
}

OrProblem<> set_flag(bool& target, std::string_view text) {
  if (text != "true" && text != "false") return Problem{"must be true or false"};
  target = text == "true";
  return {};
}

OrProblem<> set_networks(std::vector<Network>& target, std::string_view text) {
  constexpr std::string_view kForm = "must be networks such as 10.0.0.0/8 or fd00::/8, or addresses";
  std::vector<Network> networks;
  while (!text.empty()) {
    const std::string_view part = text.substr(0, text.find(' '));
    text.remove_prefix(std::min(text.size(), part.size() + 1));
    if (part.empty()) continue;
    const std::string_view bits = part.find(':') == std::string_view::npos ? "/32" : "/128";
    const bool is_address = part.find('/') == std::string_view::npos;
    const auto network = parse_network(is_address ? std::string(part).append(bits) : std::string(part));
    if (!network) return Problem{std::string(kForm)};
    networks.push_back(*network);
  }
  if (networks.empty()) return Problem{std::string(kForm)};
  target.insert(target.end(), networks.begin(), networks.end());
  return {};
}

OrProblem<> set_file_mode(uint32_t& target, std::string_view text) {
  uint32_t mode = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), mode, 8);
  if (text.size() != 4 || text[0] != '0' || error != std::errc() || end != text.data() + text.size())
    return Problem{"must be an octal mode such as 0660"};
  target = mode;
  return {};
}

OrProblem<> set_address(Address& target, std::string_view text, AddressUse use) {
  constexpr std::string_view kUnixPrefix = "unix:";
  if (use == AddressUse::kListen && text.starts_with(kUnixPrefix))
    return set_socket_path(target, text.substr(kUnixPrefix.size()));

  std::string form(address_form(use));
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return Problem{form};
  std::string_view host = text.substr(0, colon);
  const bool bracketed = host.starts_with('[') && host.ends_with(']');
  if (bracketed) host = host.substr(1, host.size() - 2);
  const bool has_colon = host.find(':') != std::string_view::npos;
  if (!is_host(host) || has_colon != bracketed) return Problem{form};

  const std::optional<uint16_t> port = parse_number<uint16_t>(text.substr(colon + 1));
  const uint16_t min_port = use == AddressUse::kConnect ? 1 : 0;
  if (!port || *port < min_port)
    return Problem{form + " with a port between " + std::to_string(min_port) + " and 65535"};
  target = Address{.host = std::string(host), .port = *port};
  return {};
}

}  // namespace causeway::proxy
