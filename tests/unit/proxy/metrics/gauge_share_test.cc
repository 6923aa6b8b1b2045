#include "proxy/metrics/gauge_share.h"

#include <gtest/gtest.h>

#include <stdexcept>
#include <vector>

namespace causeway::proxy {
namespace {

TEST(GaugeShare, CountsWhileItLives) {
  Gauge gauge;
  {
    const GaugeShare one(gauge);
    const GaugeShare another(gauge);
    EXPECT_EQ(gauge.value(), 2);
  }
  EXPECT_EQ(gauge.value(), 0);
}

TEST(GaugeShare, IsOneHoweverOftenItMoves) {
  Gauge gauge;
  GaugeShare share(gauge);
  GaugeShare moved(std::move(share));
  std::vector<GaugeShare> all;
  all.push_back(std::move(moved));
  all.resize(10);
  EXPECT_EQ(gauge.value(), 1);
  all[5] = std::move(all[0]);
  EXPECT_EQ(gauge.value(), 1);
  all[5] = GaugeShare();
  EXPECT_EQ(gauge.value(), 0);
}

TEST(GaugeShare, MovedOverAnotherOneThatOneEnds) {
  Gauge first;
  Gauge second;
  GaugeShare share(first);
  share = GaugeShare(second);
  EXPECT_EQ(first.value(), 0);
  EXPECT_EQ(second.value(), 1);
  share.end();
  share.end();
  EXPECT_EQ(second.value(), 0);
}

TEST(GaugeShare, CountsOnceHoweverOftenItIsTold) {
  Gauge gauge;
  GaugeShare share;
  share.count(gauge, false);
  EXPECT_EQ(gauge.value(), 0);
  share.count(gauge, true);
  share.count(gauge, true);
  EXPECT_EQ(gauge.value(), 1);
  share.count(gauge, false);
  EXPECT_EQ(gauge.value(), 0);
}

TEST(GaugeShare, IsOverAfterAnException) {
  Gauge gauge;
  ClientCounters counters;
  const auto fail = [&] {
    const GaugeShare share(gauge);
    SessionShares session;
    CountedSession now;
    now.forwarding = true;
    now.pin(PinReason::kTransaction) = true;
    session.recount(counters, now);
    EXPECT_EQ(counters.forwarding_sessions.value(), 1);
    throw std::runtime_error("something went wrong");
  };
  EXPECT_THROW(fail(), std::runtime_error);
  EXPECT_EQ(gauge.value(), 0);
  EXPECT_EQ(counters.forwarding_sessions.value(), 0);
  EXPECT_EQ(counters.pinned_sessions[static_cast<size_t>(PinReason::kTransaction)].value(), 0);
  EXPECT_EQ(counters.pins[static_cast<size_t>(PinReason::kTransaction)].value(), 1U);
}

}  // namespace
}  // namespace causeway::proxy
