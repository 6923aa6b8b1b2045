#include "proxy/net/tls_context.h"

#include <openssl/err.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>

#include <boost/asio/ip/address.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/ssl/verify_mode.hpp>
#include <cerrno>
#include <cstdio>
#include <system_error>

#include "proxy/net/tls_certificate.h"

namespace causeway::proxy {
namespace {

namespace ssl = boost::asio::ssl;

// The system's own reason if the file cannot be opened, else OpenSSL's, which is about its contents.
Problem describe(std::string_view setting, const std::string& file, const boost::system::error_code& error) {
  std::string reason = error.message();
  if (std::FILE* opened = std::fopen(file.c_str(), "re")) {
    std::fclose(opened);
  } else {
    reason = std::generic_category().message(errno);
  }
  return {std::string(setting) + ": " + file + ": " + reason};
}

void set_versions(ssl::context& context, TlsVersion min_version) {
  SSL_CTX_set_min_proto_version(context.native_handle(),
                                min_version == TlsVersion::k13 ? TLS1_3_VERSION : TLS1_2_VERSION);
  SSL_CTX_set_options(context.native_handle(), SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  // An idle connection gives its buffers back: there are many more of them than of busy ones.
  SSL_CTX_set_mode(context.native_handle(), SSL_MODE_RELEASE_BUFFERS);
}

// OpenSSL compares a key with the certificate that is there already.
bool is_key_of_another(const boost::system::error_code& error) {
  const auto code = static_cast<unsigned long>(error.value());
  return error && ERR_GET_LIB(code) == ERR_LIB_X509 &&
         (ERR_GET_REASON(code) == X509_R_KEY_VALUES_MISMATCH ||
          ERR_GET_REASON(code) == X509_R_KEY_TYPE_MISMATCH);
}

OrProblem<> load_certificate(ssl::context& context, const std::string& section,
                             const std::string& certificate, const std::string& key) {
  boost::system::error_code error;
  context.use_certificate_chain_file(certificate, error);
  if (error) return describe(section + ".certificate", certificate, error);
  // A key that asks for a pass phrase must not make the process wait at a terminal.
  context.set_password_callback([](size_t, ssl::context::password_purpose) { return std::string(); }, error);
  context.use_private_key_file(key, ssl::context::pem, error);
  if (is_key_of_another(error))
    return Problem{section + ".key: " + key + ": is not the key of " + certificate};
  if (error) return describe(section + ".key", key, error);
  return {};
}

OrProblem<> load_ca(ssl::context& context, const std::string& section, const std::string& ca) {
  boost::system::error_code error;
  context.load_verify_file(ca, error);
  if (error) return describe(section + ".ca", ca, error);
  return {};
}

// What the macro SSL_set_tlsext_host_name() does, without its C cast.
bool send_server_name(SSL* ssl, std::string host) {
  return SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, host.data()) == 1;
}

}  // namespace

OrProblem<TlsContext> make_client_tls_context(const TlsConfig& config) {
  if (config.mode == TlsMode::kDisabled) return TlsContext();
  ERR_clear_error();
  auto context = std::make_shared<ssl::context>(ssl::context::tls_server);
  set_versions(*context, config.min_version);

  if (!config.certificate.empty()) {
    const OrProblem<> loaded = load_certificate(*context, "tls", config.certificate, config.key);
    if (!loaded) return loaded.error();
  } else if (!use_generated_certificate(context->native_handle())) {
    return Problem{"tls: no certificate could be made: " + openssl_error()};
  }

  if (!config.ca.empty()) {
    if (const OrProblem<> loaded = load_ca(*context, "tls", config.ca); !loaded) return loaded.error();
    const bool required = config.client_certificate == ClientCertificate::kRequired;
    context->set_verify_mode(required ? ssl::verify_peer | ssl::verify_fail_if_no_peer_cert
                                      : ssl::verify_peer);
    // The names of the authorities tell a client with several certificates which one to show.
    SSL_CTX_set_client_CA_list(context->native_handle(), SSL_load_client_CA_file(config.ca.c_str()));
  }
  // Sessions with client certificates are only resumed within a context.
  constexpr unsigned char kSessionContext[] = "causeway";
  SSL_CTX_set_session_id_context(context->native_handle(), kSessionContext, sizeof kSessionContext - 1);
  return context;
}

OrProblem<TlsContext> make_server_tls_context(const ServerTlsConfig& config) {
  if (config.mode == TlsMode::kDisabled) return TlsContext();
  ERR_clear_error();
  auto context = std::make_shared<ssl::context>(ssl::context::tls_client);
  set_versions(*context, config.min_version);

  OrProblem<> loaded;
  if (!config.certificate.empty())
    loaded = load_certificate(*context, "server_tls", config.certificate, config.key);
  if (loaded && !config.ca.empty()) loaded = load_ca(*context, "server_tls", config.ca);
  if (!loaded) return loaded.error();

  const bool verifies = verifies_certificate(config.mode);
  if (verifies && config.ca.empty()) {
    boost::system::error_code error;
    context->set_default_verify_paths(error);
    if (error) return Problem{"server_tls.ca: the system's authorities cannot be read: " + error.message()};
  }
  context->set_verify_mode(verifies ? ssl::verify_peer : ssl::verify_none);
  return context;
}

std::string describe_handshake_error(SSL* ssl, const boost::system::error_code& error) {
  const long verdict = ssl == nullptr ? X509_V_OK : SSL_get_verify_result(ssl);
  if (verdict == X509_V_OK) return error.message();
  return error.message() + ": " + X509_verify_cert_error_string(verdict);
}

bool prepare_server_tls(SSL* ssl, TlsMode mode, const std::string& host) {
  // OpenSSL takes no empty name.
  if (host.empty()) return prepare_server_tls(ssl, mode, "localhost");
  boost::system::error_code not_an_address;
  boost::asio::ip::make_address(host, not_an_address);
  const bool is_name = static_cast<bool>(not_an_address);
  // SNI is for names only (RFC 6066).
  if (is_name && !send_server_name(ssl, host)) return false;
  if (mode != TlsMode::kVerifyIdentity) return true;
  if (!is_name) return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host.c_str()) == 1;
  SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  return SSL_set1_host(ssl, host.c_str()) == 1;
}

}  // namespace causeway::proxy
