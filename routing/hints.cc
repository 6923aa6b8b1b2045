#include "routing/hints.h"

#include <charconv>
#include <cstdint>

#include "routing/sql_lexer.h"

namespace causeway::routing {
namespace {

constexpr std::string_view kSeparators = " \t\n\v\f\r,;";

std::string_view skip(std::string_view text, std::string_view bytes) {
  const size_t start = text.find_first_not_of(bytes);
  return start == std::string_view::npos ? std::string_view{} : text.substr(start);
}

std::optional<std::chrono::milliseconds> parse_duration(std::string_view text) {
  using Microseconds = std::chrono::microseconds;
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{}) return {};
  const std::string_view unit = text.substr(static_cast<size_t>(end - text.data()));
  Microseconds one{};
  if (unit == "us") {
    one = Microseconds{1};
  } else if (unit.empty() || unit == "ms") {
    one = std::chrono::milliseconds{1};
  } else if (unit == "s") {
    one = std::chrono::seconds{1};
  } else if (unit == "m") {
    one = std::chrono::minutes{1};
  } else {
    return {};
  }
  const Microseconds most = std::chrono::hours{24};
  if (number > static_cast<uint64_t>(most.count() / one.count())) return {};
  return std::chrono::ceil<std::chrono::milliseconds>(one * static_cast<int64_t>(number));
}

void parse_pairs(Hints& hints, std::string_view text) {
  for (text = skip(text, kSeparators); !text.empty(); text = skip(text, kSeparators)) {
    const size_t end = std::min(text.find_first_of(kSeparators), text.size());
    const std::string_view pair = text.substr(0, end);
    text.remove_prefix(end);
    const size_t equals = pair.find('=');
    const bool understood = equals != std::string_view::npos &&
                            apply_hint(hints, pair.substr(0, equals), pair.substr(equals + 1));
    if (!understood) hints.mistake = pair;
  }
}

}  // namespace

bool apply_hint(Hints& hints, std::string_view key, std::string_view value) {
  if (equals_ignoring_case(key, "route")) {
    const bool writer = equals_ignoring_case(value, "writer");
    if (!writer && !equals_ignoring_case(value, "replica")) return false;
    hints.route = writer ? RouteHint::kWriter : RouteHint::kReplica;
    return true;
  }
  if (equals_ignoring_case(key, "consistency")) {
    if (value.empty()) return false;
    hints.consistency = value;
    return true;
  }
  if (equals_ignoring_case(key, "max_lag")) {
    const std::optional<std::chrono::milliseconds> lag = parse_duration(value);
    if (!lag) return false;
    hints.max_lag = lag;
    return true;
  }
  return false;
}

Hints parse_hints(std::string_view sql) {
  constexpr std::string_view kMarker = "causeway:";
  Hints hints;
  for (sql = skip(sql, kBlanks); sql.starts_with("/*"); sql = skip(sql, kBlanks)) {
    const size_t end = sql.find("*/", 2);
    if (end == std::string_view::npos) break;
    const std::string_view content = skip(sql.substr(2, end - 2), kBlanks);
    if (equals_ignoring_case(content.substr(0, kMarker.size()), kMarker)) {
      parse_pairs(hints, content.substr(kMarker.size()));
    }
    sql.remove_prefix(end + 2);
  }
  return hints;
}

void apply_attribute(Hints& hints, std::string_view name, std::string_view value) {
  constexpr std::string_view kPrefix = "causeway.";
  if (!name.starts_with(kPrefix)) return;
  if (!apply_hint(hints, name.substr(kPrefix.size()), value)) hints.mistake = name;
}

}  // namespace causeway::routing
