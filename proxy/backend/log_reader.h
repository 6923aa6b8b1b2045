// Reads the binary log of a server for ourselves, on connections beside those of sessions and pools: to find
// out what stands at some coordinates.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/binlog_stream.h"
#include "proxy/backend/account_login.h"
#include "proxy/backend/ask.h"
#include "proxy/net/io.h"
#include "proxy/net/waiter.h"

namespace causeway::proxy {

class Shard;

// On whose behalf: the account needs REPLICATION SLAVE. The waiter's deadline holds for all of it.
struct LogReader {
  Shard& shard;
  size_t node;
  AccountLogin& login;
  Waiter& waiter;
  BackendConnection*& in_flight;
};

// Called behind every event; false: it is enough.
using TakeEvent = std::function<bool(const protocol::BinlogStreamState&)>;

// Reads events from a file's position on, to the end of the log as it is now or until it is enough. A refusal
// is the server's: there is no such file (1236), or the account has no right. A deadline is a failure.
Awaitable<Answer<void>> read_log(LogReader reader, std::string_view file, uint64_t position,
                                 const TakeEvent& take);

// The files of its log, oldest first: with the monitor's account, which may ask for that. Sizes in bytes.
struct LogFile {
  std::string name;
  uint64_t bytes = 0;
};
Awaitable<Answer<std::vector<LogFile>>> list_log_files(LogReader reader);

}  // namespace causeway::proxy
