#include "proxy/accounts/required_tls.h"

#include <gtest/gtest.h>

namespace causeway::proxy {
namespace {

Account account_that_requires(RequiredTls required, std::string cipher = {}, std::string issuer = {},
                              std::string subject = {}) {
  Account account;
  account.required_tls = required;
  account.tls_cipher = std::move(cipher);
  account.tls_issuer = std::move(issuer);
  account.tls_subject = std::move(subject);
  return account;
}

TEST(RequiredTls, IsComparedWithTheConnection) {
  using enum RequiredTls;
  const ClientTls plain;
  const ClientTls encrypted{.encrypted = true, .cipher = "TLS_AES_256_GCM_SHA384"};
  const ClientTls shown{.encrypted = true,
                        .certificate = true,
                        .cipher = "TLS_AES_256_GCM_SHA384",
                        .issuer = "/CN=ca",
                        .subject = "/CN=ann"};
  const struct {
    const char* name;
    Account account;
    bool over_plain, over_encrypted, over_shown;
  } rows[] = {
      {"nothing", account_that_requires(kNone), true, true, true},
      {"SSL", account_that_requires(kEncrypted), false, true, true},
      {"X509", account_that_requires(kCertificate), false, false, true},
      {"the cipher", account_that_requires(kSpecified, "TLS_AES_256_GCM_SHA384"), false, true, true},
      {"another cipher", account_that_requires(kSpecified, "TLS_AES_128_GCM_SHA256"), false, false, false},
      {"the issuer", account_that_requires(kSpecified, "", "/CN=ca"), false, false, true},
      {"another issuer", account_that_requires(kSpecified, "", "/CN=other"), false, false, false},
      {"the subject", account_that_requires(kSpecified, "", "", "/CN=ann"), false, false, true},
      {"another subject", account_that_requires(kSpecified, "", "", "/CN=bob"), false, false, false},
      {"part of the subject", account_that_requires(kSpecified, "", "", "/CN=an"), false, false, false},
      {"issuer and another subject", account_that_requires(kSpecified, "", "/CN=ca", "/CN=bob"), false, false,
       false},
  };
  for (const auto& row : rows) {
    EXPECT_EQ(has_required_tls(row.account, plain), row.over_plain) << row.name;
    EXPECT_EQ(has_required_tls(row.account, encrypted), row.over_encrypted) << row.name;
    EXPECT_EQ(has_required_tls(row.account, shown), row.over_shown) << row.name;
  }
}

TEST(RequiredTls, OfAConnectionWithoutTlsIsNothing) {
  const ClientTls none = client_tls(nullptr);
  EXPECT_FALSE(none.encrypted);
  EXPECT_FALSE(none.certificate);
}

}  // namespace
}  // namespace causeway::proxy
