#include "consistency/read_consistency.h"

#include <array>

#include "protocol/text.h"

namespace causeway::consistency {
namespace {

constexpr std::array kLevels = {ReadConsistency::kOff, ReadConsistency::kEventual, ReadConsistency::kSession,
                                ReadConsistency::kGlobal};

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
    if (protocol::equals_ignoring_case(value, to_string(level))) return level;
  }
  return std::nullopt;
}

}  // namespace causeway::consistency
