#include "proxy/cluster/monitor_account.h"

#include <utility>

namespace causeway::proxy {
namespace {

MonitorAccount::CredentialsPtr credentials_from(const protocol::SecretBytes& password) {
  return std::make_shared<const protocol::Credentials>(protocol::Credentials::from_password(password.text()));
}

}  // namespace

MonitorAccount::MonitorAccount(std::string user, const protocol::SecretBytes& password, ReadPassword read)
    : user_(std::move(user)), read_(std::move(read)), credentials_(credentials_from(password)) {}

MonitorAccount::CredentialsPtr MonitorAccount::credentials() const {
  const std::lock_guard lock(mutex_);
  return credentials_;
}

OrProblem<bool> MonitorAccount::read_again() {
  if (!read_) return false;
  const std::lock_guard reading(reading_);
  const auto password = read_();
  if (!password) return password.error();
  if (credentials()->clear_password == *password) return false;
  CredentialsPtr now = credentials_from(*password);
  const std::lock_guard lock(mutex_);
  credentials_ = std::move(now);
  return true;
}

}  // namespace causeway::proxy
