// Opens connections to servers: TCP or Unix socket, TLS, login, session tracking.
#pragma once

#include <memory>
#include <optional>

#include "protocol/secret.h"
#include "proxy/accounts/client_error.h"
#include "proxy/backend/backend_connection.h"
#include "proxy/net/io.h"

namespace causeway::proxy {

class Shard;

struct ConnectResult {
  std::unique_ptr<BackendConnection> connection;  // null: see below
  // The server's refusal (wrong password, too many connections), for the client; nothing if the server could
  // not be reached.
  std::optional<ClientError> refusal;
  bool access_denied = false;  // the refusal is about the credentials
  std::string reason;          // for logs
};

// Logs in to a node as the key's user. A server that is not the one that the monitor sees there is refused,
// and the monitor told. `in_flight` points to the connection while it is being opened, so that a watchdog can
// cancel it; TimeoutsConfig::connect must be enforced that way by the caller.
Awaitable<ConnectResult> connect_backend(Shard& shard, size_t node, std::shared_ptr<const PoolKey> key,
                                         const protocol::Credentials& credentials,
                                         BackendConnection*& in_flight);

// How much TLS a connection to this address has, by the configuration and by what the account asks for.
TlsMode tls_towards(const Address& address, TlsMode configured, bool by_account);

// What every connection to a server asks for, whatever the client can do.
protocol::CapabilityFlags required_backend_capabilities();

// What is passed on from a client's capabilities, since it changes the wire format or the meaning of
// statements.
protocol::CapabilityFlags passed_on_capabilities(const StatementsConfig& statements);

}  // namespace causeway::proxy
