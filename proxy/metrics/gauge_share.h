// One of those that a gauge counts.
#pragma once

#include <array>
#include <utility>

#include "proxy/metrics/metrics.h"

namespace causeway::proxy {

// The gauge is one higher for as long as it lives, whatever the way out. Belongs to the thread that writes
// the gauge, which outlives it.
class GaugeShare {
 public:
  GaugeShare() = default;  // of none
  explicit GaugeShare(Gauge& gauge) : gauge_(&gauge) { gauge.add(); }
  GaugeShare(GaugeShare&& other) noexcept : gauge_(std::exchange(other.gauge_, nullptr)) {}
  GaugeShare& operator=(GaugeShare&& other) noexcept {
    if (this == &other) return *this;
    end();
    gauge_ = std::exchange(other.gauge_, nullptr);
    return *this;
  }
  GaugeShare(const GaugeShare&) = delete;
  GaugeShare& operator=(const GaugeShare&) = delete;
  ~GaugeShare() { end(); }

  explicit operator bool() const { return gauge_ != nullptr; }

  void end() {
    if (gauge_ != nullptr) gauge_->subtract();
    gauge_ = nullptr;
  }

  // Counts in the gauge, or in none. Nothing happens if it does so already.
  void count(Gauge& gauge, bool counts) {
    if (counts == (gauge_ == &gauge)) return;
    *this = counts ? GaugeShare(gauge) : GaugeShare();
  }

 private:
  Gauge* gauge_ = nullptr;
};

// What the gauges say of one session.
class SessionShares {
 public:
  // Makes them say this.
  void recount(ClientCounters& counters, const CountedSession& now);

 private:
  GaugeShare forwarding_;
  GaugeShare on_writer_;
  std::array<GaugeShare, kPinReasons> pins_;
};

}  // namespace causeway::proxy
