// How fast a client is sent the binary log.
#pragma once

#include <cstdint>

#include "proxy/net/io.h"
#include "proxy/session/client_session.h"

namespace causeway::proxy {

// So many bytes of the stream were just written to the client: suspends until more may go, by
// max_bytes_per_second of its listener; not at all where there is none. Ends at once when the session's waits
// end (end_waits()), whatever the reason: whoever goes on behind it looks whether the stream is to end, as
// behind a write. Uses the session's Waiter::wake_up meanwhile.
Awaitable<void> pace_stream(SessionParts session, uint64_t bytes);

}  // namespace causeway::proxy
