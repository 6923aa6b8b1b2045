#include "proxy/base/descriptor_limit.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <limits>

namespace causeway::proxy {
namespace {

uint64_t current_limit() {
  rlimit limit{};
  return ::getrlimit(RLIMIT_NOFILE, &limit) == 0 ? uint64_t{limit.rlim_cur}
                                                 : std::numeric_limits<uint64_t>::max();
}

}  // namespace

uint64_t raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
  }
  return current_limit();
}

// The limit may be changed from outside (prlimit).
bool is_reserved(int descriptor) {
  const uint64_t limit = current_limit();
  return static_cast<uint64_t>(descriptor) >= limit - std::min(kReservedDescriptors, limit / 8);
}

bool SpareDescriptor::take() {
  if (descriptor_ < 0) descriptor_ = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  return descriptor_ >= 0;
}

bool SpareDescriptor::release() {
  if (descriptor_ < 0) return false;
  ::close(descriptor_);
  descriptor_ = -1;
  return true;
}

}  // namespace causeway::proxy
