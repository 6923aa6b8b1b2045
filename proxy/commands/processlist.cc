#include "proxy/commands/processlist.h"

#include <absl/strings/escaping.h>

#include <algorithm>
#include <array>
#include <boost/asio/co_spawn.hpp>
#include <chrono>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "protocol/text.h"
#include "protocol/text_resultset.h"
#include "proxy/backend/shard.h"
#include "proxy/commands/dispatch.h"
#include "proxy/commands/session_rights.h"
#include "proxy/session/local_answers.h"
#include "proxy/session/session_directory.h"

namespace causeway::proxy {
namespace {

using protocol::Command;
using protocol::FieldType;
using protocol::TextColumn;
using protocol::TextValue;

constexpr size_t kMaxInfoBytes = 100;
constexpr size_t kMaxFullInfoBytes = size_t{16} << 10;
constexpr size_t kMaxSelectedInfoBytes = 1024;
constexpr size_t kMaxSelected = 2000;

struct Process {
  uint32_t id = 0;
  std::string user;
  std::string host;
  std::string schema;  // empty: none
  std::string_view command;
  std::chrono::seconds time{0};
  std::string state;
  std::string info;  // empty: none
  bool forwarded = false;
  std::string replica;  // where the session reads; empty: nowhere yet
};

struct ProcessFilter {
  std::string user;
  bool see_all = false;
  size_t max_info_bytes = kMaxInfoBytes;
};

// As the servers' lists name them.
std::string_view shown_command(Command command) {
  switch (command) {
    case Command::kSleep:
      return "Sleep";
    case Command::kConnect:
      return "Connect";
    case Command::kInitDb:
      return "Init DB";
    case Command::kFieldList:
      return "Field List";
    case Command::kStatistics:
      return "Statistics";
    case Command::kProcessInfo:
      return "Processlist";
    case Command::kProcessKill:
      return "Kill";
    case Command::kDebug:
      return "Debug";
    case Command::kPing:
      return "Ping";
    case Command::kChangeUser:
      return "Change user";
    case Command::kStmtPrepare:
      return "Prepare";
    case Command::kStmtExecute:
      return "Execute";
    case Command::kStmtSendLongData:
      return "Long Data";
    case Command::kStmtClose:
      return "Close stmt";
    case Command::kStmtReset:
      return "Reset stmt";
    case Command::kStmtFetch:
      return "Fetch";
    case Command::kSetOption:
      return "Set option";
    case Command::kRegisterSlave:
      return "Register Slave";
    case Command::kBinlogDump:
      return "Binlog Dump";
    case Command::kBinlogDumpGtid:
      return "Binlog Dump GTID";
    case Command::kResetConnection:
      return "Reset Connection";
    case Command::kMariadbStmtBulkExecute:
      return "Bulk_execute";
    default:
      return "Query";
  }
}

std::string shown_host(const ClientSession& session) {
  return session.client.port == 0 ? session.client.host
                                  : session.client.host + ":" + std::to_string(session.client.port);
}

std::string shown_state(const ClientSession& session) {
  if (session.activity.command == Command::kConnect) return "login";
  if (session.activity.command == Command::kSleep) return {};
  if (session.backends.in_flight == nullptr) return "executing";
  const ClusterView& view = session.shard.cluster().view();
  const bool streams = session.backends.stream.is_on;
  return (streams ? "sending the binary log of " : "executing on ") +
         view.nodes[session.backends.in_flight->node].name;
}

bool is_forwarded(const ClientSession& session) {
  if (session.state.level == consistency::ReadConsistency::kOff || !session.backends.writer) return false;
  return session.backends.in_flight == session.backends.writer.connection ||
         session.state.transaction.is_on(routing::Target::kWriter) ||
         session.state.pins.whole_session_on(routing::Target::kWriter);
}

Process process_of(const ClientSession& session, size_t max_info_bytes) {
  const bool logs_in = session.activity.command == Command::kConnect;
  Process process;
  process.id = session.id;
  process.user = logs_in ? "unauthenticated user" : session.identity.user;
  process.host = shown_host(session);
  process.schema = session.state.schema;
  process.command = shown_command(session.activity.command);
  process.time = std::chrono::duration_cast<std::chrono::seconds>(session.shard.cluster().tick() -
                                                                  session.activity.since);
  process.state = shown_state(session);
  process.info = protocol::cut_utf8(session.activity.statement_text, max_info_bytes);
  process.forwarded = is_forwarded(session);
  if (session.history.replica() != kNoNode)
    process.replica = session.shard.cluster().view().nodes[session.history.replica()].name;
  return process;
}

std::vector<Process> processes_of(const WorkerSessions& sessions, const ProcessFilter& filter) {
  std::vector<Process> processes;
  for (const ClientSession& session : sessions.list()) {
    const bool is_own = session.identity.user == filter.user && session.activity.command != Command::kConnect;
    if (filter.see_all || is_own) processes.push_back(process_of(session, filter.max_info_bytes));
  }
  return processes;
}

Awaitable<std::vector<Process>> list_on_worker(const WorkerSessions& sessions, ProcessFilter filter) {
  co_return processes_of(sessions, filter);
}

// Each worker looks at its own sessions.
Awaitable<std::vector<Process>> all_processes(ClientSession& session, ProcessFilter filter) {
  std::vector<Process> all;
  for (WorkerSessions* worker : session.shard.services().sessions->workers()) {
    std::vector<Process> some;
    if (&worker->shard() == &session.shard) {
      some = processes_of(*worker, filter);
    } else {
      some = co_await asio::co_spawn(worker->shard().io(), list_on_worker(*worker, filter),
                                     asio::use_awaitable_t<Executor>{});
    }
    std::ranges::move(some, std::back_inserter(all));
  }
  std::ranges::sort(all, {}, &Process::id);
  co_return all;
}

// The same in every character set of a client and every sql_mode. What is no UTF-8 becomes question marks.
void append_literal(std::string& sql, std::string_view text) {
  if (text.empty()) {
    sql += "NULL";
    return;
  }
  sql.append("CONVERT(0x").append(absl::BytesToHexString(absl::string_view(text.data(), text.size())));
  sql += " USING utf8mb4)";
}

// The first row of a SELECT names its columns.
void append_select(std::string& sql, const Process& process) {
  const bool names = sql.empty();
  sql += names ? "SELECT " : " UNION ALL SELECT ";
  const auto end_column = [&](std::string_view name, bool last = false) {
    if (names) sql.append(" AS ").append(name);
    if (!last) sql += ", ";
  };
  const auto text = [&](std::string_view name, std::string_view value) {
    append_literal(sql, value);
    end_column(name);
  };
  const std::string id = std::to_string(process.id);
  sql += id;
  end_column("ID");
  text("USER", process.user);
  text("HOST", process.host);
  text("DB", process.schema);
  text("COMMAND", process.command);
  sql += std::to_string(process.time.count());
  end_column("TIME");
  text("STATE", process.state);
  text("INFO", process.info);
  sql += process.forwarded ? "1" : "0";
  end_column("IS_FORWARDED");
  sql += process.forwarded ? id : "NULL";
  end_column("REPLICA_SESSION_ID");
  text("REPLICA_INSTANCE_IDENTIFIER", process.replica);
  text("REPLICA_CLUSTER_NAME", {});
  sql += "NULL";
  end_column("REPLICA_REGION", true);
}

constexpr uint16_t kNotNull = 0x1;
constexpr uint16_t kBinary = 0x80;
constexpr size_t kColumns = 8;
using Columns = std::array<TextColumn, kColumns + 1>;  // MariaDB's Progress comes last

constexpr TextColumn number(std::string_view name, FieldType type, uint32_t digits, uint8_t decimals = 0) {
  return {.name = name,
          .type = type,
          .collation = protocol::kBinaryCollation,
          .max_bytes = digits,
          .flags = kNotNull | kBinary,
          .decimals = decimals};
}

// As MySQL 9.7 and MariaDB 10.11 describe their own to a client of utf8mb4.
Columns columns_of(ServerFlavor flavor, bool full) {
  const bool mysql = flavor == ServerFlavor::kMysql;
  const uint8_t no_decimals = mysql ? 31 : 39;
  const auto text = [&](std::string_view name, uint32_t max_bytes, uint16_t flags) {
    return TextColumn{.name = name, .max_bytes = max_bytes, .flags = flags, .decimals = no_decimals};
  };
  Columns columns = {number("Id", FieldType::kLongLong, mysql ? 22 : 11),
                     text("User", mysql ? 128 : 512, kNotNull),
                     text("Host", mysql ? 1020 : 256, kNotNull),
                     text("db", 256, 0),
                     text("Command", 64, kNotNull),
                     number("Time", FieldType::kLong, mysql ? 8 : 7),
                     text("State", 120, 0),
                     text("Info", 400, 0),
                     number("Progress", FieldType::kDouble, 7, 3)};
  if (full) {
    columns[7].type = FieldType::kLongBlob;
    columns[7].max_bytes = mysql ? 0x30000000 : 0x0c000000;
  }
  return columns;
}

TextValue null_if_empty(std::string_view text) {
  return text.empty() ? TextValue() : TextValue(text);
}

void append_row(protocol::TextResultSetWriter& writer, std::span<const TextColumn> columns, bool binary,
                const Process& process) {
  const std::string id = std::to_string(process.id);
  const std::string time = std::to_string(process.time.count());
  const std::array<TextValue, kColumns + 1> values = {id,
                                                      process.user,
                                                      process.host,
                                                      null_if_empty(process.schema),
                                                      process.command,
                                                      time,
                                                      process.state,
                                                      null_if_empty(process.info),
                                                      "0.000"};
  const auto shown = std::span(values).first(columns.size());
  if (binary) {
    writer.binary_row(columns, shown);
  } else {
    writer.row(shown);
  }
}

Awaitable<bool> may_see_all(ClientSession& session) {
  if (rights_in_table(session).see_all) co_return true;
  const AccountRights rights = co_await rights_on_servers(session);
  co_return rights.see_all;
}

}  // namespace

Awaitable<RunOutcome> answer_processlist(ClientSession& session, const ClientCommand& command) {
  const routing::Statement& statement = *command.statement;
  session.shard.metrics().count(StatementTarget::kLocal, statement_kind(statement.cls));
  const bool see_all = co_await may_see_all(session);
  ProcessFilter filter{.user = session.identity.user,
                       .see_all = see_all,
                       .max_info_bytes = statement.shows.full ? kMaxFullInfoBytes : kMaxInfoBytes};
  const std::vector<Process> processes = co_await all_processes(session, std::move(filter));

  const ServerFlavor flavor = session.shard.cluster().view().flavor;
  const Columns all_columns = columns_of(flavor, statement.shows.full);
  const auto columns = std::span(all_columns).first(flavor == ServerFlavor::kMysql ? kColumns : kColumns + 1);
  protocol::StatusFlags flags = local_status(session.state);
  if (command.place.more_results_follow) flags |= protocol::status::kMoreResultsExist;
  const bool binary = command.prepared != nullptr;
  // Not the session's own buffer, which stays as large as it has ever been.
  protocol::Buffer answer;
  protocol::TextResultSetWriter writer(answer, session.client.capabilities, command.place.sequence_id);
  writer.columns(columns, flags);
  for (const Process& process : processes)
    append_row(writer, columns, binary, process);
  const uint8_t next_sequence_id = writer.finish(flags);
  ErrorCode error;
  session.shard.metrics().traffic.client_bytes_out.add(answer.size());
  co_await session.client.stream.write_all(answer, {}, error);
  session.state.last.local = {.kind = LocalAnswer::Kind::kProcesslist};
  co_return RunOutcome{.close = static_cast<bool>(error), .next_sequence_id = next_sequence_id};
}

Awaitable<std::string> forwarding_processlist(ClientSession& session) {
  const bool see_all = co_await may_see_all(session);
  ProcessFilter filter{
      .user = session.identity.user, .see_all = see_all, .max_info_bytes = kMaxSelectedInfoBytes};
  std::vector<Process> processes = co_await all_processes(session, std::move(filter));
  if (processes.size() > kMaxSelected) processes.resize(kMaxSelected);
  std::string sql;
  for (const Process& process : processes)
    append_select(sql, process);
  co_return sql;
}

}  // namespace causeway::proxy
