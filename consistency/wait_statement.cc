#include "consistency/wait_statement.h"

#include <algorithm>

#include "consistency/text_cursor.h"

namespace causeway::consistency {
namespace {

using protocol::ServerFlavor;
using std::chrono::milliseconds;

constexpr milliseconds kShortestWait{1};
constexpr milliseconds kLongestWait = std::chrono::hours{24};

// Two of the functions take 0 for "for ever". So does MariaDB's MASTER_POS_WAIT(..., 0.25), as it rounds to
// whole seconds (checked on 10.11), while MySQL's takes fractions (checked on 9.7; before 8.0 it is not
// relied upon).
bool takes_fractions(PositionKind kind, const WaitDialect& dialect) {
  if (dialect.flavor == ServerFlavor::kMysql) return dialect.server_version >= 80000;
  return kind == PositionKind::kMariadbGtid;
}

void append_timeout(std::string& out, milliseconds timeout, bool fractions) {
  timeout = std::clamp(timeout, kShortestWait, kLongestWait);
  if (!fractions) {
    append_number(out, static_cast<uint64_t>(std::chrono::ceil<std::chrono::seconds>(timeout).count()));
    return;
  }
  const auto count = static_cast<uint64_t>(timeout.count());
  append_number(out, count / 1000);
  out += '.';
  const uint64_t fraction = count % 1000;
  out += static_cast<char>('0' + fraction / 100);
  out += static_cast<char>('0' + fraction / 10 % 10);
  out += static_cast<char>('0' + fraction % 10);
}

std::string_view wait_function(PositionKind kind, const WaitDialect& dialect) {
  const bool mysql = dialect.flavor == ServerFlavor::kMysql;
  switch (kind) {
    case PositionKind::kNone:
      return {};
    case PositionKind::kGtidSet:
      return mysql ? "WAIT_FOR_EXECUTED_GTID_SET" : "";
    case PositionKind::kMariadbGtid:
      return mysql ? "" : "MASTER_GTID_WAIT";
    case PositionKind::kBinlogCoordinates:
      return mysql && dialect.server_version >= 80026 ? "SOURCE_POS_WAIT" : "MASTER_POS_WAIT";
  }
  return {};
}

void append_call(std::string& out, std::string_view function, const Position& position, milliseconds timeout,
                 const WaitDialect& dialect) {
  out += function;
  out += "(_utf8mb4'";  // under any collation of the connection
  if (const GtidSet* set = position.gtid_set()) set->append_to(out);
  if (const MariadbGtidList* list = position.mariadb_gtid()) list->append_to(out);
  if (const BinlogCoordinates* coordinates = position.binlog_coordinates()) out += coordinates->file();
  out += "',";
  if (const BinlogCoordinates* coordinates = position.binlog_coordinates()) {
    append_number(out, coordinates->offset());
    out += ',';
  }
  append_timeout(out, timeout, takes_fractions(position.kind(), dialect));
  out += ')';
}

}  // namespace

bool can_wait(PositionKind kind, const WaitDialect& dialect) {
  return !wait_function(kind, dialect).empty();
}

bool append_wait_statement(std::string& out, const Position& position, milliseconds timeout,
                           const WaitDialect& dialect) {
  const std::string_view function = wait_function(position.kind(), dialect);
  if (function.empty()) return false;
  out += "SELECT ";
  const bool asks_again = position.kind() == PositionKind::kBinlogCoordinates;
  if (asks_again) out += "CASE ";
  append_call(out, function, position, timeout, dialect);
  if (asks_again) {
    // MariaDB evaluates what stands behind a minus while it prepares the statement, so there is none.
    out += ">=0 WHEN 1 THEN (";
    append_call(out, function, position, kShortestWait, dialect);
    out += "=0 AND ";
    append_call(out, function, position, kShortestWait, dialect);
    out += "=0)-1 WHEN 0 THEN -1 END";
  }
  out += " LIMIT 1";  // whatever sql_select_limit the session has
  return true;
}

WaitVerdict parse_wait_result(PositionKind kind, std::optional<std::string_view> value) {
  switch (kind) {
    case PositionKind::kNone:
      return WaitVerdict::kError;
    case PositionKind::kGtidSet:
      if (value == "0") return WaitVerdict::kReached;
      return value == "1" ? WaitVerdict::kTimeout : WaitVerdict::kError;
    case PositionKind::kMariadbGtid:
      if (value == "0") return WaitVerdict::kReached;
      return value == "-1" ? WaitVerdict::kTimeout : WaitVerdict::kError;
    case PositionKind::kBinlogCoordinates:
      break;
  }
  if (!value) return WaitVerdict::kNotReplicating;
  if (value == "-1") return WaitVerdict::kTimeout;
  TextCursor events(*value);  // how many events it waited for
  return events.number<uint64_t>() && events.at_end() ? WaitVerdict::kReached : WaitVerdict::kError;
}

std::string_view probe_statement(PositionKind kind, const WaitDialect& dialect) {
  const bool mysql = dialect.flavor == ServerFlavor::kMysql;
  switch (kind) {
    case PositionKind::kNone:
      return {};
    case PositionKind::kGtidSet:
      // What is committed between the first two is in the second.
      return mysql ? "SELECT @@global.gtid_owned, @@global.gtid_executed, @@global.read_only" : "";
    case PositionKind::kMariadbGtid:
      return mysql ? "" : "SELECT @@global.gtid_binlog_pos, @@global.read_only";
    case PositionKind::kBinlogCoordinates:
      return mysql && dialect.server_version >= 80400 ? "SHOW BINARY LOG STATUS" : "SHOW MASTER STATUS";
  }
  return {};
}

std::string_view writer_check_statement() {
  return "SELECT @@global.read_only LIMIT 1";
}

void append_writer_check(std::string& out, PositionKind kind, const WaitDialect& dialect,
                         milliseconds timeout) {
  constexpr uint32_t kRegexpReplace = 80004;
  if (kind != PositionKind::kGtidSet || dialect.flavor != ServerFlavor::kMysql ||
      dialect.server_version < kRegexpReplace) {
    out += writer_check_statement();
    return;
  }
  // gtid_owned as a GTID set: the thread that ends what one UUID has becomes a comma, the others go, and so
  // does what is not this server's. The owner and the UUID behind it touch: the last eight digits are the
  // UUID's.
  out +=
      "SELECT IF(IF(@@global.gtid_owned='',0,WAIT_FOR_EXECUTED_GTID_SET("
      "REGEXP_REPLACE(REGEXP_REPLACE(REGEXP_REPLACE(@@global.gtid_owned,"
      "_utf8mb4'#[0-9]+?(?=[0-9a-f]{8}-|$)',_utf8mb4','),_utf8mb4'#[0-9]+',_utf8mb4''),"
      "CONCAT(_utf8mb4'(^|,)(?!',@@global.server_uuid,_utf8mb4')[^,]+'),_utf8mb4','),";
  append_timeout(out, timeout, takes_fractions(kind, dialect));
  out += "))=0,@@global.read_only,'committing') LIMIT 1";
}

WriterCheck parse_writer_check(std::optional<std::string_view> value) {
  if (value == "committing") return WriterCheck::kStillCommitting;
  return is_writable(value) ? WriterCheck::kWriter : WriterCheck::kNoWriter;
}

bool is_writable(std::optional<std::string_view> read_only) {
  return read_only == "0" || read_only == "OFF";
}

namespace {

// gtid_owned, gtid_executed, read_only.
Result<WriterPosition> parse_gtid_set_row(std::span<const std::optional<std::string_view>> columns,
                                          std::string_view server_uuid) {
  if (columns.size() < 3 || !columns[1]) return PositionError::kMissingColumn;
  if (!is_writable(columns[2])) return PositionError::kNotWritable;
  Result<GtidSet> executed = GtidSet::parse(*columns[1]);
  if (!executed) return executed.error();
  const Result<GtidSet> owned = GtidSet::parse_owned(*columns[0]);
  if (!owned) return owned.error();
  WriterPosition position;
  const GtidSet committing = owned->issued_by(server_uuid);
  if (!committing.empty()) {
    GtidSet logged = *executed;
    logged.add(committing);
    position.logged = Position(std::move(logged));
  }
  position.executed = Position(std::move(*executed));
  return position;
}

Result<WriterPosition> parse_coordinates_row(std::span<const std::optional<std::string_view>> columns) {
  if (columns.size() < 2 || !columns[1]) return PositionError::kMissingColumn;
  TextCursor digits(*columns[1]);
  const auto offset = digits.number<uint64_t>();
  if (!offset || !digits.at_end()) return PositionError::kBadNumber;
  Result<BinlogCoordinates> coordinates = BinlogCoordinates::make(*columns[0], *offset);
  if (!coordinates) return coordinates.error();
  return WriterPosition{.executed = Position(std::move(*coordinates)), .logged = {}};
}

}  // namespace

Result<WriterPosition> parse_probe_row(PositionKind kind,
                                       std::span<const std::optional<std::string_view>> columns,
                                       std::string_view server_uuid) {
  if (columns.empty() || !columns[0]) return PositionError::kMissingColumn;
  if (kind == PositionKind::kGtidSet) return parse_gtid_set_row(columns, server_uuid);
  if (kind == PositionKind::kBinlogCoordinates) return parse_coordinates_row(columns);
  if (columns.size() < 2) return PositionError::kMissingColumn;
  if (!is_writable(columns[1])) return PositionError::kNotWritable;
  Result<Position> position = Position::parse(kind, *columns[0]);
  if (!position) return position.error();
  return WriterPosition{.executed = std::move(*position), .logged = {}};
}

}  // namespace causeway::consistency
