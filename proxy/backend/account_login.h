// As whom Causeway logs in to servers.
#pragma once

#include <memory>
#include <optional>

#include "protocol/scramble.h"
#include "proxy/accounts/account_table.h"
#include "proxy/backend/backend_connection.h"
#include "proxy/backend/services.h"

namespace causeway::proxy {

struct AccountLogin {
  std::shared_ptr<const PoolKey> key;
  std::shared_ptr<const protocol::Credentials> credentials;
  // Nothing if the accounts cannot be read, are the configuration's, or it is the monitor's.
  std::optional<AccountName> account = std::nullopt;
};

// Likewise, for a connection of Causeway's own beside those of a session: it may kill the session's, say.
AccountLogin login_beside(const AccountLogin& session);

// If the account's password was changed since its login: takes what later logins to it have shown of the new
// one. False if nothing newer is known.
bool renew(AccountLogin& login, Services& services);

}  // namespace causeway::proxy
