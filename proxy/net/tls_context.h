// TLS contexts for both sides, from the configuration.
#pragma once

#include <openssl/ssl.h>

#include <boost/asio/ssl/context.hpp>
#include <boost/system/error_code.hpp>
#include <memory>
#include <string>
#include <string_view>

#include "proxy/base/or_problem.h"
#include "proxy/config/config.h"

namespace causeway::proxy {

// Shared by the sessions that were started with it: a reload makes a new one and replaces the pointer. Null:
// the mode is kDisabled.
using TlsContext = std::shared_ptr<boost::asio::ssl::context>;

// Towards clients. A problem names the file and what is wrong with it. Without a configured certificate one
// is made, in memory: EC P-256, CN "Causeway auto-generated".
OrProblem<TlsContext> make_client_tls_context(const TlsConfig& config);

// Towards servers; problems likewise. The name in a server's certificate is not checked by the context but by
// the connection: prepare_server_tls().
OrProblem<TlsContext> make_server_tls_context(const ServerTlsConfig& config);

// What went wrong in a handshake: OpenSSL's word, and why the peer's certificate was not accepted, if that is
// the reason.
std::string describe_handshake_error(SSL* ssl, const boost::system::error_code& error);

// Before the handshake of one connection to `host` (a name or an IP address; empty for a Unix socket, which
// is "localhost"): sends the name (SNI) and, with kVerifyIdentity, demands that the certificate is for it.
// False if OpenSSL is out of memory.
bool prepare_server_tls(SSL* ssl, TlsMode mode, const std::string& host);

}  // namespace causeway::proxy
