#include "proxy/commands/replication_commands.h"

#include <chrono>

#include "protocol/com_binlog_dump.h"
#include "protocol/com_register_slave.h"
#include "protocol/packet_header.h"
#include "proxy/accounts/client_error.h"
#include "proxy/session/local_answers.h"
#include "proxy/session/session_end.h"
#include "proxy/statement/log_attachment.h"
#include "proxy/statement/statement_run.h"
#include "routing/route_decision.h"
#include "routing/statement.h"

namespace causeway::proxy {
namespace {

constexpr routing::Decision kOnWriter{
    .action = routing::Action::kRun, .target = routing::Target::kWriter, .reason = "replication"};

Awaitable<RunOutcome> run_on_source(ClientSession& session, std::span<uint8_t> wire,
                                    const StreamReader* reads_log) {
  session.state.replication.is_one = true;
  routing::Statement statement;
  statement.cls = routing::StatementClass::kAdmin;
  const ClientCommand command{.statement = &statement,
                              .packets = wire,
                              .kind = protocol::ResponseKind::kOk,
                              .place = {.sequence_id = protocol::count_packets(wire)},
                              .reads_log = reads_log,
                              .auxiliary = true};
  const RunOutcome outcome = co_await run_statement(session, command, kOnWriter);
  co_return outcome;
}

StreamReader reader_of(const ClientSession& session, const protocol::BinlogDump& dump) {
  return {.server_id = dump.server_id,
          .uuid = session.state.replication.uuid,
          .user = session.identity.user,
          .host = session.client.host,
          .port = session.client.port,
          .session = session.id,
          .mode = StreamMode::kGtid,
          .registered = session.state.replication.registered,
          .until_end = !dump.waits_for_more(),
          .since = std::chrono::system_clock::now()};
}

}  // namespace

Awaitable<bool> register_replica(ClientSession& session, protocol::Bytes payload, std::span<uint8_t> wire) {
  if (!protocol::parse_com_register_slave(payload)) {
    const ClientError error = malformed_packet();
    co_return co_await answer_error(session, 1, error);
  }
  const RunOutcome outcome = co_await run_on_source(session, wire, nullptr);
  session.state.replication.registered |= !outcome.close && !outcome.is_error;
  co_return !outcome.close;
}

Awaitable<bool> dump_binlog(ClientSession& session, protocol::Bytes payload, std::span<uint8_t> wire) {
  const auto dump = protocol::parse_binlog_dump(payload);
  const bool of_mysql = dump && dump->kind == protocol::BinlogDump::Kind::kGtid;
  if (of_mysql && session.state.lex_mode.mariadb) {
    const ClientError error = unknown_command();
    co_return co_await answer_error(session, 1, error);
  }
  const bool by_gtid = of_mysql || (dump && session.state.replication.by_gtid);
  if (!by_gtid) {
    const ClientError error = dump ? replication_by_position() : malformed_packet();
    co_return co_await answer_error(session, 1, error);
  }
  const StreamReader reader = reader_of(session, *dump);
  if (const auto refusal = refuse_reader(session.shard, reader)) {
    const ClientError error = *refusal;
    co_return co_await answer_error(session, 1, error);
  }
  co_await run_on_source(session, wire, &reader);
  session.end.because(EndReason::kStreamEnded);
  co_return false;
}

}  // namespace causeway::proxy
