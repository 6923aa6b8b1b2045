#include "tests/support/socket_calls.h"

#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace causeway::test {
namespace {

thread_local SocketCalls calls;

ssize_t count_read(ssize_t got, int flags) {
  ++(got > 0 && (flags & MSG_PEEK) == 0 ? calls.reads : calls.futile);
  return got;
}

ssize_t count_write(ssize_t sent) {
  ++(sent > 0 ? calls.writes : calls.futile);
  return sent;
}

}  // namespace

SocketCalls socket_calls() {
  return calls;
}

}  // namespace causeway::test

// Found before libc's own, by everything in the process.
extern "C" {

ssize_t recv(int socket, void* buffer, size_t size, int flags) {
  return causeway::test::count_read(::syscall(SYS_recvfrom, socket, buffer, size, flags, nullptr, nullptr),
                                    flags);
}

ssize_t recvmsg(int socket, msghdr* message, int flags) {
  return causeway::test::count_read(::syscall(SYS_recvmsg, socket, message, flags), flags);
}

ssize_t send(int socket, const void* buffer, size_t size, int flags) {
  return causeway::test::count_write(::syscall(SYS_sendto, socket, buffer, size, flags, nullptr, 0));
}

ssize_t sendmsg(int socket, const msghdr* message, int flags) {
  return causeway::test::count_write(::syscall(SYS_sendmsg, socket, message, flags));
}

}  // extern "C"
