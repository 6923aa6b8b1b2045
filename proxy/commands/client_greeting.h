// What a client is shown before it says who it is: a server like those of the cluster.
#pragma once

#include "protocol/client_connection_phase.h"
#include "proxy/accounts/account_store.h"
#include "proxy/session/client_session.h"

namespace causeway::proxy {

// `accounts` are null where the configuration's users are the accounts.
protocol::ServerIdentity greeting_for(ClientSession& session, const AccountStore::SnapshotPtr& accounts);

}  // namespace causeway::proxy
