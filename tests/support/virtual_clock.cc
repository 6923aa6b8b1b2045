#include "tests/support/virtual_clock.h"

#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cstdint>

namespace causeway::test {
namespace {

constexpr int64_t kNanoseconds = 1'000'000'000;

thread_local bool stands = false;
thread_local int64_t stopped_at = 0;

long real_time(clockid_t clock, timespec* time) {
  return ::syscall(SYS_clock_gettime, clock, time);
}

}  // namespace

VirtualClock::VirtualClock() {
  timespec now{};
  real_time(CLOCK_MONOTONIC, &now);
  stopped_at = int64_t{now.tv_sec} * kNanoseconds + now.tv_nsec;
  stands = true;
}

VirtualClock::~VirtualClock() {
  stands = false;
}

void VirtualClock::advance(std::chrono::nanoseconds by) {
  stopped_at += by.count();
}

}  // namespace causeway::test

// Found before libc's own, by everything in the process.
extern "C" int clock_gettime(clockid_t clock, timespec* time) noexcept {
  using namespace causeway::test;
  if (!stands || clock != CLOCK_MONOTONIC) return static_cast<int>(real_time(clock, time));
  time->tv_sec = static_cast<time_t>(stopped_at / kNanoseconds);
  time->tv_nsec = static_cast<long>(stopped_at % kNanoseconds);
  return 0;
}
