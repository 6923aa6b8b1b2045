#include "consistency/writer_probe.h"

#include <cassert>
#include <utility>

namespace causeway::consistency {

WriterProbe::Ticket WriterProbe::join() {
  wanted_ = true;
  return {next_};
}

uint64_t WriterProbe::sent() {
  assert(should_send());
  in_flight_ = next_++;
  wanted_ = false;
  return in_flight_;
}

uint64_t WriterProbe::completed(uint64_t epoch, Position position) {
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
  wanted_ = false;
  answered_ = 0;
  settled_ = next_++;
  position_ = Position();
  return settled_;
}

WriterProbe::State WriterProbe::state(Ticket ticket) const {
  if (ticket.epoch <= answered_) return State::kAnswered;
  if (ticket.epoch <= settled_) return State::kFailed;
  return State::kPending;
}

}  // namespace causeway::consistency
