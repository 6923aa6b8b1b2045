// One line per event, logfmt or JSON.
#pragma once

#include <atomic>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <variant>

namespace causeway::proxy {

enum class LogLevel : uint8_t { kDebug, kInfo, kWarning, kError, kOff };
enum class LogFormat : uint8_t { kLogfmt, kJson };

std::string_view to_string(LogLevel level);
std::string_view to_string(LogFormat format);

// A key (a literal of letters, digits and underscores) and its value. Views live until log() returns.
struct LogField {
  std::string_view key;
  std::variant<std::string_view, int64_t, uint64_t, double, bool> value;

  LogField(std::string_view k, std::string_view v) : key(k), value(v) {}
  LogField(std::string_view k, const std::string& v) : key(k), value(std::string_view(v)) {}
  LogField(std::string_view k, const char* v) : key(k), value(std::string_view(v)) {}
  LogField(std::string_view k, std::same_as<bool> auto v) : key(k), value(v) {}
  LogField(std::string_view k, std::signed_integral auto v) : key(k), value(int64_t{v}) {}
  template <std::unsigned_integral T>
  requires(!std::same_as<T, bool>) LogField(std::string_view k, T v) : key(k), value(uint64_t{v}) {}
  LogField(std::string_view k, double v) : key(k), value(v) {}
};

// No line is longer, newline included: this much is written to a pipe in one piece (PIPE_BUF).
inline constexpr size_t kMaxLogLineBytes = 4096;

// One line without its newline: time (UTC, milliseconds), level, event, fields. Control characters and
// invalid UTF-8 are escaped; values that are too long end in "...", fields that do not fit are left out and
// `truncated` is set.
std::string format_log_line(LogFormat format, std::chrono::system_clock::time_point time, LogLevel level,
                            std::string_view event, std::initializer_list<LogField> fields);

// Takes complete lines, newline included, one at a time.
using LogSink = std::function<void(std::string_view line)>;

// Writes to standard error.
void write_to_stderr(std::string_view line);

// A handle: copies are cheap and write to the same place. May be used from any thread.
class Logger {
 public:
  Logger(LogLevel level, LogFormat format, LogSink sink = write_to_stderr);

  bool enabled(LogLevel level) const { return level >= state_->level.load(std::memory_order_relaxed); }
  void set_level(LogLevel level) { state_->level.store(level, std::memory_order_relaxed); }

  // `event` is a fixed text without values: "node is down". Costs one load if the level is off.
  void log(LogLevel level, std::string_view event, std::initializer_list<LogField> fields = {}) const {
    if (enabled(level)) write(level, event, fields);
  }
  void debug(std::string_view event, std::initializer_list<LogField> fields = {}) const {
    log(LogLevel::kDebug, event, fields);
  }
  void info(std::string_view event, std::initializer_list<LogField> fields = {}) const {
    log(LogLevel::kInfo, event, fields);
  }
  void warning(std::string_view event, std::initializer_list<LogField> fields = {}) const {
    log(LogLevel::kWarning, event, fields);
  }
  void error(std::string_view event, std::initializer_list<LogField> fields = {}) const {
    log(LogLevel::kError, event, fields);
  }

 private:
  struct State {
    std::atomic<LogLevel> level;
    LogFormat format;
    LogSink sink;
    std::mutex mutex;  // one line at a time
  };
  void write(LogLevel level, std::string_view event, std::initializer_list<LogField> fields) const;

  std::shared_ptr<State> state_;
};

}  // namespace causeway::proxy
