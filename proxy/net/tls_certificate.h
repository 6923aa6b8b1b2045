// The certificate that Causeway makes for itself when none is configured.
#pragma once

#include <openssl/ssl.h>

#include <string>

namespace causeway::proxy {

// Makes an EC P-256 key and a self-signed certificate for it (CN "Causeway auto-generated", valid for ten
// years), both only in memory, and puts them into the context. False if OpenSSL fails: openssl_error() says
// why.
bool use_generated_certificate(SSL_CTX* context);

// OpenSSL's oldest error of this thread as text; empties the queue.
std::string openssl_error();

}  // namespace causeway::proxy
