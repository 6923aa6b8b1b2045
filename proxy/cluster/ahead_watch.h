// Whether a replica has transactions that the writer lacks. Pure.
#pragma once

#include <chrono>
#include <optional>

#include "consistency/position.h"

namespace causeway::proxy {

// A replica with more than the writer (a write of its own, what a former writer lost, a writer whose log was
// reset) is not what its position says: it skips what the writer will give these numbers, or shows what
// nobody has committed. The two are never asked at the same moment, so only a writer that was asked after the
// replica had answered can tell; and once is not enough to be sure, since a writer may send to its replicas
// what it has not committed yet, and where it does not say so (without GTIDs) that looks the same.
class AheadWatch {
 public:
  using Clock = std::chrono::steady_clock;

  enum class Verdict : uint8_t {
    kUnknown,    // no answer of the writer can tell yet
    kWithin,     // the writer has all that the replica had
    kSuspected,  // it had not, the first time
    kAhead,      // nor the second time
  };

  // The latest answers of both: what the replica has executed, and what the writer has or may have sent.
  // `stays`: a replica once found ahead stays so, where positions hide it behind later transactions
  // (MariaDB's lists).
  void observe(const consistency::Position& replica, Clock::time_point replica_answered_at,
               const consistency::Position& writer, Clock::time_point writer_asked_at, bool stays);

  // Another server, or another writer: what was found out holds no more.
  void reset() { *this = AheadWatch(Verdict::kUnknown); }

  Verdict verdict() const { return verdict_; }

  // At the start a replica is taken as sound until it is seen not to be.
  explicit AheadWatch(Verdict verdict = Verdict::kWithin) : verdict_(verdict) {}

 private:
  Verdict verdict_;
  consistency::Position suspected_;  // what the replica had
  Clock::time_point writer_asked_at_;
};

}  // namespace causeway::proxy
