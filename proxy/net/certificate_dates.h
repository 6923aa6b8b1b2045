// Until when the certificates that Causeway uses are valid: those that it shows, and the authorities that it
// trusts.
#pragma once

#include <openssl/ssl.h>
#include <prometheus/metric_family.h>

#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/log.h"
#include "proxy/config/config.h"
#include "proxy/net/tls_context.h"

namespace causeway::proxy {

// The time in which all the certificates of one file are valid that are shown with each other; of
// authorities: in which there is one that is.
struct CertificateDates {
  std::string subject;  // of the certificate that is shown; of the authority that lasts longest
  std::chrono::system_clock::time_point not_before;
  std::chrono::system_clock::time_point not_after;

  friend bool operator==(const CertificateDates&, const CertificateDates&) = default;
};

enum class CertificateState : uint8_t { kValid, kExpiresSoon, kExpired, kNotYetValid };

std::string_view to_string(CertificateState state);  // "valid", "expires soon", "expired", "not yet valid"

// Who renews a certificate by hand wants to know that many days before.
inline constexpr std::chrono::days kExpiresSoon{14};

CertificateState state_of(const CertificateDates& dates, std::chrono::system_clock::time_point now);

// What the context shows: its certificate and the chain to it. Nothing if it shows none.
std::optional<CertificateDates> dates_of_shown(SSL_CTX* context);

// The authorities that were loaded into the context; nothing without any.
std::optional<CertificateDates> dates_of_trusted(SSL_CTX* context);

// One of the settings that name a file of certificates.
struct CertificateInUse {
  std::string_view setting;  // "tls.certificate"
  std::string file;          // empty: the certificate that was made at the start
  CertificateDates dates;
};

// By the contexts that were made of this configuration; either may be null.
std::vector<CertificateInUse> certificates_in_use(const Config& config, const TlsContext& client,
                                                  const TlsContext& server);

// "tls.certificate: /etc/tls.crt: expired, valid from 2026-01-31T00:00:00Z to 2026-02-28T00:00:00Z (/CN=db)"
std::string describe_certificate(const CertificateInUse& certificate, CertificateState state);

// The certificates of a running process, for its log and its metrics. Any thread.
class CertificateWatch {
 public:
  void set(std::vector<CertificateInUse> certificates);

  // Warns of each that is not valid, or not for long.
  void tell(const Logger& logger, std::chrono::system_clock::time_point now) const;

  // causeway_certificate_expiry_timestamp_seconds by setting.
  prometheus::MetricFamily expiry_metric() const;

 private:
  mutable std::mutex mutex_;
  std::vector<CertificateInUse> certificates_;
};

}  // namespace causeway::proxy
