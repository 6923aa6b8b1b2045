// Texts as the servers compare and cut them.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace causeway::protocol {

// Other bytes than A to Z are returned as they are.
constexpr char ascii_lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
}
std::string ascii_lower(std::string_view text);

// ASCII case-insensitive comparison, as the servers compare keywords and variable names.
bool equals_ignoring_case(std::string_view left, std::string_view right);

// At most so many bytes of the text's beginning, and not within a character if it is UTF-8.
std::string_view cut_utf8(std::string_view text, size_t max_bytes);

}  // namespace causeway::protocol
