// How a replica keeps up with the writer, by what polls and waits have shown: whether one more wait is worth
// it.
#pragma once

#include <chrono>
#include <optional>

#include "consistency/position.h"

namespace causeway::consistency {

// Of one replica. Times are of the caller's steady clock.
class ReplicaProgress {
 public:
  using Time = std::chrono::steady_clock::time_point;
  using Milliseconds = std::chrono::milliseconds;

  // A wait in vain is remembered for so long, unless its target arrives before.
  static constexpr std::chrono::seconds kMissHolds{10};

  // A poll found the replica at `executed` at the time `at`, and the writer at `writer` at `writer_at`.
  // `lag` is the replica's; nothing if it is not known.
  void polled(const Position& executed, Time at, const Position& writer, Time writer_at,
              std::optional<Milliseconds> lag);

  // A wait for `target`, begun after the last poll at the earliest, was in vain for so long.
  void missed(const Position& target, Milliseconds waited);

  // A wait has shown that it has `target`.
  void reached(const Position& target);

  // Nothing is known of it (any more).
  void forget() { *this = ReplicaProgress(); }

  // Whether it can be expected to get within `timeout` to what it is not known to have: not if it has stood
  // still for that long while the writer was known to be ahead, if it is further behind than that (and 2 s:
  // lag is coarse), or if such a wait was in vain and its target has not come since.
  bool gets_there_within(Milliseconds timeout) const;

 private:
  struct Miss {
    Position target;
    Milliseconds waited{0};
    Time at;
  };

  Position executed_;
  Time polled_at_;
  Position writer_;  // as of writer_at_
  Time writer_at_;
  std::optional<Time> stands_since_;  // it has been at executed_ and behind since then
  std::optional<Milliseconds> lag_;
  std::optional<Miss> miss_;
};

}  // namespace causeway::consistency
