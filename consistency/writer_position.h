// What the writer says of itself when it is asked where it is.
#pragma once

#include "consistency/position.h"

namespace causeway::consistency {

struct WriterPosition {
  // All that it has committed: every read on it sees that, and every acknowledged write is in it.
  Position executed;

  // ... and what it is committing, if there is any: it is in its log already, so a replica may show it, and a
  // read there may have seen it. It is committed in the end, if the server lives. None: nothing beyond
  // `executed`.
  Position logged;

  // What a read has to see that is to see all that any read anywhere has seen.
  const Position& seen_anywhere() const { return logged.empty() ? executed : logged; }

  friend bool operator==(const WriterPosition&, const WriterPosition&) = default;
};

}  // namespace causeway::consistency
