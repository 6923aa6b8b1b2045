#include "proxy/net/password_key.h"

#include <cerrno>
#include <cstdio>
#include <string>
#include <system_error>
#include <utility>

namespace causeway::proxy {
namespace {

// A key of 16384 bits is half as long.
constexpr size_t kMaxPemBytes = 32768;

using File = std::unique_ptr<std::FILE, decltype(&std::fclose)>;

Problem problem_with(const TlsConfig& config, const std::string& reason) {
  return {"tls.password_key: " + config.password_key + ": " + reason};
}

}  // namespace

OrProblem<PasswordKey> make_password_key(const TlsConfig& config) {
  using protocol::RsaKeyPair;
  if (config.password_key.empty()) return std::make_shared<const RsaKeyPair>(RsaKeyPair::generate());
  const File file(std::fopen(config.password_key.c_str(), "re"), &std::fclose);
  if (file == nullptr) return problem_with(config, std::generic_category().message(errno));
  std::string pem(kMaxPemBytes, '\0');
  pem.resize(std::fread(pem.data(), 1, pem.size(), file.get()));
  if (std::ferror(file.get()) != 0) return problem_with(config, std::generic_category().message(errno));
  auto key = RsaKeyPair::from_private_key_pem(pem);
  if (!key)
    return problem_with(config, "is no private RSA key in PEM, without a pass phrase, of 1024 bits or more");
  return std::make_shared<const RsaKeyPair>(std::move(*key));
}

}  // namespace causeway::proxy
