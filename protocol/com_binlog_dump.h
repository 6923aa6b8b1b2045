// COM_BINLOG_DUMP and COM_BINLOG_DUMP_GTID: from here on the server sends its binary log. What comes then is
// in binlog_stream.h. https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_com_binlog_dump.html
// https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_com_binlog_dump_gtid.html
// https://mariadb.com/kb/en/com_binlog_dump/
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "protocol/byte_reader.h"
#include "protocol/byte_writer.h"
#include "protocol/protocol_error.h"

namespace causeway::protocol {

// As long as servers let the name of a log get (FN_REFLEN).
inline constexpr size_t kMaxBinlogFileBytes = 512;

// Bits of BinlogDump::flags. Others are kept as they came.
namespace binlog_dump_flag {
inline constexpr uint16_t kNonBlock = 1;  // an EOF packet at the end of the log, no waiting for more
inline constexpr uint16_t kMariadbAnnotateRows = 2;  // MariaDB: send ANNOTATE_ROWS events
inline constexpr uint16_t kHeartbeatV2 = 2;          // MySQL 8.0.26+: HEARTBEAT_V2 events
inline constexpr uint16_t kThroughPosition = 2;      // what the description calls the same bit
inline constexpr uint16_t kThroughGtid = 4;  // of COM_BINLOG_DUMP_GTID: servers look for the set without it
inline constexpr uint16_t kSkipTaggedGtids = 4;  // MySQL 8.3+: the client does not know tags
}  // namespace binlog_dump_flag

// Views point into the payload after parsing.
struct BinlogDump {
  enum class Kind : uint8_t {
    kPosition,  // COM_BINLOG_DUMP; MariaDB's clients with GTIDs too, who set @slave_connect_state before it
    kGtid,      // COM_BINLOG_DUMP_GTID
  };

  Kind kind = Kind::kPosition;
  uint16_t flags = 0;
  uint32_t server_id = 0;      // the client's own; 0 for one that is no replica
  std::string_view file = {};  // empty: the first log there is
  uint64_t position = 0;  // where an event begins, or less than 4 for the beginning; 32 bits for kPosition
  bool has_gtid_set = false;  // kGtid only: the description has the set optional, clients always send it
  Bytes gtid_set = {};        // encoded: what the client has, see decode_gtid_set()
  Bytes rest = {};            // behind the last field, for servers without meaning

  bool waits_for_more() const { return (flags & binlog_dump_flag::kNonBlock) == 0; }
};

// Reads the payload of either command, which begins with the command byte. The name of a COM_BINLOG_DUMP ends
// with the payload or a NUL. Names longer than kMaxBinlogFileBytes are refused, as servers do.
Result<BinlogDump> parse_binlog_dump(Bytes payload);

// Appends the payload: for a value that was parsed byte for byte what it was parsed from, but for the members
// that were changed since. False, and nothing is appended, where the position does not fit into the 32 bits
// that kPosition has for it.
bool append_binlog_dump(Buffer& out, const BinlogDump& dump);

// The text of an encoded GTID set as MySQL would print it, without white space: "uuid:1-5:7,uuid:1:tag:1-3".
// Takes the encoding without tags and the one of MySQL 8.3 with them, which PREVIOUS_GTIDS events have too.
// The text is at most three times as long as the encoded set. kMalformed for what MySQL would refuse.
// https://dev.mysql.com/doc/dev/mysql-server/latest/classGtid__set.html
Result<std::string> decode_gtid_set(Bytes encoded);

}  // namespace causeway::protocol
