// One coroutine waits, somebody else on the same worker wakes it.
#pragma once

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/post.hpp>
#include <memory>
#include <utility>

#include "proxy/net/io.h"

namespace causeway::proxy {

// At most one waiter at a time, everything on one worker's thread. A set() before the wait is remembered, so
// that no wake-up is lost. Deadlines are the business of whoever sets it: a worker's watchdog wakes what has
// waited too long.
class WakeUp {
 public:
  WakeUp() = default;
  WakeUp(const WakeUp&) = delete;
  WakeUp& operator=(const WakeUp&) = delete;

  bool waiting() const { return waiter_ != nullptr; }

  // Forgets a set() that nobody has waited for.
  void reset() { set_ = false; }

  // Resumes the waiter (from the worker's queue, not from within this call), or lets the next wait return at
  // once.
  void set() {
    if (!waiter_) {
      set_ = true;
      return;
    }
    const std::unique_ptr<Waiter> waiter = std::move(waiter_);
    waiter->resume();
  }

  // Suspends the calling coroutine until set().
  Awaitable<void> wait() {
    if (set_) {
      set_ = false;
      co_return;
    }
    co_await asio::async_initiate<const asio::use_awaitable_t<Executor>, void()>(
        [this](auto handler) { waiter_ = std::make_unique<WaiterOf<decltype(handler)>>(std::move(handler)); },
        asio::use_awaitable_t<Executor>{});
  }

 private:
  struct Waiter {
    Waiter() = default;
    Waiter(const Waiter&) = delete;
    Waiter& operator=(const Waiter&) = delete;
    virtual ~Waiter() = default;
    virtual void resume() = 0;
  };

  template <class Handler>
  struct WaiterOf final : Waiter {
    explicit WaiterOf(Handler h) : handler(std::move(h)) {}
    void resume() override {
      const auto executor = asio::get_associated_executor(handler);
      asio::post(executor, std::move(handler));
    }
    Handler handler;
  };

  std::unique_ptr<Waiter> waiter_;
  bool set_ = false;
};

}  // namespace causeway::proxy
