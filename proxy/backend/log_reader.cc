#include "proxy/backend/log_reader.h"

#include <charconv>
#include <memory>
#include <optional>
#include <span>
#include <utility>

#include "protocol/com_binlog_dump.h"
#include "protocol/command.h"
#include "protocol/err_packet.h"
#include "proxy/backend/backend_connector.h"
#include "proxy/backend/shard.h"
#include "proxy/net/response_buffer.h"

namespace causeway::proxy {
namespace {

// What a replica says of itself before it asks for the log: that it knows checksums, and MariaDB's GTIDs.
// Each server looks at its own and takes the others for variables of a user's.
constexpr std::string_view kIntroduction =
    "SET @source_binlog_checksum = 'NONE', @master_binlog_checksum = 'NONE', @mariadb_slave_capability = 4";

AskFailure failed(std::string reason) {
  AskFailure failure;
  failure.reason = std::move(reason);
  return failure;
}

AskFailure not_connected(ConnectResult opened) {
  AskFailure failure = failed(std::move(opened.reason));
  if (opened.refusal) {
    failure.refusal = protocol::BackendFailure{.reason = protocol::BackendFailure::Reason::kRefused,
                                               .code = opened.refusal->code,
                                               .sqlstate = opened.refusal->sql_state,
                                               .message = opened.refusal->message};
    failure.answered = true;
  }
  return failure;
}

// Without a server id of ours no server takes it for a replica that comes back.
protocol::Buffer dump_command(std::string_view file, uint64_t position,
                              protocol::CapabilityFlags capabilities) {
  const protocol::BinlogDump dump{
      .flags = protocol::binlog_dump_flag::kNonBlock, .file = file, .position = position};
  protocol::Buffer payload;
  protocol::Buffer command;
  if (!protocol::append_binlog_dump(payload, dump)) return command;
  const std::string_view argument = protocol::as_text(protocol::Bytes(payload).subspan(1));
  protocol::append_command(command, protocol::Command::kBinlogDump, argument, capabilities);
  return command;
}

// What the scanner has found at the front of the buffer. Nothing: more has to come.
std::optional<Answer<void>> read_step(protocol::BinlogStreamScanner& scanner, ResponseBuffer& buffer,
                                      const TakeEvent& take) {
  for (;;) {
    const protocol::BinlogScanStep step = scanner.scan(buffer.unread());
    switch (step.event) {
      case protocol::BinlogScanEvent::kNeedMore:
        buffer.consume(step.pass_bytes);
        return std::nullopt;
      case protocol::BinlogScanEvent::kBoundary:
        buffer.consume(step.pass_bytes);
        if (scanner.state().events > 0 && !take(scanner.state())) return Answer<void>();
        break;
      case protocol::BinlogScanEvent::kAckWanted:
        buffer.consume(step.pass_bytes);
        break;
      case protocol::BinlogScanEvent::kEof:
        return Answer<void>();
      case protocol::BinlogScanEvent::kErr: {
        AskFailure refusal;
        refusal.refusal = protocol::BackendAuthExchange::refusal(step.packet_payload);
        refusal.reason = refusal.refusal->message;
        refusal.answered = true;
        return Answer<void>(std::move(refusal));
      }
      case protocol::BinlogScanEvent::kMalformed:
        return Answer<void>(failed("malformed event of the server"));
    }
  }
}

Awaitable<Answer<void>> read_events(BackendConnection& connection, Shard& shard, const TakeEvent& take) {
  protocol::BinlogStreamScanner scanner(false);
  scanner.stop_at(protocol::BinlogStop::kEvents);
  ResponseBuffer buffer(shard.buffers());
  for (;;) {
    std::optional<Answer<void>> ended = read_step(scanner, buffer, take);
    if (ended) co_return std::move(*ended);
    ErrorCode error;
    const std::span<uint8_t> room = buffer.room();
    const size_t got = co_await connection.stream.read_some(room, error);
    if (got == 0)
      co_return failed(error ? error.message() : std::string("the server has closed the connection"));
    buffer.added(got);
  }
}

Awaitable<Answer<void>> dump(BackendConnection& connection, Shard& shard, const protocol::Buffer& command,
                             const TakeEvent& take) {
  const Answer<AskedOk> introduced = co_await ask_ok(connection, kIntroduction);
  if (!introduced) co_return introduced.error();
  const Answer<void> sent = co_await send_commands(connection, command);
  if (!sent) co_return sent.error();
  Answer<void> read = co_await read_events(connection, shard, take);
  co_return read;
}

}  // namespace

Awaitable<Answer<void>> read_log(LogReader reader, std::string_view file, uint64_t position,
                                 const TakeEvent& take) {
  const AccountLogin login = login_beside(reader.login);
  if (login.credentials == nullptr) co_return failed("the account's password is not known");
  ConnectResult opened =
      co_await connect_backend(reader.shard, reader.node, login.key, *login.credentials, reader.in_flight);
  reader.in_flight = nullptr;
  if (!opened.connection) co_return not_connected(std::move(opened));
  BackendConnection& connection = *opened.connection;
  const InFlightScope in_flight(reader.in_flight, connection);
  const protocol::Buffer command = dump_command(file, position, connection.capabilities);
  if (command.empty()) co_return failed("a position beyond 4 GiB");
  Answer<void> read = co_await dump(connection, reader.shard, command, take);
  if (!read && reader.waiter.timed_out) co_return failed("timeout");
  co_return read;
}

Awaitable<Answer<std::vector<LogFile>>> list_log_files(LogReader reader) {
  const auto key =
      std::make_shared<const PoolKey>(PoolKey{.user = reader.shard.config().monitor.user,
                                              .capabilities = protocol::capability::kDeprecateEof,
                                              .collation = 45,
                                              .credentials_version = 0});
  const MonitorAccount::CredentialsPtr credentials = reader.shard.services().monitor_account->credentials();
  ConnectResult opened =
      co_await connect_backend(reader.shard, reader.node, key, *credentials, reader.in_flight);
  reader.in_flight = nullptr;
  if (!opened.connection) co_return not_connected(std::move(opened));
  const InFlightScope in_flight(reader.in_flight, *opened.connection);
  std::vector<LogFile> files;
  const TakeRow take = [&](std::span<const protocol::TextValue> row) {
    if (row.size() < 2 || !row[0] || !row[1]) return;
    LogFile file{.name = std::string(*row[0])};
    std::from_chars(row[1]->data(), row[1]->data() + row[1]->size(), file.bytes);
    files.push_back(std::move(file));
  };
  const Answer<void> asked = co_await ask_rows(*opened.connection, "SHOW BINARY LOGS", {}, take);
  if (!asked) co_return asked.error();
  opened.connection->say_goodbye();
  co_return files;
}

}  // namespace causeway::proxy
