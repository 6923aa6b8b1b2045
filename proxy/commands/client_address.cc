#include "proxy/commands/client_address.h"

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "protocol/proxy_protocol.h"
#include "proxy/backend/shard.h"
#include "proxy/base/network.h"

namespace causeway::proxy {
namespace {

// IPv4 in IPv6 is IPv4: what accounts are compared with.
std::string plain_address(const std::string& text) {
  ErrorCode error;
  const auto address = asio::ip::make_address(text, error);
  if (error || !address.is_v6() || !address.to_v6().is_v4_mapped()) return text;
  return asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6()).to_string();
}

}  // namespace

bool expects_proxy_header(const ClientSession& session) {
  const std::vector<Network>& from = session.listener.proxy_protocol_from;
  if (from.empty()) return false;
  const std::optional<Ip> peer = parse_ip(session.client.host);
  return peer && std::ranges::any_of(from, [&](const Network& network) { return network.contains(*peer); });
}

Awaitable<bool> take_proxy_header(ClientSession& session) {
  protocol::Buffer in(protocol::kMaxProxyV2Bytes);
  size_t received = 0;
  protocol::ProxyHeader header;
  while (header.state == protocol::ProxyHeader::State::kNeedMore && received < in.size()) {
    ErrorCode error;
    const size_t got = co_await session.client.stream.read_some(std::span(in).subspan(received), error);
    if (error) co_return false;
    received += got;
    header = protocol::parse_proxy_header(protocol::Bytes(in).first(received));
  }
  // Behind it the client waits for the greeting: there is nothing that could follow.
  const bool complete =
      header.state == protocol::ProxyHeader::State::kComplete && header.used_bytes == received;
  if (!complete) {
    session.shard.metrics().clients.reject(RejectReason::kHandshake);
    session.shard.logger().warning("a connection without a proper header of the PROXY protocol was closed",
                                   {{"client", session.client.host}});
    co_return false;
  }
  if (!header.has_addresses) co_return true;
  session.client.host = plain_address(header.source.address);
  session.client.port = header.source.port;
  co_return true;
}

std::string told_address(const ClientSession& session) {
  const bool any = std::ranges::any_of(session.shard.config().nodes, &NodeConfig::proxy_protocol);
  return any && !session.listener.address.is_unix() ? session.client.host : std::string();
}

}  // namespace causeway::proxy
