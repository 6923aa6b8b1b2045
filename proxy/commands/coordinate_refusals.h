// Why a client that replicates by file and position is not served, in the words that it shows to its
// operator: whose coordinates these are, what was sent last, and what to set. Pure.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "consistency/coordinate_search.h"
#include "consistency/log_coordinates.h"
#include "proxy/accounts/client_error.h"
#include "proxy/replication/stream_ledger.h"

namespace causeway::proxy {

// A server as people know it, and as its log is named by.
struct LogOwner {
  std::string owner;  // binlog_owner()
  std::string node;   // its address; empty if it is not known any more
  bool mariadb = false;
  bool is_replica = false;  // and not the writer; looked at where it is the source
};

// All of them kErFatalReadingBinlog, at which replicas stop: nothing gets better by itself.
inline constexpr uint16_t kErFatalReadingBinlog = 1236;

// Nobody knows from which of these servers' logs the coordinates are. `lasting`: it would be known if they
// were ever sent by Causeway.
ClientError unknown_owner(const consistency::LogCoordinates& asked, std::span<const KnownWriter> writers,
                          const LogOwner& source, bool lasting);
// They are places in the logs of both, and not the same one.
ClientError ambiguous_owner(const consistency::LogCoordinates& asked, const LogOwner& one,
                            const LogOwner& other);
// No event begins there in the source's own log. `before`: the last boundary of transactions ahead of it.
ClientError no_such_place(const consistency::LogCoordinates& asked, const LogOwner& source,
                          const std::optional<consistency::LogCoordinates>& before);
// The log has not what was sent: it was reset, or that part was purged.
ClientError another_log(const consistency::LogCoordinates& asked, const LogOwner& source);
// They are of a server that cannot be asked, and nothing of what stands there is remembered.
ClientError owner_not_there(const consistency::LogCoordinates& asked, const LogOwner& owner,
                            const LogOwner& source,
                            const std::optional<consistency::LogCoordinates>& last_sent);
// Within a transaction, the rest of which another server has with other table numbers.
ClientError inside_transaction(const consistency::LogCoordinates& asked, const LogOwner& owner,
                               const LogOwner& source,
                               const std::optional<consistency::LogCoordinates>& begin);
// The search has not found the place.
ClientError not_translated(const consistency::LogCoordinates& asked, const LogOwner& owner,
                           const LogOwner& source, const consistency::SearchResult& result);

// What a server says of what was asked of it.
ClientError log_refused(const LogOwner& owner, std::string_view reason);

// 1105 HY000: replicas try again. "cannot read the log of ...: timeout"
ClientError log_not_read(const LogOwner& owner, std::string_view reason);

}  // namespace causeway::proxy
