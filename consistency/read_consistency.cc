#include "consistency/read_consistency.h"

#include <algorithm>
#include <array>

namespace causeway::consistency {
namespace {

constexpr std::array kLevels = {ReadConsistency::kOff, ReadConsistency::kEventual, ReadConsistency::kSession,
                                ReadConsistency::kGlobal};

char upper(char c) {
  return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
}

}  // namespace

std::string_view to_string(ReadConsistency level) {
  switch (level) {
    case ReadConsistency::kOff:
      return "";
    case ReadConsistency::kEventual:
      return "EVENTUAL";
    case ReadConsistency::kSession:
      return "SESSION";
    case ReadConsistency::kGlobal:
      return "GLOBAL";
  }
  return "";
}

std::optional<ReadConsistency> parse_read_consistency(std::string_view value) {
  for (const ReadConsistency level : kLevels) {
    if (std::ranges::equal(value, to_string(level), {}, upper)) return level;
  }
  return std::nullopt;
}

}  // namespace causeway::consistency
