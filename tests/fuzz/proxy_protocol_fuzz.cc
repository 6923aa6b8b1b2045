// The header of the PROXY protocol: no part of a complete one is complete or malformed, what follows does not
// matter, and its addresses, written again, read the same.

#include <cstdlib>

#include "protocol/proxy_protocol.h"

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace causeway::protocol;
  using State = ProxyHeader::State;
  const Bytes buffered(data, size);
  const ProxyHeader header = parse_proxy_header(buffered);
  if (header.state == State::kNeedMore) require(size < kMaxProxyV2Bytes);
  if (header.state != State::kComplete) return 0;
  require(header.used_bytes > 0 && header.used_bytes <= size && header.used_bytes <= kMaxProxyV2Bytes);
  for (size_t length = 0; length < header.used_bytes; ++length)
    require(parse_proxy_header(buffered.first(length)).state == State::kNeedMore);
  require(parse_proxy_header(buffered.first(header.used_bytes)).used_bytes == header.used_bytes);
  if (!header.has_addresses) return 0;
  Buffer written;
  require(append_proxy_v2(written, header.source, header.destination));
  const ProxyHeader again = parse_proxy_header(written);
  require(again.state == State::kComplete && again.used_bytes == written.size());
  require(again.source == header.source && again.destination == header.destination);
  return 0;
}
