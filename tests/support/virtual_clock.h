// The monotonic clock of a test's thread, which stands still until it is told to go on.
#pragma once

#include <chrono>

namespace causeway::test {

// While one lives, std::chrono::steady_clock stands still for this thread, and for this thread only. It takes
// the place of libc's clock_gettime(): what is tested needs no clock handed to it. One at a time.
class VirtualClock {
 public:
  VirtualClock();
  ~VirtualClock();
  VirtualClock(const VirtualClock&) = delete;
  VirtualClock& operator=(const VirtualClock&) = delete;

  void advance(std::chrono::nanoseconds by);
};

}  // namespace causeway::test
