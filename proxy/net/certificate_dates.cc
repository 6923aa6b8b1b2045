#include "proxy/net/certificate_dates.h"

#include <openssl/asn1.h>
#include <openssl/crypto.h>
#include <openssl/stack.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <memory>
#include <utility>

namespace causeway::proxy {
namespace {

using std::chrono::system_clock;

// A time that cannot be read is no reason to warn: OpenSSL does not take such certificates in a handshake.
std::optional<system_clock::time_point> time_of(const ASN1_TIME* time) {
  std::tm utc{};
  if (ASN1_TIME_to_tm(time, &utc) != 1) return std::nullopt;
  return system_clock::from_time_t(::timegm(&utc));
}

std::string text_of(system_clock::time_point time) {
  const std::time_t seconds = system_clock::to_time_t(time);
  std::tm utc{};
  ::gmtime_r(&seconds, &utc);
  std::array<char, 40> text{};
  const size_t length = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &utc);
  return {text.data(), length};
}

std::string subject_of(const X509* certificate) {
  const auto free_text = [](char* text) { OPENSSL_free(text); };
  const std::unique_ptr<char, decltype(free_text)> text(
      X509_NAME_oneline(X509_get_subject_name(certificate), nullptr, 0), free_text);
  return text ? std::string(text.get()) : std::string();
}

std::optional<CertificateDates> dates_of(const X509* certificate) {
  const auto not_before = time_of(X509_get0_notBefore(certificate));
  const auto not_after = time_of(X509_get0_notAfter(certificate));
  if (!not_before || !not_after) return std::nullopt;
  return CertificateDates{
      .subject = subject_of(certificate), .not_before = *not_before, .not_after = *not_after};
}

}  // namespace

std::string_view to_string(CertificateState state) {
  switch (state) {
    case CertificateState::kValid:
      return "valid";
    case CertificateState::kExpiresSoon:
      return "expires soon";
    case CertificateState::kExpired:
      return "expired";
    case CertificateState::kNotYetValid:
      return "not yet valid";
  }
  return "";
}

CertificateState state_of(const CertificateDates& dates, system_clock::time_point now) {
  if (now >= dates.not_after) return CertificateState::kExpired;
  if (now < dates.not_before) return CertificateState::kNotYetValid;
  return dates.not_after - now < kExpiresSoon ? CertificateState::kExpiresSoon : CertificateState::kValid;
}

std::optional<CertificateDates> dates_of_shown(SSL_CTX* context) {
  const X509* own = SSL_CTX_get0_certificate(context);
  if (own == nullptr) return std::nullopt;
  std::optional<CertificateDates> dates = dates_of(own);
  OPENSSL_STACK* chain = nullptr;
  SSL_CTX_ctrl(context, SSL_CTRL_GET_CHAIN_CERTS, 0, static_cast<void*>(&chain));
  for (int i = 0; dates && i < OPENSSL_sk_num(chain); ++i) {
    const auto link = dates_of(static_cast<const X509*>(OPENSSL_sk_value(chain, i)));
    if (!link) continue;
    dates->not_before = std::max(dates->not_before, link->not_before);
    dates->not_after = std::min(dates->not_after, link->not_after);
  }
  return dates;
}

std::optional<CertificateDates> dates_of_trusted(SSL_CTX* context) {
  const auto* authorities =
      reinterpret_cast<const OPENSSL_STACK*>(X509_STORE_get0_objects(SSL_CTX_get_cert_store(context)));
  std::optional<CertificateDates> dates;
  for (int i = 0; i < OPENSSL_sk_num(authorities); ++i) {
    const X509* authority =
        X509_OBJECT_get0_X509(static_cast<const X509_OBJECT*>(OPENSSL_sk_value(authorities, i)));
    auto one = authority == nullptr ? std::nullopt : dates_of(authority);
    if (!one) continue;
    if (dates) one->not_before = std::min(dates->not_before, one->not_before);
    const bool lasts_longer = !dates || one->not_after > dates->not_after;
    if (lasts_longer)
      dates = std::move(one);
    else
      dates->not_before = one->not_before;
  }
  return dates;
}

std::vector<CertificateInUse> certificates_in_use(const Config& config, const TlsContext& client,
                                                  const TlsContext& server) {
  std::vector<CertificateInUse> found;
  const auto add = [&](std::string_view setting, const std::string& file,
                       std::optional<CertificateDates> dates) {
    if (dates) found.push_back({.setting = setting, .file = file, .dates = std::move(*dates)});
  };
  if (client != nullptr) {
    add("tls.certificate", config.tls.certificate, dates_of_shown(client->native_handle()));
    if (!config.tls.ca.empty()) add("tls.ca", config.tls.ca, dates_of_trusted(client->native_handle()));
  }
  if (server != nullptr) {
    const ServerTlsConfig& tls = config.server_tls;
    add("server_tls.certificate", tls.certificate, dates_of_shown(server->native_handle()));
    if (!tls.ca.empty()) add("server_tls.ca", tls.ca, dates_of_trusted(server->native_handle()));
  }
  return found;
}

std::string describe_certificate(const CertificateInUse& certificate, CertificateState state) {
  const CertificateDates& dates = certificate.dates;
  return std::string(certificate.setting) + ": " + certificate.file + ": " + std::string(to_string(state)) +
         ", valid from " + text_of(dates.not_before) + " to " + text_of(dates.not_after) + " (" +
         dates.subject + ")";
}

void CertificateWatch::set(std::vector<CertificateInUse> certificates) {
  const std::lock_guard lock(mutex_);
  certificates_ = std::move(certificates);
}

void CertificateWatch::tell(const Logger& logger, system_clock::time_point now) const {
  const std::lock_guard lock(mutex_);
  for (const CertificateInUse& certificate : certificates_) {
    const CertificateState state = state_of(certificate.dates, now);
    if (state == CertificateState::kValid) continue;
    logger.warning("a certificate is not valid, or not for long",
                   {{"setting", certificate.setting},
                    {"file", certificate.file},
                    {"state", to_string(state)},
                    {"valid_from", text_of(certificate.dates.not_before)},
                    {"valid_to", text_of(certificate.dates.not_after)},
                    {"subject", certificate.dates.subject}});
  }
}

prometheus::MetricFamily CertificateWatch::expiry_metric() const {
  prometheus::MetricFamily family{.name = "causeway_certificate_expiry_timestamp_seconds",
                                  .help = "When the certificates of a setting expire, in seconds since 1970.",
                                  .type = prometheus::MetricType::Gauge,
                                  .metric = {}};
  const std::lock_guard lock(mutex_);
  for (const CertificateInUse& certificate : certificates_) {
    prometheus::ClientMetric metric;
    metric.label.push_back({.name = "setting", .value = std::string(certificate.setting)});
    metric.gauge.value = static_cast<double>(system_clock::to_time_t(certificate.dates.not_after));
    family.metric.push_back(std::move(metric));
  }
  return family;
}

}  // namespace causeway::proxy
