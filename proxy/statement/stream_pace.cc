#include "proxy/statement/stream_pace.h"

#include <boost/asio/steady_timer.hpp>
#include <memory>

#include "proxy/backend/shard.h"

namespace causeway::proxy {
namespace {

// Wakes a waiter at its time, unless it is gone by then.
class Alarm {
 public:
  Alarm(asio::io_context& io, Clock::time_point when, WakeUp& wake_up)
      : pending_(std::make_shared<Pending>(io, when, wake_up)) {
    pending_->timer.async_wait([pending = pending_](const ErrorCode&) {
      if (pending->wake_up != nullptr) pending->wake_up->set();
    });
  }
  Alarm(const Alarm&) = delete;
  Alarm& operator=(const Alarm&) = delete;
  ~Alarm() {
    pending_->wake_up = nullptr;
    pending_->timer.cancel();
  }

 private:
  struct Pending {
    Pending(asio::io_context& io, Clock::time_point when, WakeUp& waiting)
        : timer(io, when), wake_up(&waiting) {}
    asio::steady_timer timer;
    WakeUp* wake_up;
  };

  std::shared_ptr<Pending> pending_;
};

}  // namespace

Awaitable<void> pace_stream(SessionParts session, uint64_t bytes) {
  const Clock::time_point now = Clock::now();
  const Clock::time_point until = session.backends.log_rate.take(bytes, now);
  Waiter& waiter = session.waiter;
  if (until <= now || waiter.closing || waiter.query_killed || session.backends.stream.ends) co_return;
  // Of before, for which nobody has waited.
  waiter.wake_up.reset();
  const Alarm alarm(session.shard.io(), until, waiter.wake_up);
  co_await waiter.wake_up.wait();
}

}  // namespace causeway::proxy
