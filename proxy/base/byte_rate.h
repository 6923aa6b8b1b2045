// How many bytes may go in a time. Pure: time is handed in.
#pragma once

#include <cstdint>

#include "proxy/base/clock.h"

namespace causeway::proxy {

// A bucket that fills with so many bytes each second, and holds those of one second. More than it holds may
// be taken: then it is in debt, and the next ones wait until it is out of it. So what is sent is never cut to
// pieces, and over any time it is no more than the rate, one second's worth and one piece.
class ByteRate {
 public:
  ByteRate() = default;  // without a bound

  // 0: without a bound. At most 2^32, which keeps what is computed within 64 bits for pieces as long as that.
  explicit ByteRate(uint64_t bytes_per_second) : bytes_per_second_(bytes_per_second) {}

  bool is_bounded() const { return bytes_per_second_ != 0; }

  // So many bytes have gone at `now`, which never goes back. When the next ones may go: `now`, or later.
  Clock::time_point take(uint64_t bytes, Clock::time_point now);

 private:
  uint64_t bytes_per_second_ = 0;
  Clock::time_point empty_at_ = Clock::time_point::min();  // until when what has gone is paid for
};

}  // namespace causeway::proxy
