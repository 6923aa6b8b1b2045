// One side of TLS in memory, for scripted clients and servers.
#pragma once

#include <openssl/ssl.h>

#include <cstdint>
#include <memory>

#include "proxy/net/tls_context.h"
#include "tests/support/packets.h"

namespace causeway::test {

// A context of a server, with a certificate that nobody vouches for; and one of a client, which takes any.
// Made once.
proxy::TlsContext tls_context_of_server();
proxy::TlsContext tls_context_of_client();

class TlsPeer {
 public:
  enum class Side : uint8_t { kClient, kServer };
  explicit TlsPeer(Side side);

  // Takes what came over the wire, and appends what it says.
  void receive(Bytes wire, Buffer& plain);
  // What goes over the wire for it. Only once the handshake is done.
  Buffer seal(Bytes plain);
  // What the handshake has to send now.
  Buffer take_handshake();
  bool has_output() const { return BIO_ctrl_pending(out_) > 0; }

  bool is_done() const { return SSL_is_init_finished(ssl_.get()) == 1; }
  // What came is no TLS, or says that the other side has given up.
  bool has_failed() const { return failed_; }

 private:
  bool note(int result);

  std::unique_ptr<SSL, decltype(&SSL_free)> ssl_;
  BIO* in_;  // both are ssl_'s
  BIO* out_;
  bool failed_ = false;
};

}  // namespace causeway::test
