#include "tests/support/tls_peer.h"

#include <openssl/bio.h>
#include <openssl/err.h>

#include <array>
#include <stdexcept>
#include <string>
#include <utility>

namespace causeway::test {
namespace {

proxy::TlsContext made(const proxy::OrProblem<proxy::TlsContext>& result) {
  if (!result) throw std::runtime_error(result.error().text);
  return *result;
}

}  // namespace

proxy::TlsContext tls_context_of_server() {
  static const proxy::TlsContext context =
      made(proxy::make_client_tls_context({.mode = proxy::TlsMode::kPreferred}));
  return context;
}

proxy::TlsContext tls_context_of_client() {
  static const proxy::TlsContext context =
      made(proxy::make_server_tls_context({.mode = proxy::TlsMode::kRequired}));
  return context;
}

TlsPeer::TlsPeer(Side side)
    : ssl_(SSL_new(
               (side == Side::kClient ? tls_context_of_client() : tls_context_of_server())->native_handle()),
           SSL_free),
      in_(BIO_new(BIO_s_mem())),
      out_(BIO_new(BIO_s_mem())) {
  SSL_set_bio(ssl_.get(), in_, out_);
  if (side == Side::kServer) {
    SSL_set_accept_state(ssl_.get());
    return;
  }
  SSL_set_connect_state(ssl_.get());
  note(SSL_do_handshake(ssl_.get()));
}

// Whether it was done. What waits for more has not failed.
bool TlsPeer::note(int result) {
  const int error = SSL_get_error(ssl_.get(), result);
  ERR_clear_error();
  failed_ |= result <= 0 && error != SSL_ERROR_WANT_READ;
  return result > 0;
}

void TlsPeer::receive(Bytes wire, Buffer& plain) {
  if (failed_ || wire.empty()) return;
  BIO_write(in_, wire.data(), static_cast<int>(wire.size()));
  if (!is_done() && !note(SSL_do_handshake(ssl_.get()))) return;
  std::array<uint8_t, 16384> piece;
  for (;;) {
    const int got = SSL_read(ssl_.get(), piece.data(), static_cast<int>(piece.size()));
    if (!note(got)) return;
    plain.insert(plain.end(), piece.data(), piece.data() + got);
  }
}

Buffer TlsPeer::seal(Bytes plain) {
  if (!plain.empty()) note(SSL_write(ssl_.get(), plain.data(), static_cast<int>(plain.size())));
  return take_handshake();
}

Buffer TlsPeer::take_handshake() {
  Buffer wire(BIO_ctrl_pending(out_));
  if (!wire.empty()) BIO_read(out_, wire.data(), static_cast<int>(wire.size()));
  return wire;
}

}  // namespace causeway::test
