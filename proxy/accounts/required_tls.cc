#include "proxy/accounts/required_tls.h"

#include <openssl/crypto.h>
#include <openssl/x509.h>

#include <memory>

namespace causeway::proxy {
namespace {

std::string one_line(const X509_NAME* name) {
  const auto free_text = [](char* text) { OPENSSL_free(text); };
  const std::unique_ptr<char, decltype(free_text)> text(X509_NAME_oneline(name, nullptr, 0), free_text);
  return text ? std::string(text.get()) : std::string();
}

bool is_wanted(const std::string& wanted, const std::string& shown) {
  return wanted.empty() || wanted == shown;
}

}  // namespace

ClientTls client_tls(SSL* ssl) {
  if (ssl == nullptr) return {};
  ClientTls tls{.encrypted = true, .cipher = SSL_get_cipher_name(ssl)};
  const std::unique_ptr<X509, decltype(&X509_free)> certificate(SSL_get1_peer_certificate(ssl), X509_free);
  // X509_V_OK is also the verdict where nothing was verified.
  const bool verified =
      (SSL_get_verify_mode(ssl) & SSL_VERIFY_PEER) != 0 && SSL_get_verify_result(ssl) == X509_V_OK;
  if (!certificate || !verified) return tls;
  tls.certificate = true;
  tls.issuer = one_line(X509_get_issuer_name(certificate.get()));
  tls.subject = one_line(X509_get_subject_name(certificate.get()));
  return tls;
}

bool has_required_tls(const Account& account, const ClientTls& tls) {
  if (account.required_tls == RequiredTls::kNone) return true;
  if (!tls.encrypted) return false;
  if (requires_certificate(account) && !tls.certificate) return false;
  if (account.required_tls != RequiredTls::kSpecified) return true;
  return is_wanted(account.tls_cipher, tls.cipher) && is_wanted(account.tls_issuer, tls.issuer) &&
         is_wanted(account.tls_subject, tls.subject);
}

bool requires_certificate(const Account& account) {
  switch (account.required_tls) {
    case RequiredTls::kCertificate:
      return true;
    case RequiredTls::kSpecified:
      return !account.tls_issuer.empty() || !account.tls_subject.empty();
    case RequiredTls::kNone:
    case RequiredTls::kEncrypted:
      break;
  }
  return false;
}

}  // namespace causeway::proxy
