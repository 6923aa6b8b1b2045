#include "proxy/net/tls_context.h"

#include <gmock/gmock.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include <boost/asio/error.hpp>
#include <filesystem>
#include <fstream>
#include <memory>

#include "proxy/net/tls_certificate.h"

namespace causeway::proxy {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

TlsContext context_of(const OrProblem<TlsContext>& result) {
  if (result) return *result;
  ADD_FAILURE() << result.error().text;
  return nullptr;
}

std::string problem_of(const OrProblem<TlsContext>& result) {
  return result ? "no problem" : result.error().text;
}

using Connection = std::unique_ptr<SSL, decltype(&SSL_free)>;

// A handshake between the two contexts, in memory.
struct Handshake {
  Handshake(const TlsContext& client_context, const TlsContext& server_context)
      : client(SSL_new(client_context->native_handle()), SSL_free),
        server(SSL_new(server_context->native_handle()), SSL_free) {
    BIO* client_end = nullptr;
    BIO* server_end = nullptr;
    BIO_new_bio_pair(&client_end, 0, &server_end, 0);
    SSL_set_bio(client.get(), client_end, client_end);
    SSL_set_bio(server.get(), server_end, server_end);
    SSL_set_connect_state(client.get());
    SSL_set_accept_state(server.get());
  }

  bool run() {
    for (int i = 0; i < 10; ++i) {
      SSL_do_handshake(client.get());
      SSL_do_handshake(server.get());
    }
    ERR_clear_error();
    return SSL_is_init_finished(client.get()) == 1 && SSL_is_init_finished(server.get()) == 1;
  }

  Connection client;
  Connection server;
};

// A certificate (CN "Causeway auto-generated") and its key in files.
class TlsFiles : public testing::Test {
 protected:
  TlsFiles() {
    std::filesystem::create_directory(folder_);
    write_pair("one");
    write_pair("two");
    write("garbage", "not PEM\n");
  }
  ~TlsFiles() override { std::filesystem::remove_all(folder_); }

  std::string file(const std::string& name) const { return (folder_ / name).string(); }
  std::string certificate(const std::string& name) const { return file(name + ".pem"); }
  std::string key(const std::string& name) const { return file(name + ".key"); }

  // With subject alternative names, if any are given.
  void write_certificate_for(const char* names, const std::string& name) {
    const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context(SSL_CTX_new(TLS_method()), SSL_CTX_free);
    ASSERT_TRUE(use_generated_certificate(context.get()));
    if (*names != '\0') {
      const std::unique_ptr<X509_EXTENSION, decltype(&X509_EXTENSION_free)> extension(
          X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, names), X509_EXTENSION_free);
      X509* made = SSL_CTX_get0_certificate(context.get());
      X509_add_ext(made, extension.get(), -1);
      X509_sign(made, SSL_CTX_get0_privatekey(context.get()), EVP_sha256());
    }
    std::FILE* out = std::fopen(certificate(name).c_str(), "w");
    PEM_write_X509(out, SSL_CTX_get0_certificate(context.get()));
    std::fclose(out);
    out = std::fopen(key(name).c_str(), "w");
    PEM_write_PrivateKey(out, SSL_CTX_get0_privatekey(context.get()), nullptr, nullptr, 0, nullptr, nullptr);
    std::fclose(out);
  }

 private:
  void write(const std::string& name, const std::string& contents) {
    std::ofstream(folder_ / name) << contents;
  }
  void write_pair(const std::string& name) { write_certificate_for("", name); }

  std::filesystem::path folder_ =
      std::filesystem::temp_directory_path() / ("causeway_tls_test_" + std::to_string(getpid()));
};

TEST(TlsContext, IsNullWhenDisabled) {
  EXPECT_EQ(context_of(make_client_tls_context({.mode = TlsMode::kDisabled})), nullptr);
  EXPECT_EQ(context_of(make_server_tls_context({.mode = TlsMode::kDisabled})), nullptr);
}

TEST(TlsContext, MakesItsOwnCertificate) {
  const TlsContext server = context_of(make_client_tls_context({}));
  Handshake handshake(context_of(make_server_tls_context({.mode = TlsMode::kRequired})), server);
  ASSERT_TRUE(handshake.run());
  const std::unique_ptr<X509, decltype(&X509_free)> peer(SSL_get1_peer_certificate(handshake.client.get()),
                                                         X509_free);
  ASSERT_TRUE(peer);
  char name[64];
  X509_NAME_get_text_by_NID(X509_get_subject_name(peer.get()), NID_commonName, name, sizeof name);
  EXPECT_STREQ(name, "Causeway auto-generated");
  EXPECT_EQ(X509_verify(peer.get(), X509_get0_pubkey(peer.get())), 1);
}

TEST(TlsContext, MakesAnotherCertificateEachTime) {
  const TlsContext one = context_of(make_client_tls_context({}));
  const TlsContext two = context_of(make_client_tls_context({}));
  EXPECT_NE(X509_cmp(SSL_CTX_get0_certificate(one->native_handle()),
                     SSL_CTX_get0_certificate(two->native_handle())),
            0);
}

TEST(TlsContext, RefusesOldVersions) {
  const TlsContext server = context_of(make_client_tls_context({.min_version = TlsVersion::k13}));
  const TlsContext client = context_of(make_server_tls_context({}));
  SSL_CTX_set_max_proto_version(client->native_handle(), TLS1_2_VERSION);
  EXPECT_FALSE(Handshake(client, server).run());

  const TlsContext any = context_of(make_client_tls_context({}));
  EXPECT_TRUE(Handshake(client, any).run());
  SSL_CTX_set_min_proto_version(client->native_handle(), TLS1_1_VERSION);
  SSL_CTX_set_max_proto_version(client->native_handle(), TLS1_1_VERSION);
  EXPECT_FALSE(Handshake(client, any).run());
}

TEST_F(TlsFiles, VerifyCaTakesOnlyCertificatesOfTheAuthority) {
  const TlsContext server =
      context_of(make_client_tls_context({.certificate = certificate("one"), .key = key("one")}));
  const auto verifies = [&](const std::string& ca) {
    const TlsContext client =
        context_of(make_server_tls_context({.mode = TlsMode::kVerifyCa, .ca = certificate(ca)}));
    Handshake handshake(client, server);
    EXPECT_TRUE(prepare_server_tls(handshake.client.get(), TlsMode::kVerifyCa, "db.example.com"));
    return handshake.run();
  };
  EXPECT_TRUE(verifies("one"));
  EXPECT_FALSE(verifies("two"));
}

TEST_F(TlsFiles, VerifyIdentityAsksForTheNameToo) {
  const TlsContext server =
      context_of(make_client_tls_context({.certificate = certificate("one"), .key = key("one")}));
  const TlsContext client =
      context_of(make_server_tls_context({.mode = TlsMode::kVerifyIdentity, .ca = certificate("one")}));
  for (const char* host : {"db.example.com", "127.0.0.1", "::1"}) {
    Handshake handshake(client, server);
    EXPECT_TRUE(prepare_server_tls(handshake.client.get(), TlsMode::kVerifyIdentity, host));
    EXPECT_FALSE(handshake.run()) << host;
    EXPECT_NE(SSL_get_verify_result(handshake.client.get()), X509_V_OK);
  }
}

TEST_F(TlsFiles, VerifyIdentityTakesTheRightName) {
  write_certificate_for("DNS:db.example.com,IP:127.0.0.1", "named");
  const TlsContext client =
      context_of(make_server_tls_context({.mode = TlsMode::kVerifyIdentity, .ca = certificate("named")}));
  const TlsContext server =
      context_of(make_client_tls_context({.certificate = certificate("named"), .key = key("named")}));
  const auto accepts = [&](const char* host) {
    Handshake handshake(client, server);
    EXPECT_TRUE(prepare_server_tls(handshake.client.get(), TlsMode::kVerifyIdentity, host));
    return handshake.run();
  };
  EXPECT_TRUE(accepts("db.example.com"));
  EXPECT_TRUE(accepts("127.0.0.1"));
  EXPECT_FALSE(accepts("db2.example.com"));
  EXPECT_FALSE(accepts("127.0.0.2"));
}

TEST_F(TlsFiles, AUnixSocketIsLocalhost) {
  write_certificate_for("DNS:localhost", "local");
  write_certificate_for("DNS:db.example.com", "named");
  const auto accepts = [&](const std::string& name, TlsMode mode) {
    const TlsContext client = context_of(make_server_tls_context({.mode = mode, .ca = certificate(name)}));
    const TlsContext server =
        context_of(make_client_tls_context({.certificate = certificate(name), .key = key(name)}));
    Handshake handshake(client, server);
    EXPECT_TRUE(prepare_server_tls(handshake.client.get(), mode, ""));
    return handshake.run();
  };
  EXPECT_TRUE(accepts("local", TlsMode::kVerifyIdentity));
  EXPECT_FALSE(accepts("named", TlsMode::kVerifyIdentity));
  EXPECT_TRUE(accepts("named", TlsMode::kVerifyCa));
}

TEST_F(TlsFiles, ClientCertificatesAreCheckedIfShown) {
  const TlsContext server = context_of(make_client_tls_context({.ca = certificate("one")}));
  const auto accepts = [&](const std::string& name) {
    const TlsContext client = context_of(make_server_tls_context(
        {.mode = TlsMode::kRequired, .certificate = certificate(name), .key = key(name)}));
    return Handshake(client, server).run();
  };
  EXPECT_TRUE(accepts("one"));
  EXPECT_FALSE(accepts("two"));
  EXPECT_TRUE(Handshake(context_of(make_server_tls_context({})), server).run());
}

TEST_F(TlsFiles, ClientCertificatesCanBeDemanded) {
  const TlsContext server = context_of(make_client_tls_context(
      {.ca = certificate("one"), .client_certificate = ClientCertificate::kRequired}));
  const TlsContext with = context_of(make_server_tls_context(
      {.mode = TlsMode::kRequired, .certificate = certificate("one"), .key = key("one")}));
  EXPECT_TRUE(Handshake(with, server).run());
  Handshake without(context_of(make_server_tls_context({})), server);
  without.run();
  EXPECT_NE(SSL_is_init_finished(without.server.get()), 1);
}

TEST_F(TlsFiles, RefusedCertificatesAreExplained) {
  const TlsContext server =
      context_of(make_client_tls_context({.certificate = certificate("one"), .key = key("one")}));
  const TlsContext client =
      context_of(make_server_tls_context({.mode = TlsMode::kVerifyIdentity, .ca = certificate("one")}));
  Handshake handshake(client, server);
  EXPECT_TRUE(prepare_server_tls(handshake.client.get(), TlsMode::kVerifyIdentity, "db.example.com"));
  EXPECT_FALSE(handshake.run());
  const boost::system::error_code error = boost::asio::error::connection_reset;
  EXPECT_EQ(describe_handshake_error(handshake.client.get(), error), error.message() + ": hostname mismatch");
  EXPECT_EQ(describe_handshake_error(nullptr, error), error.message());
}

TEST_F(TlsFiles, ErrorsNameTheSettingAndTheFile) {
  EXPECT_EQ(problem_of(make_client_tls_context({.certificate = file("none"), .key = key("one")})),
            "tls.certificate: " + file("none") + ": No such file or directory");
  EXPECT_THAT(problem_of(make_client_tls_context({.certificate = file("garbage"), .key = key("one")})),
              StartsWith("tls.certificate: " + file("garbage") + ": "));
  EXPECT_EQ(problem_of(make_client_tls_context({.certificate = certificate("one"), .key = file("none")})),
            "tls.key: " + file("none") + ": No such file or directory");
  EXPECT_THAT(problem_of(make_client_tls_context({.certificate = certificate("one"), .key = key("two")})),
              StartsWith("tls.key: " + key("two") + ": is not the key of " + certificate("one")));
  EXPECT_THAT(problem_of(make_client_tls_context({.ca = file("garbage")})),
              StartsWith("tls.ca: " + file("garbage") + ": "));
  EXPECT_THAT(problem_of(make_server_tls_context({.ca = file("none")})),
              HasSubstr("server_tls.ca: " + file("none") + ": No such file or directory"));
}

}  // namespace
}  // namespace causeway::proxy
