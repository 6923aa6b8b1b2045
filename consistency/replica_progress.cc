#include "consistency/replica_progress.h"

#include <algorithm>

namespace causeway::consistency {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kCoarse{2000};
constexpr milliseconds kBriefest{500};

}  // namespace

void ReplicaProgress::polled(const Position& executed, Time at, const Position& writer, Time writer_at,
                             std::optional<Milliseconds> lag) {
  // Behind is who lacks what the writer had before.
  const bool lacks = writer_at <= at    ? !executed.contains(writer)
                     : writer_at_ <= at ? !executed.contains(writer_)
                                        : false;
  if (!lacks) {
    stands_since_.reset();
  } else if (!stands_since_ || executed != executed_) {
    stands_since_ = at;
  }
  executed_ = executed;
  polled_at_ = at;
  writer_ = writer;
  writer_at_ = writer_at;
  lag_ = lag;
  if (miss_ && (executed.contains(miss_->target) || at - miss_->at >= kMissHolds)) miss_.reset();
}

void ReplicaProgress::missed(const Position& target, Milliseconds waited) {
  miss_ = Miss{.target = target, .waited = waited, .at = polled_at_};
}

void ReplicaProgress::reached(const Position& target) {
  stands_since_.reset();
  if (miss_ && target.contains(miss_->target)) miss_.reset();
}

bool ReplicaProgress::gets_there_within(Milliseconds timeout) const {
  if (stands_since_ && polled_at_ - *stands_since_ >= std::max(timeout, kBriefest)) return false;
  if (lag_ && *lag_ > std::max(timeout, kCoarse)) return false;
  // Some of the time for the wait goes to the question where the writer is.
  return !miss_ || timeout - timeout / 5 > miss_->waited;
}

}  // namespace causeway::consistency
