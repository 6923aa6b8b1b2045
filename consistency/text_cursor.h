// What the parsers of this folder share: a bounded walk over a text. Not for use outside of it.
#pragma once

#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace causeway::consistency {

class TextCursor {
 public:
  explicit TextCursor(std::string_view text) : rest_(text) {}

  bool at_end() const { return rest_.empty(); }
  // The next character; 0 at the end (a NUL in the text looks the same, and is allowed nowhere).
  char peek() const { return rest_.empty() ? '\0' : rest_.front(); }
  std::string_view rest() const { return rest_; }
  void skip(size_t length) { rest_.remove_prefix(length); }

  // Takes this character if it comes next.
  bool take(char c) {
    if (peek() != c) return false;
    skip(1);
    return true;
  }

  void skip_space() {
    while (peek() == ' ' || (peek() >= '\t' && peek() <= '\r'))
      skip(1);
  }

  // Decimal digits without a sign. Nothing if there are none or if they do not fit.
  template <class Integer>
  std::optional<Integer> number() {
    Integer value = 0;
    const char* end = rest_.data() + rest_.size();
    if (peek() < '0' || peek() > '9') return std::nullopt;
    const auto [stop, error] = std::from_chars(rest_.data(), end, value);
    if (error != std::errc{}) return std::nullopt;
    skip(static_cast<size_t>(stop - rest_.data()));
    return value;
  }

 private:
  std::string_view rest_;
};

inline void append_number(std::string& out, uint64_t value) {
  char digits[20];
  const auto result = std::to_chars(digits, digits + sizeof digits, value);
  out.append(digits, result.ptr);
}

}  // namespace causeway::consistency
