#include "proxy/statement/delivery.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace causeway::proxy {
namespace {

// Of Linux's struct tcp_info, of which the C library's header knows the beginning only.
constexpr size_t kBytesAcked = 120;
constexpr size_t kBytesSent = 200;
constexpr size_t kBytesRetransmitted = 208;
constexpr size_t kInfoBytes = 216;

}  // namespace

bool all_was_taken(int descriptor) {
  std::array<char, kInfoBytes> info{};
  socklen_t size = info.size();
  if (::getsockopt(descriptor, IPPROTO_TCP, TCP_INFO, info.data(), &size) != 0) return true;
  if (size < kInfoBytes) return true;  // an old kernel does not count
  const auto counter = [&info](size_t offset) {
    uint64_t value = 0;
    std::memcpy(&value, info.data() + offset, sizeof(value));
    return value;
  };
  // The acknowledgement of the SYN is counted, its sending is not.
  return counter(kBytesAcked) > counter(kBytesSent) - counter(kBytesRetransmitted);
}

}  // namespace causeway::proxy
