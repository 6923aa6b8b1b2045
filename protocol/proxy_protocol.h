// The header of the PROXY protocol, by which a load balancer says who the client is: versions 1 and 2.
// https://www.haproxy.org/download/3.2/doc/proxy-protocol.txt
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "protocol/byte_reader.h"
#include "protocol/byte_writer.h"

namespace causeway::protocol {

// A version 1 header is never longer, with its CRLF.
inline constexpr size_t kMaxProxyV1Bytes = 107;
// The longest version 2 header that is read: addresses and extensions (TLVs) of 4 KiB together.
inline constexpr size_t kMaxProxyV2Bytes = 16 + 4096;

struct ProxyEndpoint {
  std::string address = {};  // IPv4 or IPv6 as inet_ntop(3) writes it
  uint16_t port = 0;

  friend bool operator==(const ProxyEndpoint&, const ProxyEndpoint&) = default;
};

struct ProxyHeader {
  enum class State : uint8_t {
    kNeedMore,   // what is there may be the beginning of a header
    kComplete,   // everything is set
    kMalformed,  // no header, or one that is not allowed or too long
  };

  State state = State::kNeedMore;
  size_t used_bytes = 0;  // length of the header; at kComplete
  // False for LOCAL (a health check of the balancer), UNKNOWN, and what is not TCP over IP: the connection's
  // own addresses hold.
  bool has_addresses = false;
  ProxyEndpoint source = {};       // the client
  ProxyEndpoint destination = {};  // where it connected to
};

// Looks at the front of `buffered` without consuming anything; what follows a header is the client's. Decides
// kMalformed at the first byte that no header has. Extensions are not looked at, and an optional checksum
// among them is not verified. Whoever can connect can claim any address: only for listeners that trusted
// balancers alone can reach.
ProxyHeader parse_proxy_header(Bytes buffered);

// Appends a version 2 header. Text that is no IP address, on either side, gives false and appends nothing; an
// IPv6 zone ("%eth0") is left out. If the families differ, both are written as IPv6.
bool append_proxy_v2(Buffer& out, const ProxyEndpoint& source, const ProxyEndpoint& destination);

// Appends a version 2 header that says that the connection is the sender's own.
void append_proxy_v2_local(Buffer& out);

}  // namespace causeway::protocol
