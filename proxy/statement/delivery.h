// What the kernel knows of bytes that were sent.
#pragma once

namespace causeway::proxy {

// Whether the peer's kernel has acknowledged all that was ever sent on a socket; false only if it is known
// not to have: a peer that had closed before answers with a reset. True for what is no TCP socket.
bool all_was_taken(int descriptor);

}  // namespace causeway::proxy
