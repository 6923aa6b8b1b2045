// What a session may do to the sessions of others.
#pragma once

#include <string_view>

#include "proxy/accounts/account_table.h"
#include "proxy/backend/server_kill.h"
#include "proxy/net/io.h"

namespace causeway::proxy {

struct ClientSession;
class Shard;

// What the account table of the servers says of the session's account now; where that cannot be read,
// nothing. Rights of roles and MySQL's dynamic privileges are not in it.
AccountRights rights_in_table(const ClientSession& session);

// The rights with which a server lets the session's account in, those of its default roles and dynamic
// privileges among them. Asked once, when first needed, over a connection of its own; as on a server, what is
// granted later counts from the next login. Nothing if no server answers within TimeoutsConfig::connect, or
// if kMaxRightsQuestions of this worker are under way: the next call asks again.
Awaitable<AccountRights> rights_on_servers(ClientSession& session);
inline constexpr size_t kMaxRightsQuestions = 16;

// Likewise for another session's account, by its way to log in; not remembered.
Awaitable<AccountRights> ask_rights(Shard& shard, AccountLogin login);

// Adds what one row says of SHOW GRANTS, asked by an account for itself. Names in a row are quoted by the
// servers, and are never taken for rights.
void add_rights_of_grant(AccountRights& rights, std::string_view row);

}  // namespace causeway::proxy
