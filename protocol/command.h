// The command byte that opens every packet of the command phase, and commands of our own.
// https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_command_phase.html
#pragma once

#include <cstdint>
#include <string_view>

#include "protocol/byte_writer.h"
#include "protocol/capability_flags.h"

namespace causeway::protocol {

enum class Command : uint8_t {
  kSleep = 0x00,
  kQuit = 0x01,
  kInitDb = 0x02,
  kQuery = 0x03,
  kFieldList = 0x04,
  kCreateDb = 0x05,
  kDropDb = 0x06,
  kRefresh = 0x07,
  kShutdown = 0x08,
  kStatistics = 0x09,
  kProcessInfo = 0x0a,
  kConnect = 0x0b,
  kProcessKill = 0x0c,
  kDebug = 0x0d,
  kPing = 0x0e,
  kTime = 0x0f,
  kDelayedInsert = 0x10,
  kChangeUser = 0x11,
  kBinlogDump = 0x12,
  kTableDump = 0x13,
  kConnectOut = 0x14,
  kRegisterSlave = 0x15,
  kStmtPrepare = 0x16,
  kStmtExecute = 0x17,
  kStmtSendLongData = 0x18,
  kStmtClose = 0x19,
  kStmtReset = 0x1a,
  kSetOption = 0x1b,
  kStmtFetch = 0x1c,
  kDaemon = 0x1d,
  kBinlogDumpGtid = 0x1e,
  kResetConnection = 0x1f,
  kClone = 0x20,
  kSubscribeGroupReplicationStream = 0x21,
  kMariadbStmtBulkExecute = 0xfa,
};

// The name as the protocol documents write it, e.g. "COM_QUERY"; "unknown command" for a byte that is none.
std::string_view command_name(Command command);

// Appends a whole command, headers and all, to a buffer that the caller owns: the command byte and what
// follows it, a text for most commands. COM_QUERY goes without attributes to a server that takes them.
// `capabilities` are those negotiated with the server. Of any length; 16 MiB and more take several packets.
void append_command(Buffer& out, Command command, std::string_view argument, CapabilityFlags capabilities);

// Likewise for the one command whose argument is a number of two bytes.
// https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_com_set_option.html
void append_com_set_option(Buffer& out, bool multi_statements);

}  // namespace causeway::protocol
