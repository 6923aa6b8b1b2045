#include "protocol/log_name.h"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>

namespace causeway::protocol {
namespace {

char to_lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool is_uuid(std::string_view text) {
  constexpr size_t kUuidCharacters = 36;
  if (text.size() != kUuidCharacters) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = to_lower(text[i]);
    const bool is_dash = i == 8 || i == 13 || i == 18 || i == 23;
    const bool is_digit = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
    if (is_dash ? c != '-' : !is_digit) return false;
  }
  return true;
}

bool is_server_id(std::string_view text) {
  if (text.empty() || text.front() < '1' || text.front() > '9') return false;
  uint32_t id = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, id);
  return error == std::errc{} && stop == end;
}

}  // namespace

LogName parse_log_name(std::string_view text) {
  const size_t colon = text.find(':');
  if (colon == std::string_view::npos || colon + 1 == text.size()) return {.file = text};
  const std::string_view owner = text.substr(0, colon);
  if (!is_uuid(owner) && !is_server_id(owner)) return {.file = text};
  return {.owner = owner, .file = text.substr(colon + 1)};
}

bool same_owner(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, {}, to_lower, to_lower);
}

}  // namespace causeway::protocol
