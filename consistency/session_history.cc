#include "consistency/session_history.h"

namespace causeway::consistency {

void SessionHistory::was_handed(const Position& position) {
  trusts_writer_ = false;
  token_.observe_write(position);
}

void SessionHistory::was_handed_something() {
  trusts_writer_ = false;
  token_.set_unknown();
}

void SessionHistory::moves_to(NodeIndex replica, uint64_t era) {
  if (replica_ != kNoNode && (replica_ != replica || replica_era_ != era)) {
    saw_newer_ = true;
    satisfied_version_ = kNever;
  }
  replica_ = replica;
  replica_era_ = era;
}

void SessionHistory::fill(ReadRequest& request, bool heard_of) const {
  request.token = &token_;
  request.token_known_there = heard_of && satisfied_version_ == token_.version();
  request.monotonic_break = saw_newer_;
}

void SessionHistory::satisfied(bool probed) {
  satisfied_version_ = token_.version();
  if (probed) saw_newer_ = false;
}

SessionHistory::Kept SessionHistory::on_writer(uint64_t epoch, const Position& executed) {
  Kept kept = Kept::kAll;
  if (writer_epoch_ != epoch) {
    writer_epoch_ = epoch;
    // Coordinates of a former writer's log mean nothing in another: that tells nothing of what is there.
    const PositionKind kind = token_.position().kind();
    const bool comparable = kind == executed.kind() && kind != PositionKind::kBinlogCoordinates;
    if (token_.drop_if_not_in(executed)) kept = comparable ? Kept::kNotThere : Kept::kNotComparable;
  }
  if (token_.needs_collapse()) token_.collapse(executed);
  return kept;
}

}  // namespace causeway::consistency
