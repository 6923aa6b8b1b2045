// How many system calls on sockets something costs.
#pragma once

#include <cstdint>

namespace causeway::test {

// Calls that have moved bytes. Reads that found nothing, and looks whether a peer is still there, are in
// `futile`.
struct SocketCalls {
  uint64_t reads = 0;
  uint64_t writes = 0;
  uint64_t futile = 0;

  friend bool operator==(const SocketCalls&, const SocketCalls&) = default;
};

// Of this thread, so far: of recv, recvmsg, send and sendmsg, which Asio uses. Scripted clients and servers
// use read and write, and so are not in it.
SocketCalls socket_calls();

}  // namespace causeway::test
