#include "proxy/commands/session_commands.h"

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "protocol/byte_reader.h"
#include "protocol/com_change_user.h"
#include "protocol/command.h"
#include "protocol/packet_header.h"
#include "proxy/backend/shard.h"
#include "proxy/commands/client_login.h"
#include "proxy/commands/query_commands.h"
#include "proxy/commands/replication_commands.h"
#include "proxy/commands/statement_commands.h"
#include "proxy/commands/statement_dispatch.h"
#include "proxy/session/local_answers.h"
#include "proxy/session/session_leases.h"
#include "proxy/session/session_tracking.h"
#include "proxy/statement/statement_run.h"
#include "routing/sql_lexer.h"

namespace causeway::proxy {
namespace {

using protocol::Bytes;
using protocol::Command;

// As on MariaDB.
constexpr int kMaxFailedChangesOfUser = 3;

// A read that is no SQL: COM_FIELD_LIST, COM_STATISTICS.
Awaitable<bool> run_read_command(ClientSession& session, Bytes wire, protocol::ResponseKind kind) {
  routing::Statement statement;
  statement.cls = routing::StatementClass::kRead;
  const ClientCommand command{.statement = &statement,
                              .packets = wire,
                              .kind = kind,
                              .place = {.sequence_id = protocol::count_packets(wire)}};
  routing::Decision decision = routing::decide(statement, session_view(session), {});
  decision.may_rerun_on_writer = false;
  const RunOutcome outcome = co_await run_statement(session, command, decision);
  co_return !outcome.close;
}

// Towards servers it takes effect with the next command there.
Awaitable<bool> set_option(ClientSession& session, Bytes payload) {
  protocol::ByteReader reader(payload.subspan(1));
  const uint16_t option = reader.int2();
  if (!reader.ok() || option > 1) return answer_error(session, 1, unknown_command());
  if (option == 0) {
    session.client.capabilities |= protocol::capability::kMultiStatements;
  } else {
    session.client.capabilities &= ~protocol::capability::kMultiStatements;
  }
  return answer_eof(session, 1);
}

Awaitable<bool> debug(ClientSession& session, Bytes wire) {
  routing::Statement statement;
  statement.cls = routing::StatementClass::kAdmin;
  const ClientCommand command{.statement = &statement,
                              .packets = wire,
                              .kind = protocol::ResponseKind::kOk,
                              .place = {.sequence_id = protocol::count_packets(wire)},
                              .auxiliary = true};
  const routing::Decision decision{
      .action = routing::Action::kRun, .target = routing::Target::kWriter, .reason = "COM_DEBUG"};
  const RunOutcome outcome = co_await run_statement(session, command, decision);
  co_return !outcome.close;
}

// Commands that a statement says as well.
Awaitable<bool> run_as_text(ClientSession& session, std::string sql) {
  protocol::Buffer wire;
  make_query_packet(session, sql, wire);
  const Bytes payload = Bytes(wire).subspan(protocol::kPacketHeaderBytes);
  const bool open = co_await run_query(session, payload, wire);
  co_return open;
}

Awaitable<bool> process_kill(ClientSession& session, Bytes payload) {
  protocol::ByteReader reader(payload.subspan(1));
  const uint32_t id = reader.int4();
  if (!reader.ok()) return answer_error(session, 1, malformed_packet());
  return run_as_text(session, "KILL " + std::to_string(id));
}

// COM_RESET_CONNECTION puts back the character sets of the server on MySQL (9.7), those of the handshake on
// MariaDB (10.11).
bool forgets_handshake_collation(const ClientSession& session) {
  return session.shard.cluster().view().flavor == ServerFlavor::kMysql;
}

// What the session has on servers is given up, and its state forgotten.
void forget_state(ClientSession& session) {
  give_back(session.shard, session.state, session.backends, CloseReason::kSessionReset);
  const uint8_t collation = forgets_handshake_collation(session) ? 0 : session.identity.login.key->collation;
  session.state = SessionState::fresh(session.state, session.shard.cluster().view(),
                                      *session.listener.read_consistency, collation);
}

Awaitable<bool> reset_connection(ClientSession& session) {
  forget_state(session);
  session.state.handshake_collation_forgotten = forgets_handshake_collation(session);
  return answer_ok(session, 1);
}

// MariaDB looks at the character set first: it counts although the user does not.
void take_collation(ClientSession& session, const protocol::ComChangeUser& change) {
  if (!change.collation) return;
  const uint8_t asked = *change.collation <= 0xff ? static_cast<uint8_t>(*change.collation) : uint8_t{0};
  PoolKey key = *session.identity.login.key;
  key.collation = routing::unusable_client_charset(asked).empty() ? asked : uint8_t{0};
  session.identity.login.key = std::make_shared<const PoolKey>(std::move(key));
}

// A failure ends the connection on MySQL. On MariaDB it goes on with the user of before, though its state is
// gone, and may try this a few times.
Awaitable<bool> change_user(ClientSession& session, Bytes payload) {
  const bool mariadb = session.shard.cluster().view().flavor == ServerFlavor::kMariadb;
  const auto change = protocol::parse_com_change_user(payload, session.client.capabilities);
  forget_state(session);
  if (!change || session.client.failed_changes_of_user >= kMaxFailedChangesOfUser) {
    session.state.handshake_collation_forgotten = true;
    const bool sent = co_await answer_error(session, 1, unknown_command());
    if (sent && !mariadb) session.end.because(EndReason::kUserNotChanged);
    const bool goes_on = sent && mariadb;
    co_return goes_on;
  }
  Identity before = session.identity;
  const protocol::CapabilityFlags capabilities = session.client.capabilities;
  std::string schema = std::exchange(session.state.schema, {});
  const std::optional<EndReason> refused = co_await log_in_again(session, *change);
  if (!refused) co_return true;
  if (!mariadb || session.waiter.timed_out || session.waiter.closing) {
    session.end.because(*refused);
    co_return false;
  }
  ++session.client.failed_changes_of_user;
  session.identity = std::move(before);
  session.client.capabilities = capabilities;
  session.state.schema = std::move(schema);
  take_collation(session, *change);
  co_return true;
}

}  // namespace

Awaitable<bool> run_command(ClientSession& session, Bytes payload, std::span<uint8_t> wire) {
  if (payload.empty()) return answer_error(session, 1, unknown_command());
  const auto command = static_cast<Command>(payload[0]);
  if (is_statement_command(command)) return run_statement_command(session, payload, wire);
  switch (command) {
    case Command::kQuery:
      return run_query(session, payload, wire);
    case Command::kPing:
      return answer_ok(session, 1);
    case Command::kResetConnection:
      return reset_connection(session);
    case Command::kChangeUser:
      return change_user(session, payload);
    case Command::kFieldList:
      return run_read_command(session, wire, protocol::ResponseKind::kFieldList);
    case Command::kStatistics:
      return run_read_command(session, wire, protocol::ResponseKind::kStatistics);
    case Command::kInitDb: {
      const auto init_db = [](ClientSession& s, Bytes packets) -> Awaitable<bool> {
        const InitDbOutcome outcome = co_await run_init_db(s, packets, protocol::count_packets(packets));
        co_return !outcome.close;
      };
      return init_db(session, wire);
    }
    case Command::kProcessInfo:
      return run_as_text(session, "SHOW PROCESSLIST");
    case Command::kProcessKill:
      return process_kill(session, payload);
    case Command::kSetOption:
      return set_option(session, payload);
    case Command::kDebug:
      return debug(session, wire);
    case Command::kShutdown:
    case Command::kRefresh:
      return answer_error(session, 1, command_not_supported(command_name(command)));
    case Command::kRegisterSlave:
      return register_replica(session, payload, wire);
    case Command::kBinlogDump:
    case Command::kBinlogDumpGtid:
      return dump_binlog(session, payload, wire);
    default:
      return answer_error(session, 1, unknown_command());
  }
}

}  // namespace causeway::proxy
