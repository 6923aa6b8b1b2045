// The server whose binary log a client gets: the writer, or a replica that logs what it applies.
#pragma once

#include <cstddef>
#include <optional>

#include "proxy/accounts/client_error.h"
#include "proxy/net/io.h"
#include "proxy/session/client_session.h"
#include "routing/route_decision.h"

namespace causeway::proxy {

// Where all statements of a client that reads the log run.
routing::Decision on_log_source(const ClientSession& session);

struct HeldSource {
  size_t node = 0;
  std::optional<ClientError> refusal = std::nullopt;  // there is none now: 1105, at which replicas try again
};

// The server of a session that is to read the log, with a connection that is the session's own from now on:
// the one that it has had its answers from, if there was any; refused if what the session has set there is
// lost. Waits for a place at the server as long as statements do. A replica has all that the writer had when
// this was called, which is waited for as long as reads wait: it may be behind another one whose log the
// client was reading before, and a server that is asked for what lies ahead of its log refuses for good.
Awaitable<HeldSource> hold_source(ClientSession& session);

}  // namespace causeway::proxy
