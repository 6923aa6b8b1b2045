#include "consistency/causality_token.h"

#include <utility>

namespace causeway::consistency {

void CausalityToken::observe_write(const Position& written) {
  if (position_.contains(written)) return;
  if (!position_.merge(written)) {
    set_unknown();
    return;
  }
  if (position_.interval_count() > kMaxIntervals) {
    position_ = Position();
    set_unknown();
    return;
  }
  ++version_;
}

void CausalityToken::set_unknown() {
  unknown_ = true;
  ++version_;
}

void CausalityToken::resolve(const Position& writer_position) {
  if (!unknown_) return;
  if (!position_.merge(writer_position)) position_ = writer_position;
  unknown_ = false;
  ++version_;
}

bool CausalityToken::collapse(const Position& writer_executed) {
  if (!needs_collapse()) return false;
  Position united = position_;
  if (!united.merge(writer_executed) || united.interval_count() >= position_.interval_count()) return false;
  position_ = std::move(united);
  ++version_;
  return true;
}

bool CausalityToken::drop_if_not_in(const Position& new_writer_executed) {
  if (position_.empty()) return false;
  const bool of_the_old_log = position_.kind() == PositionKind::kBinlogCoordinates;
  if (!of_the_old_log && new_writer_executed.contains(position_)) return false;
  position_ = Position();
  set_unknown();
  return true;
}

void CausalityToken::clear() {
  if (empty()) return;
  position_ = Position();
  unknown_ = false;
  ++version_;
}

}  // namespace causeway::consistency
