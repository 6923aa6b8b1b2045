#include "proxy/base/free_memory.h"

#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <fstream>

namespace causeway::proxy {
namespace {

// Set once, it does not grow with the largest block that was ever freed.
constexpr int kLargeBlock = 256 << 10;

// The program itself, stacks and the like.
constexpr size_t kProgramBytes = size_t{24} << 20;

// Less than this is not worth the trouble.
constexpr size_t kMuch = size_t{16} << 20;

size_t resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  size_t size_pages = 0;
  size_t resident_pages = 0;
  if (!(statm >> size_pages >> resident_pages)) return 0;
  return resident_pages * static_cast<size_t>(sysconf(_SC_PAGESIZE));
}

// In RAM, but neither the program's nor in use.
size_t free_bytes(size_t resident) {
  const struct mallinfo2 all = mallinfo2();
  const size_t used = all.uordblks + all.hblkhd + kProgramBytes;
  return resident > used ? resident - used : 0;
}

}  // namespace

void return_large_blocks() {
  mallopt(M_MMAP_THRESHOLD, kLargeBlock);
  mallopt(M_TRIM_THRESHOLD, kLargeBlock);
}

void FreeMemory::give_back() {
  const size_t resident = resident_bytes();
  if (resident < kProgramBytes + kMuch) {
    left_behind_ = 0;
    return;
  }
  const size_t before = free_bytes(resident);
  left_behind_ = std::min(left_behind_, before);
  if (before < left_behind_ + kMuch) return;
  malloc_trim(0);
  left_behind_ = free_bytes(resident_bytes());
}

}  // namespace causeway::proxy
