// The values of user variables, from one server to the other. They live on the writer; some are set on a
// replica, in a READ ONLY transaction there, or by GET DIAGNOSTICS of a read; and what reads on a replica may
// use them without naming them.
#pragma once

#include <string>
#include <vector>

#include "proxy/net/io.h"
#include "proxy/session/client_session.h"

namespace causeway::proxy {

// Takes the values of session.state.carried.replica_variables from the replica, to be set on the session's
// connection to the writer ahead of its next statement there. False: they are lost with their connection.
Awaitable<bool> take_replica_variables(SessionParts session);

// Of these: what functions have set on the replica the writer's connection gets ahead of its next statement.
// The session has a replica.
Awaitable<void> look_for_variables_on_replica(SessionParts session, std::vector<std::string> names);

// On MySQL: whether session.state.carried.unreported_calls have left something on the replica. Then the
// session goes to the writer, where they are called once more.
Awaitable<void> ask_for_unreported_state(SessionParts session);

// Sees to it that session.state.carried.writer_variables are known, so that its replica can be told. False:
// they cannot be, now, and what may use them has to run on the writer.
Awaitable<bool> learn_writer_variables(SessionParts session);

}  // namespace causeway::proxy
