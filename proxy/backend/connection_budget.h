// How many connections all workers together may have open to one node.
#pragma once

#include <atomic>
#include <cstdint>

namespace causeway::proxy {

// Shared between workers. The limit may change while it is in use: it then holds for new connections, and
// workers close idle ones while there are more.
class ConnectionBudget {
 public:
  void set_limit(uint32_t limit) { limit_.store(limit, std::memory_order_relaxed); }
  uint32_t limit() const { return limit_.load(std::memory_order_relaxed); }
  uint32_t used() const { return used_.load(std::memory_order_relaxed); }

  // Takes one place, if there is one.
  bool try_take() {
    uint32_t used = used_.load(std::memory_order_relaxed);
    do {
      if (used >= limit_.load(std::memory_order_relaxed)) return false;
    } while (!used_.compare_exchange_weak(used, used + 1, std::memory_order_relaxed));
    return true;
  }

  bool exceeded() const { return used() > limit(); }

  void give_back() { used_.fetch_sub(1, std::memory_order_relaxed); }

  // Sessions, of any worker, that wait for a place: while there are some, who gives one back tells the other
  // workers.
  void add_waiter() { waiters_.fetch_add(1, std::memory_order_seq_cst); }
  void remove_waiter() { waiters_.fetch_sub(1, std::memory_order_seq_cst); }
  bool has_waiters() const { return waiters_.load(std::memory_order_seq_cst) > 0; }

 private:
  std::atomic<uint32_t> limit_{0};
  std::atomic<uint32_t> used_{0};
  std::atomic<uint32_t> waiters_{0};
};

}  // namespace causeway::proxy
