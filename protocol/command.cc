#include "protocol/command.h"

#include "protocol/packet_header.h"

namespace causeway::protocol {
namespace {

// MYSQL_OPTION_MULTI_STATEMENTS_ON, _OFF
constexpr uint16_t kMultiStatementsOn = 0;
constexpr uint16_t kMultiStatementsOff = 1;

}  // namespace

std::string_view command_name(Command command) {
  switch (command) {
    case Command::kSleep:
      return "COM_SLEEP";
    case Command::kQuit:
      return "COM_QUIT";
    case Command::kInitDb:
      return "COM_INIT_DB";
    case Command::kQuery:
      return "COM_QUERY";
    case Command::kFieldList:
      return "COM_FIELD_LIST";
    case Command::kCreateDb:
      return "COM_CREATE_DB";
    case Command::kDropDb:
      return "COM_DROP_DB";
    case Command::kRefresh:
      return "COM_REFRESH";
    case Command::kShutdown:
      return "COM_SHUTDOWN";
    case Command::kStatistics:
      return "COM_STATISTICS";
    case Command::kProcessInfo:
      return "COM_PROCESS_INFO";
    case Command::kConnect:
      return "COM_CONNECT";
    case Command::kProcessKill:
      return "COM_PROCESS_KILL";
    case Command::kDebug:
      return "COM_DEBUG";
    case Command::kPing:
      return "COM_PING";
    case Command::kTime:
      return "COM_TIME";
    case Command::kDelayedInsert:
      return "COM_DELAYED_INSERT";
    case Command::kChangeUser:
      return "COM_CHANGE_USER";
    case Command::kBinlogDump:
      return "COM_BINLOG_DUMP";
    case Command::kTableDump:
      return "COM_TABLE_DUMP";
    case Command::kConnectOut:
      return "COM_CONNECT_OUT";
    case Command::kRegisterSlave:
      return "COM_REGISTER_SLAVE";
    case Command::kStmtPrepare:
      return "COM_STMT_PREPARE";
    case Command::kStmtExecute:
      return "COM_STMT_EXECUTE";
    case Command::kStmtSendLongData:
      return "COM_STMT_SEND_LONG_DATA";
    case Command::kStmtClose:
      return "COM_STMT_CLOSE";
    case Command::kStmtReset:
      return "COM_STMT_RESET";
    case Command::kSetOption:
      return "COM_SET_OPTION";
    case Command::kStmtFetch:
      return "COM_STMT_FETCH";
    case Command::kDaemon:
      return "COM_DAEMON";
    case Command::kBinlogDumpGtid:
      return "COM_BINLOG_DUMP_GTID";
    case Command::kResetConnection:
      return "COM_RESET_CONNECTION";
    case Command::kClone:
      return "COM_CLONE";
    case Command::kSubscribeGroupReplicationStream:
      return "COM_SUBSCRIBE_GROUP_REPLICATION_STREAM";
    case Command::kMariadbStmtBulkExecute:
      return "COM_STMT_BULK_EXECUTE";
  }
  return "unknown command";
}

void append_command(Buffer& out, Command command, std::string_view argument, CapabilityFlags capabilities) {
  const bool takes_attributes = command == Command::kQuery && has(capabilities, capability::kQueryAttributes);
  const size_t payload_bytes = 1 + (takes_attributes ? 2 : 0) + argument.size();
  const bool is_one_packet = payload_bytes < kMaxPacketPayloadBytes;
  Buffer long_payload;
  Buffer& payload = is_one_packet ? out : long_payload;
  if (!is_one_packet) long_payload.reserve(payload_bytes);
  const size_t start = is_one_packet ? begin_packet(out, 0) : 0;
  ByteWriter writer(payload);
  writer.int1(static_cast<uint8_t>(command));
  if (takes_attributes) {
    writer.int_lenenc(0);  // parameter_count
    writer.int_lenenc(1);  // parameter_set_count
  }
  writer.text(argument);
  if (is_one_packet) {
    finish_packet(out, start);
  } else {
    append_packets(out, long_payload, 0);
  }
}

void append_com_set_option(Buffer& out, bool multi_statements) {
  const size_t start = begin_packet(out, 0);
  ByteWriter writer(out);
  writer.int1(static_cast<uint8_t>(Command::kSetOption));
  writer.int2(multi_statements ? kMultiStatementsOn : kMultiStatementsOff);
  finish_packet(out, start);
}

}  // namespace causeway::protocol
