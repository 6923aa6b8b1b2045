// Memory that is free goes back to the system. glibc keeps what lies between things that live, and large
// blocks once it has seen that such are freed again: after a few large statements a process stays large for
// good.
#pragma once

#include <cstddef>

namespace causeway::proxy {

// For the start of the process: large blocks are the system's, and go back to it when they are freed.
void return_large_blocks();

// Gives back what has become free, where it is much. Called every few seconds by one thread; takes some
// milliseconds then, and next to nothing while the process is small.
class FreeMemory {
 public:
  void give_back();

 private:
  size_t left_behind_ = 0;  // bytes that giving back did not help against
};

// What a session or a connection keeps for its next command at the most.
inline constexpr size_t kKeptBytes = size_t{64} << 10;

// Empties a buffer that is used again and again, and takes its memory away if one command has needed a lot.
template <class Buffer>
void shrink(Buffer& buffer) {
  if (buffer.capacity() * sizeof(*buffer.data()) > kKeptBytes) buffer = Buffer();
}

}  // namespace causeway::proxy
