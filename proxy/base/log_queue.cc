#include "proxy/base/log_queue.h"

#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

namespace causeway::proxy {

// Shared with the thread, which may outlive the queue in a write that does not end.
struct LogQueue::State {
  State(Write given_write, size_t given_max_lines)
      : write(std::move(given_write)), max_lines(given_max_lines) {}

  bool push(LogLevel level, std::string_view line) {
    const size_t room = level >= LogLevel::kWarning ? max_lines : max_lines * 3 / 4;
    {
      const std::lock_guard lock(mutex);
      if (closed || lines.size() >= room) return false;
      lines.emplace_back(line);
    }
    wake.notify_one();
    return true;
  }

  void run() {
    std::unique_lock lock(mutex);
    for (;;) {
      wake.wait(lock, [this] { return closed || !lines.empty(); });
      if (lines.empty()) break;
      const std::string line = std::move(lines.front());
      lines.pop_front();
      lock.unlock();
      const bool written = write(line);
      if (!written) lost->fetch_add(1, std::memory_order_relaxed);
      lock.lock();
    }
    finished = true;
    ended.notify_all();
  }

  const Write write;
  const size_t max_lines;
  const std::shared_ptr<std::atomic<uint64_t>> lost = std::make_shared<std::atomic<uint64_t>>(0);
  std::mutex mutex;
  std::condition_variable wake;   // closed or lines
  std::condition_variable ended;  // finished
  std::deque<std::string> lines;
  bool closed = false;
  bool finished = false;
  std::thread thread;
};

LogQueue::LogQueue(Write write, size_t max_lines)
    : state_(std::make_shared<State>(std::move(write), max_lines)) {
  state_->thread = std::thread([state = state_] { state->run(); });
}

LogQueue::~LogQueue() {
  std::unique_lock lock(state_->mutex);
  state_->closed = true;
  state_->wake.notify_all();
  const bool finished = state_->ended.wait_for(lock, kPatience, [this] { return state_->finished; });
  lock.unlock();
  if (finished) {
    state_->thread.join();
  } else {
    state_->thread.detach();
  }
}

LostLines LogQueue::lost() const {
  return state_->lost;
}

LogSink LogQueue::sink() const {
  return [state = state_](LogLevel level, std::string_view line) { return state->push(level, line); };
}

}  // namespace causeway::proxy
