#include "proxy/base/log.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <ctime>

namespace causeway::proxy {
namespace {

constexpr size_t kMaxTextBytes = 1024;

// Room for the time, and for what may come behind the fields: truncated, repeated, the end.
constexpr size_t kMaxTimeBytes = 48;
constexpr size_t kMaxBodyBytes = kMaxLogLineBytes - kMaxTimeBytes - 64;

void append_time(std::string& line, std::chrono::system_clock::time_point time) {
  const auto since_epoch = std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch());
  const std::time_t seconds = since_epoch.count() / 1000;
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  std::array<char, 48> text{};
  const size_t length = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &utc);
  line.append(text.data(), length);
  std::snprintf(text.data(), text.size(), ".%03dZ", static_cast<int>(since_epoch.count() % 1000));
  line += text.data();
}

void append_escaped_character(std::string& line, char c) {
  switch (c) {
    case '"':
      line += "\\\"";
      return;
    case '\\':
      line += "\\\\";
      return;
    case '\n':
      line += "\\n";
      return;
    case '\r':
      line += "\\r";
      return;
    case '\t':
      line += "\\t";
      return;
    default:
      break;
  }
  const auto byte = static_cast<unsigned char>(c);
  if (byte >= 0x20 && byte != 0x7f) {
    line += c;
    return;
  }
  std::array<char, 8> escape{};
  std::snprintf(escape.data(), escape.size(), "\\u%04x", byte);
  line += escape.data();
}

// How many bytes the first character of the text has if it is valid UTF-8 (without surrogates and overlong
// forms), else 0.
size_t utf8_length(std::string_view text) {
  const auto byte = [&text](size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : uint8_t{0};
  };
  const auto continues = [&byte](size_t from, size_t to) {
    for (size_t i = from; i < to; ++i) {
      if ((byte(i) & 0xc0) != 0x80) return false;
    }
    return true;
  };
  const uint8_t first = byte(0);
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first <= 0xdf) return continues(1, 2) ? 2 : 0;
  if (first >= 0xe0 && first <= 0xef) {
    const bool overlong = first == 0xe0 && byte(1) < 0xa0;
    const bool surrogate = first == 0xed && byte(1) >= 0xa0;
    return !overlong && !surrogate && continues(1, 3) ? 3 : 0;
  }
  if (first >= 0xf0 && first <= 0xf4) {
    const bool overlong = first == 0xf0 && byte(1) < 0x90;
    const bool too_high = first == 0xf4 && byte(1) >= 0x90;
    return !overlong && !too_high && continues(1, 4) ? 4 : 0;
  }
  return 0;
}

// In double quotes; the same escapes are right in JSON and in logfmt.
void append_quoted(std::string& line, std::string_view text) {
  const size_t limit = line.size() + kMaxTextBytes;
  line += '"';
  while (!text.empty() && line.size() < limit) {
    const size_t length = utf8_length(text);
    if (length == 1) {
      append_escaped_character(line, text.front());
    } else if (length > 1) {
      line += text.substr(0, length);
    } else {
      line += "\\ufffd";
    }
    text.remove_prefix(length > 0 ? length : 1);
  }
  if (!text.empty()) line += "...";
  line += '"';
}

bool needs_quotes(std::string_view text) {
  if (text.empty() || text.size() > kMaxTextBytes) return true;
  for (const char c : text) {
    if (c <= ' ' || c >= 0x7f || c == '"' || c == '=' || c == '\\') return true;
  }
  return false;
}

template <class Number>
void append_number(std::string& line, Number number) {
  std::array<char, 32> text{};
  const std::to_chars_result end = std::to_chars(text.data(), text.data() + text.size(), number);
  line.append(text.data(), end.ptr);
}

struct AppendValue {
  std::string& line;
  LogFormat format;

  void operator()(std::string_view text) const {
    if (format == LogFormat::kLogfmt && !needs_quotes(text)) {
      line += text;
    } else {
      append_quoted(line, text);
    }
  }
  void operator()(bool value) const { line += value ? "true" : "false"; }
  void operator()(double value) const {
    if (std::isfinite(value)) {
      append_number(line, value);
    } else {
      line += "null";  // JSON knows no other
    }
  }
  void operator()(int64_t value) const { append_number(line, value); }
  void operator()(uint64_t value) const { append_number(line, value); }
};

void append_field(std::string& line, LogFormat format, const LogField& field) {
  if (format == LogFormat::kJson) {
    line += ",\"";
    line += field.key;
    line += "\":";
  } else {
    line += ' ';
    line += field.key;
    line += '=';
  }
  std::visit(AppendValue{line, format}, field.value);
}

// All of a line but its time. Without the brace that ends JSON.
std::string make_body(LogFormat format, LogLevel level, std::string_view event,
                      std::initializer_list<LogField> fields) {
  std::string body;
  body.reserve(256);
  append_field(body, format, {"level", to_string(level)});
  append_field(body, format, {"event", event});
  bool truncated = false;
  for (const LogField& field : fields) {
    const size_t end = body.size();
    append_field(body, format, field);
    if (body.size() > kMaxBodyBytes) {
      body.resize(end);
      truncated = true;
    }
  }
  if (truncated) append_field(body, format, {"truncated", true});
  return body;
}

std::string make_line(LogFormat format, std::chrono::system_clock::time_point time, std::string_view body) {
  const bool json = format == LogFormat::kJson;
  std::string line;
  line.reserve(body.size() + kMaxTimeBytes);
  line += json ? "{\"time\":\"" : "time=";
  append_time(line, time);
  if (json) line += '"';
  line += body;
  if (json) line += '}';
  return line;
}

}  // namespace

std::string format_log_line(LogFormat format, std::chrono::system_clock::time_point time, LogLevel level,
                            std::string_view event, std::initializer_list<LogField> fields) {
  return make_line(format, time, make_body(format, level, event, fields));
}

bool write_to_stderr(std::string_view line) {
  while (!line.empty()) {
    const ssize_t written = ::write(STDERR_FILENO, line.data(), line.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0 && errno == EAGAIN) {  // another process that has it open has made it so
      pollfd room{.fd = STDERR_FILENO, .events = POLLOUT, .revents = 0};
      ::poll(&room, 1, -1);
      continue;
    }
    if (written <= 0) return false;
    line.remove_prefix(static_cast<size_t>(written));
  }
  return true;
}

bool RepeatedLines::admit(LogLevel level, std::string_view body, Clock::time_point now) {
  const auto found = seen_.find(body);
  if (found != seen_.end()) return ++found->second.count <= kToldPerInterval;
  if (seen_.size() >= kMaxLines) return true;
  seen_.emplace(body, Seen{.level = level, .since = now, .count = 1});
  first_end_ = std::min(first_end_, now + kInterval);
  return true;
}

std::vector<RepeatedLines::Summary> RepeatedLines::take_summaries(Clock::time_point now) {
  std::vector<Summary> summaries;
  if (now < first_end_) return summaries;
  first_end_ = Clock::time_point::max();
  std::erase_if(seen_, [&](const auto& line) {
    const auto& [body, seen] = line;
    if (now < seen.since + kInterval) {
      first_end_ = std::min(first_end_, seen.since + kInterval);
      return false;
    }
    if (seen.count > kToldPerInterval) summaries.push_back({seen.level, body, seen.count - kToldPerInterval});
    return true;
  });
  return summaries;
}

Logger::Logger(LogLevel level, LogFormat format, LogSink sink, LostLines lost)
    : state_(std::make_shared<State>()) {
  state_->level = level;
  state_->format = format;
  state_->sink = std::move(sink);
  state_->lost = std::move(lost);
}

uint64_t Logger::dropped() const {
  const uint64_t lost = state_->lost ? state_->lost->load(std::memory_order_relaxed) : 0;
  return lost + state_->dropped.load(std::memory_order_relaxed);
}

// With the lock held.
void Logger::pass_on(LogLevel level, std::string_view body) const {
  const auto line = [this](std::string_view text) {
    return make_line(state_->format, std::chrono::system_clock::now(), text) + '\n';
  };
  const uint64_t dropped = this->dropped();
  if (dropped > state_->told_dropped) {
    const std::string notice = make_body(state_->format, LogLevel::kWarning, "log lines were dropped",
                                         {{"lines", dropped - state_->told_dropped}});
    if (state_->sink(LogLevel::kWarning, line(notice))) state_->told_dropped = dropped;
  }
  if (!state_->sink(level, line(body))) state_->dropped.fetch_add(1, std::memory_order_relaxed);
}

void Logger::write(LogLevel level, std::string_view event, std::initializer_list<LogField> fields) const {
  const std::string body = make_body(state_->format, level, event, fields);
  const auto now = RepeatedLines::Clock::now();
  const std::scoped_lock lock(state_->mutex);
  tell(state_->repeated.take_summaries(now));
  if (state_->repeated.admit(level, body, now)) pass_on(level, body);
}

void Logger::tell(const std::vector<RepeatedLines::Summary>& summaries) const {
  for (const RepeatedLines::Summary& summary : summaries) {
    std::string body = summary.body;
    append_field(body, state_->format, {"repeated", summary.count});
    pass_on(summary.level, body);
  }
}

void Logger::tell_repeated() const {
  const auto now = RepeatedLines::Clock::now();
  const std::scoped_lock lock(state_->mutex);
  tell(state_->repeated.take_summaries(now));
}

void Logger::tell_all_repeated() const {
  const std::scoped_lock lock(state_->mutex);
  tell(state_->repeated.take_all());
}

}  // namespace causeway::proxy
