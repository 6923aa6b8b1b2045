// The statements that wait for a position on a replica and ask the writer for its own, and what their answers
// mean. https://dev.mysql.com/doc/refman/8.4/en/gtid-functions.html
// https://dev.mysql.com/doc/refman/8.4/en/replication-functions-synchronization.html
// https://mariadb.com/kb/en/master_gtid_wait/
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "consistency/position.h"
#include "consistency/read_plan.h"
#include "consistency/writer_position.h"
#include "protocol/server_flavor.h"

namespace causeway::consistency {

// Which words a server understands.
struct WaitDialect {
  protocol::ServerFlavor flavor = protocol::ServerFlavor::kMysql;
  uint32_t server_version = 0;  // major * 10000 + minor * 100 + patch, as in 80026 or 101106

  friend bool operator==(const WaitDialect&, const WaitDialect&) = default;
};

// Whether a server of this dialect has a function that waits for positions of this kind.
bool can_wait(PositionKind kind, const WaitDialect& dialect);

// Appends `SELECT WAIT_FOR_EXECUTED_GTID_SET('...',0.250)` or its like. The timeout is rounded up to what the
// function can tell apart (1 ms, or 1 s where it takes whole seconds) and is at least that, since 0 means
// "for ever" to some of them; at most a day. Only validated values are printed, so quoting is safe under
// every sql_mode and character set. False, and nothing appended, if !can_wait(position.kind(), dialect).
// Of coordinates "reached" is asked two more times in the statement, and has to be so at once then: servers
// may say it falsely (docs/decisions/positions-asked-again.md).
[[nodiscard]] bool append_wait_statement(std::string& out, const Position& position,
                                         std::chrono::milliseconds timeout, const WaitDialect& dialect);

// The verdict in the one column of the one row that a wait answers; nothing for NULL. An ERR packet instead
// of a row is WaitVerdict::kError.
WaitVerdict parse_wait_result(PositionKind kind, std::optional<std::string_view> value);

// The question for the writer's position, and behind it whether that server still is a writer; points to
// static storage, empty for kNone. A writer that is demoted in order becomes read-only before another one
// takes writes: who is not read-only at the time of the answer has all that was committed when it was asked.
// Coordinates come alone: writer_check_statement() has to follow on the same connection.
std::string_view probe_statement(PositionKind kind, const WaitDialect& dialect);

// Asks a server whether it still is a writer, in one row of one column. Needs no right.
std::string_view writer_check_statement();

// Appends the same question for a read on the writer that must not miss what a replica may have shown: the
// answer comes when what the server itself was committing can be seen, or after `timeout` (bounds as of a
// wait). Where servers do not tell what they are committing (without GTIDs; MariaDB) it is
// writer_check_statement(). Under every sql_mode and character set; in one row of one column; needs no right.
void append_writer_check(std::string& out, PositionKind kind, const WaitDialect& dialect,
                         std::chrono::milliseconds timeout);

enum class WriterCheck : uint8_t {
  kWriter,
  kNoWriter,         // read-only by now, or it does not say
  kStillCommitting,  // what it was committing could not be seen in time
};

// What has come for writer_check_statement() or append_writer_check(); nothing for NULL.
WriterCheck parse_writer_check(std::optional<std::string_view> value);

// What @@global.read_only has answered: the server takes writes. MariaDB 12 has more values than two.
bool is_writable(std::optional<std::string_view> read_only);

// The position in the row that answers probe_statement(): columns as text, nothing for NULL. An error,
// kNotWritable, if the row says that the server is no writer any more. Of what it is committing that counts
// which it has numbered itself (`server_uuid`): that is as good as committed. What it applies for others,
// under their UUIDs, may take any time.
Result<WriterPosition> parse_probe_row(PositionKind kind,
                                       std::span<const std::optional<std::string_view>> columns,
                                       std::string_view server_uuid);

}  // namespace causeway::consistency
