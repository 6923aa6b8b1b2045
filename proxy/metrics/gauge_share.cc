#include "proxy/metrics/gauge_share.h"

namespace causeway::proxy {

void SessionShares::recount(ClientCounters& counters, const CountedSession& now) {
  forwarding_.count(counters.forwarding_sessions, now.forwarding);
  on_writer_.count(counters.writer_sessions, now.on_writer);
  for (size_t reason = 0; reason < kPinReasons; ++reason) {
    if (now.pins[reason] && !pins_[reason]) counters.pins[reason].add();
    pins_[reason].count(counters.pinned_sessions[reason], now.pins[reason]);
  }
}

}  // namespace causeway::proxy
