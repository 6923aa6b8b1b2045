#include "consistency/writer_probe.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace causeway::consistency {

WriterProbe::Ticket WriterProbe::join() {
  ++joined_;
  return {next_};
}

bool WriterProbe::worth_sending(size_t reads_under_way) const {
  constexpr size_t kMaxAwaited = 8;
  return joined_ >= std::clamp<size_t>(reads_under_way / 4, 1, kMaxAwaited);
}

uint64_t WriterProbe::sent() {
  assert(should_send());
  in_flight_ = next_++;
  joined_ = 0;
  return in_flight_;
}

uint64_t WriterProbe::completed(uint64_t epoch, WriterPosition position) {
  if (epoch == 0 || epoch != in_flight_) return 0;
  in_flight_ = 0;
  settled_ = epoch;
  answered_ = epoch;
  position_ = std::move(position);
  return epoch;
}

uint64_t WriterProbe::failed(uint64_t epoch) {
  if (epoch == 0 || epoch != in_flight_) return 0;
  in_flight_ = 0;
  settled_ = epoch;
  return epoch;
}

uint64_t WriterProbe::reset() {
  // The epoch that was being joined is used up as well: its tickets fail.
  in_flight_ = 0;
  joined_ = 0;
  answered_ = 0;
  settled_ = next_++;
  position_ = WriterPosition();
  return settled_;
}

WriterProbe::State WriterProbe::state(Ticket ticket) const {
  if (ticket.epoch <= answered_) return State::kAnswered;
  if (ticket.epoch <= settled_) return State::kFailed;
  return State::kPending;
}

}  // namespace causeway::consistency
