#include "proxy/base/duration.h"

#include <array>
#include <charconv>
#include <cstdint>

namespace causeway::proxy {
namespace {

struct Unit {
  std::string_view name;
  uint64_t milliseconds;
};
// From long to short, as format_duration() tries them; parse_duration() takes the whole rest of the text.
constexpr std::array<Unit, 5> kUnits = {
    {{"d", 86'400'000}, {"h", 3'600'000}, {"m", 60'000}, {"s", 1000}, {"ms", 1}}};
constexpr uint64_t kMaxMilliseconds = 10ull * 365 * 86'400'000;

// Small enough that no product below overflows.
constexpr size_t kMaxDigits = 11;
constexpr size_t kMaxFractionDigits = 9;

std::optional<uint64_t> unit_of(std::string_view name) {
  if (name.empty()) return 1000;
  for (const Unit& unit : kUnits) {
    if (unit.name == name) return unit.milliseconds;
  }
  return std::nullopt;
}

size_t count_digits(std::string_view text) {
  const size_t end = text.find_first_not_of("0123456789");
  return end == std::string_view::npos ? text.size() : end;
}

uint64_t to_number(std::string_view digits) {
  uint64_t number = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), number);
  return number;
}

}  // namespace

std::optional<std::chrono::milliseconds> parse_duration(std::string_view text) {
  const std::string_view whole = text.substr(0, count_digits(text));
  if (whole.empty() || whole.size() > kMaxDigits) return std::nullopt;
  text.remove_prefix(whole.size());

  std::string_view fraction;
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    fraction = text.substr(0, count_digits(text));
    if (fraction.empty() || fraction.size() > kMaxFractionDigits) return std::nullopt;
    text.remove_prefix(fraction.size());
  }

  const std::optional<uint64_t> unit = unit_of(text);
  if (!unit) return std::nullopt;
  uint64_t parts = 1;
  for (size_t i = 0; i < fraction.size(); ++i)
    parts *= 10;
  const uint64_t scaled_fraction = to_number(fraction) * *unit;
  if (scaled_fraction % parts != 0) return std::nullopt;
  const uint64_t milliseconds = to_number(whole) * *unit + scaled_fraction / parts;
  if (milliseconds > kMaxMilliseconds) return std::nullopt;
  return std::chrono::milliseconds(milliseconds);
}

std::string format_duration(std::chrono::milliseconds duration) {
  const auto milliseconds = static_cast<uint64_t>(duration.count());
  if (milliseconds == 0) return "0s";
  for (const Unit& unit : kUnits) {
    if (milliseconds % unit.milliseconds == 0)
      return std::to_string(milliseconds / unit.milliseconds) + std::string(unit.name);
  }
  return {};
}

}  // namespace causeway::proxy
