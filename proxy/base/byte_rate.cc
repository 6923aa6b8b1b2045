#include "proxy/base/byte_rate.h"

#include <algorithm>
#include <chrono>

namespace causeway::proxy {
namespace {

constexpr uint64_t kNanosecondsPerSecond = 1'000'000'000;

}  // namespace

Clock::time_point ByteRate::take(uint64_t bytes, Clock::time_point now) {
  if (!is_bounded()) return now;
  const std::chrono::seconds whole(bytes / bytes_per_second_);
  const std::chrono::nanoseconds rest(bytes % bytes_per_second_ * kNanosecondsPerSecond / bytes_per_second_);
  // What was not used for longer than a second is lost.
  empty_at_ = std::max(empty_at_, now - std::chrono::seconds(1)) + whole + rest;
  return std::max(empty_at_, now);
}

}  // namespace causeway::proxy
