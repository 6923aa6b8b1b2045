// One line per event, logfmt or JSON.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace causeway::proxy {

enum class LogLevel : uint8_t { kDebug, kInfo, kWarning, kError, kOff };
enum class LogFormat : uint8_t { kLogfmt, kJson };

// As they are configured and written, in the order of the enumerators.
inline constexpr std::array<std::string_view, 5> kLogLevelNames = {"debug", "info", "warning", "error",
                                                                   "off"};
inline constexpr std::array<std::string_view, 2> kLogFormatNames = {"logfmt", "json"};

constexpr std::string_view to_string(LogLevel level) {
  return kLogLevelNames[static_cast<size_t>(level)];
}
constexpr std::string_view to_string(LogFormat format) {
  return kLogFormatNames[static_cast<size_t>(format)];
}

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

// Takes complete lines, newline included, one at a time. False: there was no room, the line is dropped. Must
// not block where the threads that log must not: see LogQueue.
using LogSink = std::function<bool(LogLevel level, std::string_view line)>;

// Writes to standard error; waits until that has taken the line. False if it does not: a disk is full, a
// reader has gone.
bool write_to_stderr(std::string_view line);

// Lines that a sink has taken, but not got to their place.
using LostLines = std::shared_ptr<const std::atomic<uint64_t>>;

// Which lines are told, and which only counted: of lines that are alike but for their time the first few
// within an interval.
class RepeatedLines {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::seconds kInterval{10};
  static constexpr uint64_t kToldPerInterval = 5;
  // So many different lines are remembered; those that do not fit are told.
  static constexpr size_t kMaxLines = 512;

  // A line that was left out `count` times.
  struct Summary {
    LogLevel level;
    std::string body;
    uint64_t count;
  };

  // Whether to tell this line now.
  bool admit(LogLevel level, std::string_view body, Clock::time_point now);

  // Forgets lines whose interval is over (or all, at the end), and returns those of them that were left out.
  std::vector<Summary> take_summaries(Clock::time_point now);
  std::vector<Summary> take_all() { return take_summaries(Clock::time_point::max()); }

 private:
  struct Seen {
    LogLevel level;
    Clock::time_point since;
    uint64_t count = 0;
  };
  std::map<std::string, Seen, std::less<>> seen_;
  Clock::time_point first_end_ = Clock::time_point::max();  // when the first interval is over
};

// A handle: copies are cheap and write to the same place. May be used from any thread.
class Logger {
 public:
  // `lost`: of this sink, if it counts them.
  Logger(LogLevel level, LogFormat format, LogSink sink, LostLines lost = nullptr);

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

  // Says how often lines were left out whose like has been told often enough. To be called now and then, and
  // at the end.
  void tell_repeated() const;
  void tell_all_repeated() const;

  // Lines that the sink had no room for, or that did not get to their place.
  uint64_t dropped() const;

 private:
  struct State {
    std::atomic<LogLevel> level;
    LogFormat format;
    LogSink sink;
    LostLines lost;  // may be null
    std::atomic<uint64_t> dropped{0};
    std::mutex mutex;  // of what is below; one line at a time
    RepeatedLines repeated;
    uint64_t told_dropped = 0;
  };
  void pass_on(LogLevel level, std::string_view line) const;
  void tell(const std::vector<RepeatedLines::Summary>& summaries) const;
  void write(LogLevel level, std::string_view event, std::initializer_list<LogField> fields) const;

  std::shared_ptr<State> state_;
};

}  // namespace causeway::proxy
