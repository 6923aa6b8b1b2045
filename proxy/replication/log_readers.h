// What the process knows of clients that read the binary log.
#pragma once

#include <string>
#include <utility>

#include "proxy/replication/attached_streams.h"
#include "proxy/replication/stream_ledger.h"

namespace causeway::proxy {

// Any thread, as each of the two.
struct LogReaders {
  // As StreamLedger.
  LogReaders(std::string state_file, Logger logger) : ledger(std::move(state_file), std::move(logger)) {}

  AttachedStreams attached;  // now, on any worker
  StreamLedger ledger;       // what they were sent, by file and position
};

}  // namespace causeway::proxy
