#include "protocol/text.h"

#include <algorithm>
#include <cstdint>

namespace causeway::protocol {

std::string ascii_lower(std::string_view text) {
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(), [](char c) { return ascii_lower(c); });
  return lower;
}

bool equals_ignoring_case(std::string_view left, std::string_view right) {
  return std::equal(left.begin(), left.end(), right.begin(), right.end(),
                    [](char a, char b) { return ascii_lower(a) == ascii_lower(b); });
}

std::string_view cut_utf8(std::string_view text, size_t max_bytes) {
  if (text.size() <= max_bytes) return text;
  constexpr size_t kMaxContinuation = 3;
  const auto continues = [text](size_t at) { return (static_cast<uint8_t>(text[at]) & 0xc0) == 0x80; };
  size_t end = max_bytes;
  while (end > 0 && max_bytes - end < kMaxContinuation && continues(end))
    --end;
  return text.substr(0, continues(end) ? max_bytes : end);
}

}  // namespace causeway::protocol
