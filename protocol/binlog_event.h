// Events of a binary log as they come from a server: their header, and the bodies that say where a stream
// stands. https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_replication_binlog_event.html
// https://mariadb.com/kb/en/2-binlog-event-header/
//
//   timestamp 4 | type 1 | server id 4 | length 4 | log_pos 4 | flags 2 | body | CRC32 4, if the log has
//   checksums
//
// The length is that of all of it. log_pos is where the next event begins, in the log of whoever sends it,
// modulo 2^32.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "protocol/binlog_gtid.h"
#include "protocol/byte_reader.h"
#include "protocol/protocol_error.h"

namespace causeway::protocol {

inline constexpr size_t kBinlogEventHeaderBytes = 19;
inline constexpr size_t kBinlogChecksumBytes = 4;

// Those that mean something here; any other value may come.
enum class BinlogEventType : uint8_t {
  kQuery = 2,
  kStop = 3,
  kRotate = 4,
  kIntvar = 5,
  kAppendBlock = 9,
  kDeleteFile = 11,
  kRand = 13,
  kUserVar = 14,
  kFormatDescription = 15,
  kXid = 16,
  kBeginLoadQuery = 17,
  kExecuteLoadQuery = 18,
  kTableMap = 19,
  kWriteRowsV1 = 23,
  kUpdateRowsV1 = 24,
  kDeleteRowsV1 = 25,
  kIncident = 26,
  kHeartbeat = 27,
  kRowsQuery = 29,
  kWriteRows = 30,
  kUpdateRows = 31,
  kDeleteRows = 32,
  kGtid = 33,
  kAnonymousGtid = 34,
  kPreviousGtids = 35,
  kTransactionContext = 36,
  kViewChange = 37,
  kXaPrepare = 38,
  kPartialUpdateRows = 39,
  kTransactionPayload = 40,
  kHeartbeatV2 = 41,
  kGtidTagged = 42,
  kMariadbAnnotateRows = 160,
  kMariadbBinlogCheckpoint = 161,
  kMariadbGtid = 162,
  kMariadbGtidList = 163,
  kMariadbStartEncryption = 164,
  kMariadbQueryCompressed = 165,
  kMariadbWriteRowsCompressedV1 = 166,
  kMariadbUpdateRowsCompressedV1 = 167,
  kMariadbDeleteRowsCompressedV1 = 168,
  kMariadbWriteRowsCompressed = 169,
  kMariadbUpdateRowsCompressed = 170,
  kMariadbDeleteRowsCompressed = 171,
};

namespace binlog_event_flag {
inline constexpr uint16_t kInUse = 0x01;       // of a format description: the file is being written
inline constexpr uint16_t kArtificial = 0x20;  // made for this stream
inline constexpr uint16_t kIgnorable = 0x80;   // whoever does not know the type may go on
}  // namespace binlog_event_flag

struct BinlogEventHeader {
  uint32_t timestamp = 0;  // seconds since 1970, of the statement's beginning
  BinlogEventType type{};
  uint32_t server_id = 0;  // where the event was first logged
  uint32_t event_bytes = 0;
  uint32_t log_pos = 0;
  uint16_t flags = 0;

  // Whether the event is not in the source's log: heartbeats, and the ROTATE that a source makes up ahead of
  // each file. A format description that is sent again, for a dump from the middle, only has a log_pos of 0.
  bool is_artificial() const {
    return (flags & binlog_event_flag::kArtificial) != 0 || type == BinlogEventType::kHeartbeat ||
           type == BinlogEventType::kHeartbeatV2 || (timestamp == 0 && log_pos == 0);
  }

  friend bool operator==(const BinlogEventHeader&, const BinlogEventHeader&) = default;
};

// Reads the front of an event. kMalformed where it says that it is shorter than its header.
Result<BinlogEventHeader> parse_binlog_event_header(Bytes event);

// What stands behind the bodies of all events of a log.
enum class BinlogChecksum : uint8_t { kNone = 0, kCrc32 = 1, kUndefined = 255 };

// Whether a whole event ends with the CRC32 of what is ahead. How one finds out for an event that comes ahead
// of the format description of its file: the made-up ROTATE has it only if the one before was of a log with
// checksums, or the replica asked for them. Not for a format description with kInUse, whose checksum is
// without that flag.
bool ends_with_crc32(Bytes event);

// A whole event without header and checksum. kTruncated where it is too short for both.
Result<Bytes> binlog_event_body(Bytes event, BinlogChecksum checksum);

// ROTATE: the log goes on elsewhere.
struct RotateEvent {
  uint64_t position = 0;
  std::string_view file = {};  // points into the body

  friend bool operator==(const RotateEvent&, const RotateEvent&) = default;
};
// kMalformed for a file name that is empty or longer than kMaxBinlogFileBytes.
Result<RotateEvent> parse_rotate_event(Bytes body);

// FORMAT_DESCRIPTION: each file begins with one.
// https://dev.mysql.com/doc/dev/mysql-server/latest/classmysql_1_1binlog_1_1event_1_1Format__description__event.html
struct FormatDescriptionEvent {
  uint16_t binlog_version = 0;
  std::string_view server_version = {};  // points into the event
  uint32_t created = 0;                  // when the server started with this file; 0 for a file by rotation
  // Of the events that follow. kNone for servers that know no checksums (before MySQL 5.6.1, MariaDB 5.3).
  BinlogChecksum checksum = BinlogChecksum::kNone;

  friend bool operator==(const FormatDescriptionEvent&, const FormatDescriptionEvent&) = default;
};
// Takes the whole event: it has room for a checksum whether the log has any or not.
Result<FormatDescriptionEvent> parse_format_description_event(Bytes event);

// The event that opens a transaction.
struct GtidEvent {
  BinlogGtid gtid;
  uint8_t flags = 0;  // mysql_gtid_flag or mariadb_gtid_flag
  // When it was committed on the server that it comes from, microseconds since 1970 by that one's clock. 0
  // where the event does not say (before MySQL 8.0.1, MariaDB).
  uint64_t original_commit_timestamp = 0;

  friend bool operator==(const GtidEvent&, const GtidEvent&) = default;
};
namespace mysql_gtid_flag {
inline constexpr uint8_t kMayHaveStatements = 1;
}
// https://mariadb.com/kb/en/gtid_event/
namespace mariadb_gtid_flag {
inline constexpr uint8_t kStandalone = 1;  // one statement, and nothing that ends it
inline constexpr uint8_t kGroupCommitId = 2;
inline constexpr uint8_t kTransactional = 4;
inline constexpr uint8_t kAllowParallel = 8;
inline constexpr uint8_t kWaited = 16;
inline constexpr uint8_t kDdl = 32;
inline constexpr uint8_t kPreparedXa = 64;
inline constexpr uint8_t kCompletedXa = 128;
}  // namespace mariadb_gtid_flag

// Reads the body of a GTID, ANONYMOUS_GTID, GTID_TAGGED or of MariaDB's GTID, as the header says; only its
// beginning is needed (the first kGtidBodyBytes, or all of it). kUnexpectedPacket for another type.
Result<GtidEvent> parse_gtid_event(const BinlogEventHeader& header, Bytes body);
// Of servers' events it is all: this is with each integer of a GTID_TAGGED in its longest form.
inline constexpr size_t kGtidBodyBytes = 352;

// HEARTBEAT, HEARTBEAT_V2: the source has nothing to send, and where it stands.
struct HeartbeatEvent {
  std::string_view file = {};  // points into the body
  uint64_t position = 0;
  bool is_exact = false;  // else the position is modulo 2^32

  friend bool operator==(const HeartbeatEvent&, const HeartbeatEvent&) = default;
};
Result<HeartbeatEvent> parse_heartbeat_event(const BinlogEventHeader& header, Bytes body);

// QUERY: a statement, or BEGIN, COMMIT and the like.
struct QueryEvent {
  std::string_view text = {};  // as much of it as there is in the bytes given
  uint64_t text_bytes = 0;     // of the whole text

  bool is(std::string_view whole_text) const { return text_bytes == whole_text.size() && text == whole_text; }
};
// Takes the front of an event: all of it, or at least kBinlogEventHeaderBytes + kQueryPostHeaderBytes.
Result<QueryEvent> parse_query_event(const BinlogEventHeader& header, Bytes event, BinlogChecksum checksum);
inline constexpr size_t kQueryPostHeaderBytes = 13;

}  // namespace causeway::protocol
