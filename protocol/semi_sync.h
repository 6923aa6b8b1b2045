// Semi-synchronous replication: what a source puts before each event, and what a replica answers to some of
// them on the same connection. Negotiated by user variables: the replica sets @rpl_semi_sync_replica = 1
// (MySQL) or @rpl_semi_sync_slave = 1 (MariaDB, older MySQL) before it asks for the log, and the source has
// its plugin. https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_semisync.html
// https://mariadb.com/kb/en/semisync-binlog-network-stream/
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "protocol/byte_reader.h"
#include "protocol/byte_writer.h"
#include "protocol/protocol_error.h"

namespace causeway::protocol {

// Both the header and the acknowledgement begin with it.
inline constexpr uint8_t kSemiSyncMagic = 0xef;

inline constexpr size_t kSemiSyncHeaderBytes = 2;

// The header that stands between the OK byte of a packet and its event, kSemiSyncHeaderBytes of the front of
// `bytes`: whether the source waits for an acknowledgement of this event. Behind such a packet the source
// counts its sequence ids from 1 on again, whether it is answered or not.
Result<bool> parse_semi_sync_header(Bytes bytes);

// A whole packet of a replica, with the sequence id 0: everything up to this place is safe there. `file`
// points into the payload.
struct SemiSyncAck {
  uint64_t position = 0;
  std::string_view file = {};

  friend bool operator==(const SemiSyncAck&, const SemiSyncAck&) = default;
};

// Reads the payload. The name ends with it or with a NUL; kMaxBinlogFileBytes at the most.
Result<SemiSyncAck> parse_semi_sync_ack(Bytes payload);

// Appends the payload.
void append_semi_sync_ack(Buffer& out, const SemiSyncAck& ack);

}  // namespace causeway::protocol
