#include "proxy/cluster/ahead_watch.h"

namespace causeway::proxy {

void AheadWatch::observe(const consistency::Position& replica, Clock::time_point replica_answered_at,
                         const consistency::Position& writer, Clock::time_point writer_asked_at, bool stays) {
  if (stays && verdict_ == Verdict::kAhead) return;
  if (verdict_ == Verdict::kSuspected || verdict_ == Verdict::kAhead) {
    if (writer_asked_at <= writer_asked_at_) return;
    writer_asked_at_ = writer_asked_at;
    if (!writer.contains(suspected_)) {
      verdict_ = Verdict::kAhead;
      return;
    }
    verdict_ = Verdict::kUnknown;
  }
  if (writer_asked_at < replica_answered_at) return;
  if (writer.contains(replica)) {
    verdict_ = Verdict::kWithin;
    return;
  }
  verdict_ = Verdict::kSuspected;
  suspected_ = replica;
  writer_asked_at_ = writer_asked_at;
}

}  // namespace causeway::proxy
