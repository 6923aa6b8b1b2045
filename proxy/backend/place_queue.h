// Who waits for a connection to one node: first come, first served, over all workers.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>

namespace causeway::proxy {

// Thread-safe. Only the first in the line may take a place; whoever leaves lets the next one try. A lock, but
// for those only that have to wait anyway.
class PlaceQueue {
 public:
  struct Ticket {
    uint64_t number = 0;
    size_t worker = 0;  // whose session waits
  };

  // Behind all others. The number of the ticket, never 0.
  uint64_t join(size_t worker) {
    const std::scoped_lock lock(mutex_);
    line_.push_back({.number = ++last_number_, .worker = worker});
    size_.store(line_.size(), std::memory_order_seq_cst);
    return last_number_;
  }

  void leave(uint64_t number) {
    const std::scoped_lock lock(mutex_);
    std::erase_if(line_, [number](const Ticket& ticket) { return ticket.number == number; });
    size_.store(line_.size(), std::memory_order_seq_cst);
  }

  // One atomic load.
  bool empty() const { return size_.load(std::memory_order_seq_cst) == 0; }

  std::optional<Ticket> first() const {
    if (empty()) return std::nullopt;
    const std::scoped_lock lock(mutex_);
    return line_.empty() ? std::nullopt : std::optional(line_.front());
  }

  bool is_first(uint64_t number) const {
    const auto front = first();
    return front && front->number == number;
  }

 private:
  mutable std::mutex mutex_;
  std::deque<Ticket> line_;
  uint64_t last_number_ = 0;
  std::atomic<size_t> size_{0};
};

}  // namespace causeway::proxy
