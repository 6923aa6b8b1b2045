// LAST_INSERT_ID() of a session, as far as it is known outside of the server connection it lives in.
#pragma once

#include <cstdint>

namespace causeway::proxy {

// Shared by the session and the connection that has the exact value. The insert id of an OK packet is only a
// guess at it: it may be an explicit key, which leaves LAST_INSERT_ID() as it was, and LAST_INSERT_ID(n)
// shows in no OK packet at all. So the server is asked, but not before the connection is given to another
// session.
struct LastInsertId {
  uint64_t value = 0;
  bool certain = true;   // false: what the connection says counts
  bool pending = false;  // the connection is another session's now, which asks before anything else
};

}  // namespace causeway::proxy
