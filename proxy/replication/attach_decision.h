// Clients that read the binary log, as they say who they are, and which of them may at the same time.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace causeway::proxy {

enum class StreamMode : uint8_t { kGtid, kPosition };

// What does not change while a client reads the log.
struct StreamReader {
  uint32_t server_id = 0;  // its own, of COM_BINLOG_DUMP; 0: it is no replica
  std::string uuid;        // @replica_uuid, @slave_uuid; empty: it has told none
  std::string user;
  std::string host;      // an address, "localhost" for a Unix socket
  uint16_t port = 0;     // 0: a Unix socket, or not known
  uint32_t session = 0;  // Causeway's id of it
  StreamMode mode = StreamMode::kGtid;
  bool registered = false;  // a server has taken its COM_REGISTER_SLAVE: it may read the log
  bool until_end = false;   // of the log, as it is then; it does not wait for more
  std::chrono::system_clock::time_point since;

  friend bool operator==(const StreamReader&, const StreamReader&) = default;
};

// "10.0.0.5:4711", "localhost".
std::string address_of(const StreamReader& reader);

// UTC: "2026-01-31T12:00:00Z".
std::string since_of(const StreamReader& reader);

struct AttachDecision {
  enum class What : uint8_t {
    kAttach,
    kReplace,  // it takes the place of `other`: the same replica has come again
    kRefuse,   // its server id is that of `other`, which is another replica
  };
  What what = What::kAttach;
  size_t other = 0;  // index of one that is attached

  friend bool operator==(const AttachDecision&, const AttachDecision&) = default;
};

// Whether a client may read the log beside those that do. Sources know a replica by its server id, and end
// the stream of one that comes again; two that have the same would end each other's streams without end. It
// is the same if it comes from the same host, and has the same uuid where both have told theirs. Who has the
// server id 0 is none.
AttachDecision decide_attach(const StreamReader& who, std::span<const StreamReader* const> attached);

}  // namespace causeway::proxy
