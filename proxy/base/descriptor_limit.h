// File descriptors run out: what then still has to work.
#pragma once

#include <cstdint>

namespace causeway::proxy {

// Kept free for what is not a new client.
inline constexpr uint64_t kReservedDescriptors = 64;

// For so many sessions: each takes one, and they share connections to servers.
constexpr uint64_t descriptors_wanted(uint64_t max_connections) {
  return max_connections + max_connections / 2 + kReservedDescriptors;
}

// Raises the soft limit of open files to the hard one. The limit that holds then.
uint64_t raise_descriptor_limit();

// Whether a descriptor that has just been opened is one of the last that the process may have: of
// kReservedDescriptors, or of an eighth of a small limit. Descriptors are given out from the lowest.
bool is_reserved(int descriptor);

// A descriptor that is kept for the moment when there is no other.
class SpareDescriptor {
 public:
  SpareDescriptor() { take(); }
  ~SpareDescriptor() { release(); }
  SpareDescriptor(const SpareDescriptor&) = delete;
  SpareDescriptor& operator=(const SpareDescriptor&) = delete;

  // Takes one, if it has none and there is one. Whether it has one now.
  bool take();
  // Whether there was one.
  bool release();

 private:
  int descriptor_ = -1;
};

}  // namespace causeway::proxy
