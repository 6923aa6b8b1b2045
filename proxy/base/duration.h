// Durations as people write them in configuration files and flags.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace causeway::proxy {

// The duration of "250ms", "1s", "1.5s", "2m", "1h" or "1d"; a plain number is in seconds ("1", "0.5").
// Nothing if it is none: empty, negative, finer than a millisecond, longer than ten years.
std::optional<std::chrono::milliseconds> parse_duration(std::string_view text);

// The shortest text that parse_duration() reads back: "250ms", "1500ms", "2s", "2m", "8h".
std::string format_duration(std::chrono::milliseconds duration);

}  // namespace causeway::proxy
