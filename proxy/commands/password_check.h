// Whether a client's password is right, where its hash does not tell.
#pragma once

#include <optional>
#include <string>

#include "protocol/secret.h"
#include "proxy/accounts/client_error.h"
#include "proxy/commands/login_account.h"
#include "proxy/net/io.h"
#include "proxy/session/client_session.h"

namespace causeway::proxy {

// What a password is, by the word of whoever can tell.
struct PasswordVerdict {
  bool accepted = false;
  std::optional<ClientError> unknown = std::nullopt;  // nobody could tell: what the client is told instead
};

// By the configuration, where it lists the users; else by logging in to a server as the user. A replica may
// not have the account, or not its new password, yet: only the writer's no counts, any replica's if there is
// none. The caller's deadline holds.
Awaitable<PasswordVerdict> check_password(ClientSession& session, const LoginAccount& account,
                                          const std::string& user, const protocol::SecretBytes& password);

// Has the accounts read from the servers once more, so that a password that was changed a moment ago is
// known. Returns without if the store does not take the wish, or the session gives up.
Awaitable<void> read_accounts_again(ClientSession& session);

}  // namespace causeway::proxy
