// Something that is refused to one client after the other, as an operator wants to read of it: once when it
// begins, once when it is over. Pure.
#pragma once

#include <chrono>
#include <cstdint>

namespace causeway::proxy {

class RefusalEpisode {
 public:
  using Clock = std::chrono::steady_clock;

  // It is over when nothing was refused for that long.
  static constexpr std::chrono::seconds kQuiet{10};

  enum class News : uint8_t { kNone, kBegun, kOver };

  // To be called now and then. `total` is how often it was refused since the start.
  News look(uint64_t total, Clock::time_point now) {
    if (total != seen_) {
      const bool begins = !under_way_;
      if (begins) before_ = seen_;
      under_way_ = true;
      seen_ = total;
      last_at_ = now;
      return begins ? News::kBegun : News::kNone;
    }
    if (!under_way_ || now - last_at_ < kQuiet) return News::kNone;
    under_way_ = false;
    return News::kOver;
  }

  // Since the episode of now, or else the last one, began.
  uint64_t refused() const { return seen_ - before_; }

 private:
  bool under_way_ = false;
  uint64_t seen_ = 0;
  uint64_t before_ = 0;  // seen_ when it began
  Clock::time_point last_at_;
};

}  // namespace causeway::proxy
