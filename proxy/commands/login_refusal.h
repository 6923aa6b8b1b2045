// For what a client is refused, whatever its password is.
#pragma once

#include <optional>
#include <string>

#include "proxy/accounts/client_error.h"
#include "proxy/commands/login_account.h"
#include "proxy/session/client_session.h"
#include "proxy/session/session_end.h"

namespace causeway::proxy {

struct LoginRefusal {
  EndReason reason = EndReason::kLoginRefused;
  ClientError error;
};

// Before anybody looks for its account: no TLS where it is required, a collation that is none for clients, or
// nobody who knows the accounts. `accounts` have been looked up for nobody yet.
std::optional<LoginRefusal> refuse_unseen(ClientSession& session, const LoginAccount& accounts,
                                          const std::string& user, uint8_t collation);

// By its account, before the password is asked for.
std::optional<LoginRefusal> refuse_unasked(ClientSession& session, const LoginAccount& account,
                                           const std::string& user);

// What the account's owner has done right with the password and may not do all the same.
std::optional<LoginRefusal> refuse_owner(ClientSession& session, const LoginAccount& account,
                                         const std::string& user, bool used_password);

}  // namespace causeway::proxy
