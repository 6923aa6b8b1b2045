// What a client means that asks for the log from a file and a position on: these are places in the log of the
// server that was the writer when it got them.
#pragma once

#include <optional>

#include "protocol/com_binlog_dump.h"
#include "proxy/accounts/client_error.h"
#include "proxy/net/io.h"
#include "proxy/replication/stream_ledger.h"
#include "proxy/session/client_session.h"

namespace causeway::proxy {

struct ResolvedDump {
  std::optional<ClientError> refusal;
  // Of the source's log: as asked for, or translated.
  consistency::LogCoordinates from;
  // What is remembered of the client from here on.
  SentStream stream;
};

// `source` is the node from which the log would be read: the session's connection to it stays the only one
// that the dump can run on. Reads logs of servers to be certain, on connections of their own and for
// replication.search_timeout at most. An empty file name means the first log there is, of whichever server.
Awaitable<ResolvedDump> resolve_dump(ClientSession& session, size_t source, const protocol::BinlogDump& dump);

}  // namespace causeway::proxy
