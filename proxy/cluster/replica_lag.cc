#include "proxy/cluster/replica_lag.h"

#include <algorithm>
#include <utility>

namespace causeway::proxy {
namespace {

using std::chrono::milliseconds;

// Old samples are wider apart: by this part of their age.
constexpr int kFractionOfAge = 32;
constexpr size_t kMaxSamples = 512;

}  // namespace

void WriterHistory::note(const consistency::Position& executed, Clock::time_point asked_at) {
  if (executed.kind() == consistency::PositionKind::kNone) return;
  if (!samples_.empty()) {
    Sample& newest = samples_.back();
    if (asked_at <= newest.last_seen) return;
    if (newest.position.contains(executed)) {
      newest.last_seen = asked_at;
      return;
    }
  }
  samples_.push_back({executed, asked_at});
  thin_out();
}

void WriterHistory::thin_out() {
  const Clock::time_point now = samples_.back().last_seen;
  for (size_t i = 1; i + 1 < samples_.size(); ++i) {
    const auto gap = samples_[i + 1].last_seen - samples_[i - 1].last_seen;
    if (gap * kFractionOfAge >= now - samples_[i + 1].last_seen) continue;
    samples_.erase(samples_.begin() + static_cast<std::ptrdiff_t>(i));
    --i;
  }
  if (samples_.size() > kMaxSamples) samples_.pop_front();
}

std::optional<milliseconds> WriterHistory::age(Clock::time_point from) const {
  if (samples_.empty()) return std::nullopt;
  return std::max(std::chrono::ceil<milliseconds>(from - samples_.front().last_seen), milliseconds{0});
}

std::optional<milliseconds> WriterHistory::lag(const consistency::Position& executed,
                                               Clock::time_point asked_at) const {
  const auto missing = std::ranges::partition_point(
      samples_, [&](const Sample& sample) { return executed.contains(sample.position); });
  if (missing == samples_.begin()) return std::nullopt;
  const auto behind = asked_at - std::prev(missing)->last_seen;
  return std::max(std::chrono::ceil<milliseconds>(behind), milliseconds{0});
}

}  // namespace causeway::proxy
