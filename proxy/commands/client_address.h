// Where a client comes from: by the PROXY protocol ahead of the greeting if it comes through a load balancer;
// and what servers are told of it.
#pragma once

#include <string>

#include "proxy/net/io.h"
#include "proxy/session/client_session.h"

namespace causeway::proxy {

// Whether what connected is a balancer that has to send the header (ListenerConfig::proxy_protocol_from).
bool expects_proxy_header(const ClientSession& session);

// Reads the header, and sets the session's host to the address in it; a balancer that speaks for itself
// changes nothing. False: there was none, or the balancer is gone; the connection is to be closed. The
// caller's deadline holds.
Awaitable<bool> take_proxy_header(ClientSession& session);

// PoolKey::client_address.
std::string told_address(const ClientSession& session);

}  // namespace causeway::proxy
