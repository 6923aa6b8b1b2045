// How much TLS there is on a connection.
#pragma once

#include <cstdint>

namespace causeway::protocol {

// In the order of strictness. The certificate is verified from kVerifyCa on, the name in it with
// kVerifyIdentity, by who does the TLS: whether it is started is all that the protocol has to do with it.
enum class TlsMode : uint8_t {
  kDisabled,
  kPreferred,  // if the other side offers it
  kRequired,
  kVerifyCa,
  kVerifyIdentity,
};

constexpr bool requires_tls(TlsMode mode) {
  return mode >= TlsMode::kRequired;
}

constexpr bool verifies_certificate(TlsMode mode) {
  return mode >= TlsMode::kVerifyCa;
}

}  // namespace causeway::protocol
