#include "proxy/net/certificate_dates.h"

#include <gmock/gmock.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <memory>

#include "proxy/net/tls_certificate.h"

namespace causeway::proxy {
namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::seconds;
using std::chrono::system_clock;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

using Context = std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)>;
using Certificate = std::unique_ptr<X509, decltype(&X509_free)>;

const system_clock::time_point kNow = std::chrono::floor<seconds>(system_clock::now());

Context context_with_certificate() {
  Context context(SSL_CTX_new(TLS_method()), SSL_CTX_free);
  EXPECT_TRUE(use_generated_certificate(context.get()));
  return context;
}

// Causeway's own, with other dates and another name.
Certificate certificate(const char* name, days from, days to) {
  const Context context = context_with_certificate();
  Certificate made(X509_dup(SSL_CTX_get0_certificate(context.get())), X509_free);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(made.get()), "O", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(name), -1, -1, 0);
  ASN1_TIME_set(X509_getm_notBefore(made.get()), system_clock::to_time_t(kNow + from));
  ASN1_TIME_set(X509_getm_notAfter(made.get()), system_clock::to_time_t(kNow + to));
  X509_sign(made.get(), SSL_CTX_get0_privatekey(context.get()), EVP_sha256());
  return made;
}

TEST(CertificateDates, StatesByTheClock) {
  const CertificateDates dates{.subject = "x", .not_before = kNow, .not_after = kNow + days(90)};
  struct Case {
    system_clock::duration at;
    CertificateState state;
  };
  for (const Case& c :
       {Case{-seconds(1), CertificateState::kNotYetValid}, Case{seconds(0), CertificateState::kValid},
        Case{days(76), CertificateState::kValid}, Case{days(76) + seconds(1), CertificateState::kExpiresSoon},
        Case{days(90) - seconds(1), CertificateState::kExpiresSoon},
        Case{days(90), CertificateState::kExpired}, Case{days(900), CertificateState::kExpired}})
    EXPECT_EQ(state_of(dates, kNow + c.at), c.state) << c.at.count();
}

TEST(CertificateDates, OfTheCertificateMadeAtTheStart) {
  const Context context = context_with_certificate();
  const auto dates = dates_of_shown(context.get());
  ASSERT_TRUE(dates);
  EXPECT_EQ(state_of(*dates, kNow), CertificateState::kValid);
  EXPECT_EQ(state_of(*dates, kNow + days(4000)), CertificateState::kExpired);
  EXPECT_THAT(dates->subject, HasSubstr("Causeway auto-generated"));
  EXPECT_EQ(dates_of_trusted(context.get()), std::nullopt);
  const Context empty(SSL_CTX_new(TLS_method()), SSL_CTX_free);
  EXPECT_EQ(dates_of_shown(empty.get()), std::nullopt);
}

TEST(CertificateDates, AChainLastsAsLongAsItsFirstToExpire) {
  const Context context = context_with_certificate();
  SSL_CTX_add1_chain_cert(context.get(), certificate("link", days(-10), days(3)).get());
  SSL_CTX_add1_chain_cert(context.get(), certificate("root", days(-20), days(300)).get());
  const auto dates = dates_of_shown(context.get());
  ASSERT_TRUE(dates);
  EXPECT_EQ(dates->not_after, kNow + days(3));
  EXPECT_EQ(state_of(*dates, kNow), CertificateState::kExpiresSoon);
}

TEST(CertificateDates, AuthoritiesLastAsLongAsTheLastOfThem) {
  const Context context(SSL_CTX_new(TLS_method()), SSL_CTX_free);
  X509_STORE* store = SSL_CTX_get_cert_store(context.get());
  for (const auto& [name, from, to] : {std::tuple{"old", days(-500), days(-2)},
                                       {"new", days(-30), days(300)},
                                       {"short", days(-30), days(1)}})
    ASSERT_EQ(X509_STORE_add_cert(store, certificate(name, from, to).get()), 1);
  const auto dates = dates_of_trusted(context.get());
  ASSERT_TRUE(dates);
  EXPECT_EQ(dates->not_before, kNow - days(500));
  EXPECT_EQ(dates->not_after, kNow + days(300));
  EXPECT_THAT(dates->subject, HasSubstr("/O=new"));
}

TEST(CertificateWatch, WarnsOfThoseThatAreNotValidOrNotForLong) {
  std::vector<std::string> lines;
  const Logger logger(LogLevel::kInfo, LogFormat::kLogfmt, [&](LogLevel, std::string_view line) {
    lines.emplace_back(line);
    return true;
  });
  const auto lasting = [](std::string_view setting, hours from, hours to) {
    return CertificateInUse{
        .setting = setting,
        .file = "/f",
        .dates = {.subject = "/CN=db", .not_before = kNow + from, .not_after = kNow + to}};
  };
  CertificateWatch watch;
  watch.tell(logger, kNow);
  EXPECT_THAT(lines, IsEmpty());
  watch.set({lasting("tls.certificate", hours(-9), hours(-1)), lasting("tls.ca", hours(-9), hours(9999)),
             lasting("server_tls.certificate", hours(1), hours(9999)),
             lasting("server_tls.ca", hours(-9), hours(300))});
  watch.tell(logger, kNow);
  EXPECT_THAT(lines, ElementsAre(HasSubstr("setting=tls.certificate file=/f state=expired valid_from=2"),
                                 HasSubstr("setting=server_tls.certificate file=/f state=\"not yet valid\""),
                                 HasSubstr("setting=server_tls.ca file=/f state=\"expires soon\"")));
  for (const std::string& line : lines)
    EXPECT_THAT(line, HasSubstr("level=warning event=\"a certificate is not valid, or not for long\""));
  const prometheus::MetricFamily metric = watch.expiry_metric();
  ASSERT_EQ(metric.metric.size(), 4u);
  EXPECT_EQ(metric.metric[0].label[0].value, "tls.certificate");
  EXPECT_EQ(metric.metric[0].gauge.value, static_cast<double>(system_clock::to_time_t(kNow - hours(1))));
}

}  // namespace
}  // namespace causeway::proxy
