// What a session waits with: its deadline, who may end the wait before, and how it is woken.
#pragma once

#include <algorithm>

#include "proxy/base/clock.h"
#include "proxy/net/wake_up.h"

namespace causeway::proxy {

// Everything on one worker's thread. The worker's watchdog looks at it: at the deadline it cancels what the
// session waits for and sets timed_out, exact to a tick.
struct Waiter {
  Waiter() = default;
  Waiter(const Waiter&) = delete;
  Waiter& operator=(const Waiter&) = delete;

  Clock::time_point deadline = Clock::time_point::max();
  bool timed_out = false;
  bool closing = false;       // the worker wants the session to end
  bool query_killed = false;  // KILL QUERY: what the session is doing is to end with an error
  WakeUp wake_up;

  // Whatever is waited for, it is not waited for any longer.
  bool gives_up() const { return timed_out || closing || query_killed; }
};

// Sets the deadline for a wait and takes it away after it.
class DeadlineScope {
 public:
  DeadlineScope(Waiter& waiter, Clock::time_point deadline) : waiter_(waiter) {
    waiter_.timed_out = false;
    waiter_.deadline = deadline;
  }
  DeadlineScope(const DeadlineScope&) = delete;
  DeadlineScope& operator=(const DeadlineScope&) = delete;
  ~DeadlineScope() { waiter_.deadline = Clock::time_point::max(); }

 private:
  Waiter& waiter_;
};

// A part of a wait that may not take all of its time: ends earlier than the wait's own deadline, which holds
// again after it.
class EarlierDeadline {
 public:
  EarlierDeadline(Waiter& waiter, Clock::time_point deadline) : waiter_(waiter), whole_(waiter.deadline) {
    waiter_.deadline = std::min(deadline, whole_);
  }
  EarlierDeadline(const EarlierDeadline&) = delete;
  EarlierDeadline& operator=(const EarlierDeadline&) = delete;
  ~EarlierDeadline() {
    if (waiter_.timed_out && Clock::now() >= whole_) return;
    waiter_.timed_out = false;
    waiter_.deadline = whole_;
  }

 private:
  Waiter& waiter_;
  Clock::time_point whole_;
};

}  // namespace causeway::proxy
