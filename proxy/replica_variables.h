// User variables that were set on a replica: in a READ ONLY transaction there, or by GET DIAGNOSTICS of a
// read.
#pragma once

#include "proxy/client_session.h"
#include "proxy/io.h"

namespace causeway::proxy {

// Takes the values of session.replica_variables from the replica, to be set on the session's connection to
// the writer ahead of its next statement there. False: they are lost with their connection.
Awaitable<bool> take_replica_variables(ClientSession& session);

}  // namespace causeway::proxy
