// What REQUIRE asks of a client's connection, and whether the connection has it.
// https://dev.mysql.com/doc/refman/8.4/en/create-user.html#create-user-tls
#pragma once

#include <openssl/ssl.h>

#include <string>

#include "proxy/accounts/account_table.h"

namespace causeway::proxy {

// The TLS of a client's connection.
struct ClientTls {
  bool encrypted = false;
  bool certificate = false;  // the client has shown one, and it was verified
  std::string cipher = {};   // OpenSSL's name of it
  std::string issuer =
      {};  // of the certificate, as X509_NAME_oneline() writes names: what servers compare with
  std::string subject = {};
};

// Of a connection whose handshake is done; null: one without TLS.
ClientTls client_tls(SSL* ssl);

// Whether the account may be used over such a connection.
bool has_required_tls(const Account& account, const ClientTls& tls);

// Whether only a client with a certificate can log in to the account.
bool requires_certificate(const Account& account);

}  // namespace causeway::proxy
