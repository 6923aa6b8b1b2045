// Log lines on their way to a place that may be slow, or not take any: whoever logs never waits for it.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>

#include "proxy/base/log.h"

namespace causeway::proxy {

// A bounded queue and one thread that writes. Informational lines may use three quarters of it: a flood of
// them leaves room for warnings.
class LogQueue {
 public:
  // How long the end waits for the last lines to be written.
  static constexpr std::chrono::milliseconds kPatience{1000};

  // `write` takes one line at a time, on the queue's thread, and may block for as long as it likes. False:
  // the line is lost.
  using Write = std::function<bool(std::string_view line)>;
  explicit LogQueue(Write write = write_to_stderr, size_t max_lines = 4096);

  // Writes what is queued, but waits no longer than kPatience: a writer that is stuck stays behind with its
  // thread, and the rest of the lines is lost.
  ~LogQueue();
  LogQueue(const LogQueue&) = delete;
  LogQueue& operator=(const LogQueue&) = delete;

  // Never waits for a write; refuses lines that there is no room for. Usable for longer than the queue lives:
  // then it refuses all.
  LogSink sink() const;

  // Lines that were taken and could not be written.
  LostLines lost() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace causeway::proxy
