// What the reads of one session must see.
#pragma once

#include <cstddef>
#include <cstdint>

#include "consistency/position.h"

namespace causeway::consistency {

// The session's own writes merged into one position, or the knowledge that one of them is missing
// ("unknown").
//
// version() grows with every change of what must be seen, and only then. A caller that has seen a read of
// version V satisfied on a node may skip every comparison for that node while the version is still V: nodes
// only move forward.
class CausalityToken {
 public:
  // From this many intervals on collapse() is worth a call: needs_collapse().
  static constexpr size_t kCollapseAbove = 16;
  // A token never holds more than this: it becomes unknown instead (which is sound, it costs one probe).
  static constexpr size_t kMaxIntervals = 1024;

  const Position& position() const { return position_; }
  bool unknown() const { return unknown_; }
  uint64_t version() const { return version_; }

  // Nothing has to be seen.
  bool empty() const { return !unknown_ && position_.empty(); }

  // The session wrote this, or was told to see it (SET causeway_position). A position that cannot be merged
  // with what there is (another kind, another log) makes the token unknown.
  void observe_write(const Position& written);

  // A write gave no position, or a connection broke in a commit: until resolve(), reads behave as GLOBAL.
  void set_unknown();

  // The writer's position, asked for after the last set_unknown(), takes the place of what is unknown.
  // Everything that the session wrote is in it, so it replaces the position if that cannot be merged. No-op
  // if nothing is unknown.
  void resolve(const Position& writer_position);

  bool needs_collapse() const { return position_.interval_count() > kCollapseAbove; }

  // Bounds a long token: replaces it by its union with what the writer is known to have executed (`uuid:1-N`,
  // few intervals). Sound, as all of it is committed on the writer, so replicas will have it; reads may wait
  // for more than they need. Only if needs_collapse(), and only if the union is shorter. True if it did.
  bool collapse(const Position& writer_executed);

  // After a failover: what the new writer does not have would never arrive anywhere. If the token is not
  // contained in the new writer's executed position the token's position is given up and the token becomes
  // unknown: the next read is a GLOBAL one and so sees whatever of it has survived. Coordinates belong to the
  // old writer's log and are given up always, even if the new log has the same name. True if something was
  // given up: count it, log it once.
  bool drop_if_not_in(const Position& new_writer_executed);

  // The session begins anew (COM_RESET_CONNECTION): nothing has to be seen.
  void clear();

 private:
  Position position_;
  uint64_t version_ = 0;
  bool unknown_ = false;
};

}  // namespace causeway::consistency
