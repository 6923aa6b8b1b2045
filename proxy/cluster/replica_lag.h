// How far a replica is behind, by the writer's positions and one clock. Pure.
#pragma once

#include <chrono>
#include <deque>
#include <optional>

#include "consistency/position.h"

namespace causeway::proxy {

// What the writer had executed, and when. A replica's own word (Seconds_Behind_Source) has whole seconds, and
// speaks of its direct source only: below a source that has stopped it is 0.
class WriterHistory {
 public:
  using Clock = std::chrono::steady_clock;

  // An answer of the writer to a question that was asked at this time. Times rise; answers known already and
  // those without a position are ignored.
  void note(const consistency::Position& executed, Clock::time_point asked_at);

  // Another writer, or positions of another kind.
  void clear() { samples_.clear(); }

  // An upper bound of how far behind the writer a server was that had executed `executed` when it was asked
  // at `asked_at`: it had all that the writer had that long before. As exact as the writer is asked often;
  // for great lags to some percent. Nothing if it is further behind than the history goes back.
  std::optional<std::chrono::milliseconds> lag(const consistency::Position& executed,
                                               Clock::time_point asked_at) const;

  // How far the history goes back from then; nothing if there is none.
  std::optional<std::chrono::milliseconds> age(Clock::time_point from) const;

 private:
  struct Sample {
    consistency::Position position;
    Clock::time_point last_seen;  // when the writer was asked last and still had just that
  };

  void thin_out();

  std::deque<Sample> samples_;  // oldest first
};

}  // namespace causeway::proxy
