// A session's token over changes of the writer, and positions that sessions are handed.
#pragma once

#include "proxy/net/io.h"
#include "proxy/session/client_session.h"

namespace causeway::proxy {

// Before the token is looked at: what the writer of now does not have is dropped, once per change of writer,
// since it would never arrive; and a token stays short.
void check_token(Shard& shard, consistency::SessionHistory& history);

// What becomes of a position that a session is to see (SET causeway_position).
enum class HandedPosition : uint8_t {
  kTaken,      // reads wait for it; or, while no writer can be asked, for what is no less
  kOtherKind,  // the servers have positions of another kind
  kNotThere,   // the writer does not have it: it was lost, or is of another cluster
};

// Asks the writer if the monitor's last poll does not tell. A binary log position of a writer that is none
// any more cannot be compared: it is taken as "everything that is committed now".
Awaitable<HandedPosition> take_position(SessionParts session, const consistency::Position& position);

}  // namespace causeway::proxy
