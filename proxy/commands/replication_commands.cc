#include "proxy/commands/replication_commands.h"

#include <chrono>

#include "protocol/com_binlog_dump.h"
#include "protocol/com_register_slave.h"
#include "protocol/packet_header.h"
#include "proxy/accounts/client_error.h"
#include "proxy/backend/shard.h"
#include "proxy/commands/dump_coordinates.h"
#include "proxy/commands/log_source.h"
#include "proxy/replication/stream_recorder.h"
#include "proxy/session/local_answers.h"
#include "proxy/session/session_end.h"
#include "proxy/statement/log_attachment.h"
#include "proxy/statement/statement_run.h"
#include "routing/statement.h"

namespace causeway::proxy {
namespace {

Awaitable<RunOutcome> run_on_source(ClientSession& session, protocol::Bytes wire,
                                    const StreamReader* reads_log, StreamRecorder* recorder = nullptr) {
  session.state.replication.is_one = true;
  routing::Statement statement;
  statement.cls = routing::StatementClass::kAdmin;
  const ClientCommand command{.statement = &statement,
                              .packets = wire,
                              .kind = protocol::ResponseKind::kOk,
                              .place = {.sequence_id = protocol::count_packets(wire)},
                              .reads_log = reads_log,
                              .recorder = recorder,
                              .auxiliary = true};
  const routing::Decision on_source = on_log_source(session);
  const RunOutcome outcome = co_await run_statement(session, command, on_source);
  co_return outcome;
}

StreamReader reader_of(const ClientSession& session, const protocol::BinlogDump& dump) {
  const bool by_gtid = dump.kind == protocol::BinlogDump::Kind::kGtid || session.state.replication.by_gtid;
  return {.server_id = dump.server_id,
          .uuid = session.state.replication.uuid,
          .user = session.identity.user,
          .host = session.client.host,
          .port = session.client.port,
          .session = session.id,
          .mode = by_gtid ? StreamMode::kGtid : StreamMode::kPosition,
          .registered = session.state.replication.registered,
          .until_end = !dump.waits_for_more(),
          .since = std::chrono::system_clock::now()};
}

// By a replica nothing but the address of its source is shown of an error at which it tries again.
void tell_of_refusal(ClientSession& session, const protocol::BinlogDump& dump, const ClientError& error) {
  session.shard.logger().warning("a client that reads the log is refused",
                                 {{"session", std::to_string(session.id)},
                                  {"user", session.identity.user},
                                  {"server_id", dump.server_id},
                                  {"reason", error.message}});
}

// False: the session ends.
Awaitable<bool> dump_from_position(ClientSession& session, protocol::BinlogDump dump,
                                   const StreamReader& reader) {
  const HeldSource source = co_await hold_source(session);
  if (source.refusal) {
    tell_of_refusal(session, dump, *source.refusal);
    co_return co_await answer_error(session, 1, *source.refusal);
  }
  ResolvedDump resolved = co_await resolve_dump(session, source.node, dump);
  if (resolved.refusal) {
    tell_of_refusal(session, dump, *resolved.refusal);
    co_return co_await answer_error(session, 1, *resolved.refusal);
  }
  dump.file = resolved.from.file;
  dump.position = resolved.from.position;
  protocol::Buffer payload;
  if (!protocol::append_binlog_dump(payload, dump)) {
    const ClientError error = position_too_far(dump.position);
    co_return co_await answer_error(session, 1, error);
  }
  protocol::Buffer wire;
  protocol::append_packets(wire, payload, 0);
  StreamRecorder recorder(session.shard.services().log_readers.ledger,
                          {.user = session.identity.user, .server_id = dump.server_id},
                          std::move(resolved.stream));
  co_await run_on_source(session, wire, &reader, &recorder);
  session.end.because(EndReason::kStreamEnded);
  co_return false;
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
  if (!dump) {
    const ClientError error = malformed_packet();
    co_return co_await answer_error(session, 1, error);
  }
  if (dump->kind == protocol::BinlogDump::Kind::kGtid && session.state.lex_mode.mariadb) {
    const ClientError error = unknown_command();
    co_return co_await answer_error(session, 1, error);
  }
  const StreamReader reader = reader_of(session, *dump);
  if (const auto refusal = refuse_reader(session.shard, reader)) {
    co_return co_await answer_error(session, 1, *refusal);
  }
  if (reader.mode == StreamMode::kPosition) {
    const bool goes_on = co_await dump_from_position(session, *dump, reader);
    co_return goes_on;
  }
  if (session.state.replication.from_replica) {
    const HeldSource source = co_await hold_source(session);
    if (source.refusal) {
      tell_of_refusal(session, *dump, *source.refusal);
      co_return co_await answer_error(session, 1, *source.refusal);
    }
  }
  co_await run_on_source(session, wire, &reader);
  session.end.because(EndReason::kStreamEnded);
  co_return false;
}

}  // namespace causeway::proxy
