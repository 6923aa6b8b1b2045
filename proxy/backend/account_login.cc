#include "proxy/backend/account_login.h"

#include <algorithm>
#include <utility>

#include "proxy/accounts/auth_methods.h"

namespace causeway::proxy {

using protocol::Credentials;

AccountLogin login_beside(const AccountLogin& session) {
  return {.key = std::make_shared<const PoolKey>(PoolKey{.user = session.key->user,
                                                         .capabilities = 0,
                                                         .collation = 45,
                                                         .credentials_version = 0,
                                                         .requires_tls = session.key->requires_tls,
                                                         .client_address = session.key->client_address}),
          .credentials = session.credentials};
}

bool renew(AccountLogin& login, Services& services) {
  if (services.accounts == nullptr || !login.account) return false;
  const AccountStore::SnapshotPtr accounts = services.accounts->current();
  const auto same = [&](const Account& account) {
    return account.user == login.account->user && account.host == login.account->host;
  };
  const auto account = std::ranges::find_if(accounts->table.accounts(), same);
  if (account == accounts->table.accounts().end()) return false;
  const AuthMethod method = method_of(*account);
  if (version_of(method) == login.key->credentials_version) return false;
  std::optional<Credentials> known =
      services.credentials.find(account->user, account->host, method.auth_string);
  if (!known) return false;
  login.credentials = std::make_shared<const Credentials>(std::move(*known));
  PoolKey key = *login.key;
  key.credentials_version = version_of(method);
  login.key = std::make_shared<const PoolKey>(std::move(key));
  return true;
}

}  // namespace causeway::proxy
