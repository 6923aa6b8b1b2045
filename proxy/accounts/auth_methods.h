// By which of its ways a client is asked to log in to an account.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "proxy/accounts/account_table.h"

namespace causeway::proxy {

// What the account table calls the plugin whose clients call it client_ed25519.
inline constexpr std::string_view kEd25519Account = "ed25519";

// Plugins that look at who runs the client's process: of no use to somebody in between.
bool is_for_local_processes(std::string_view plugin);

// How well a method serves: the better, the higher. 0: of no use to somebody in between; 1: the password has
// to go over in clear.
int preference(std::string_view plugin);

// Of the methods of an account (MariaDB's IDENTIFIED VIA a OR b) the one that a client is asked for.
AuthMethod method_of(const Account& account);

// Other passwords of the same plugin (MySQL's RETAIN CURRENT PASSWORD).
std::vector<AuthMethod> others_like(const Account& account, const AuthMethod& method);

// One way to log in to an account.
struct AuthWay {
  AuthMethod method;
  std::vector<AuthMethod> others;  // of the same plugin, with passwords that are as good
};

// By other plugins than the best method's, the best first. One that needs the clear password is enough: a
// server tries all with it.
std::vector<AuthWay> fallbacks_of(const Account& account, const AuthMethod& best);

// Another one for another verifier: PoolKey::credentials_version.
uint64_t version_of(const AuthMethod& method);

}  // namespace causeway::proxy
