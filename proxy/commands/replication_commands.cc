#include "proxy/commands/replication_commands.h"

#include "protocol/com_binlog_dump.h"
#include "protocol/com_register_slave.h"
#include "protocol/packet_header.h"
#include "proxy/accounts/client_error.h"
#include "proxy/session/local_answers.h"
#include "proxy/session/session_end.h"
#include "proxy/statement/statement_run.h"
#include "routing/route_decision.h"
#include "routing/statement.h"

namespace causeway::proxy {
namespace {

constexpr routing::Decision kOnWriter{
    .action = routing::Action::kRun, .target = routing::Target::kWriter, .reason = "replication"};

Awaitable<RunOutcome> run_on_source(ClientSession& session, std::span<uint8_t> wire,
                                    protocol::ResponseKind kind) {
  session.state.replication.is_one = true;
  routing::Statement statement;
  statement.cls = routing::StatementClass::kAdmin;
  const ClientCommand command{.statement = &statement,
                              .packets = wire,
                              .kind = kind,
                              .place = {.sequence_id = protocol::count_packets(wire)},
                              .auxiliary = true};
  const RunOutcome outcome = co_await run_statement(session, command, kOnWriter);
  co_return outcome;
}

}  // namespace

Awaitable<bool> register_replica(ClientSession& session, protocol::Bytes payload, std::span<uint8_t> wire) {
  if (!protocol::parse_com_register_slave(payload)) {
    const ClientError error = malformed_packet();
    co_return co_await answer_error(session, 1, error);
  }
  const RunOutcome outcome = co_await run_on_source(session, wire, protocol::ResponseKind::kOk);
  co_return !outcome.close;
}

Awaitable<bool> dump_binlog(ClientSession& session, protocol::Bytes payload, std::span<uint8_t> wire) {
  const auto dump = protocol::parse_binlog_dump(payload);
  const bool by_gtid =
      dump && (dump->kind == protocol::BinlogDump::Kind::kGtid || session.state.replication.by_gtid);
  if (!by_gtid) {
    const ClientError error = dump ? replication_by_position() : malformed_packet();
    co_return co_await answer_error(session, 1, error);
  }
  co_await run_on_source(session, wire, protocol::ResponseKind::kBinlogDump);
  session.end.because(EndReason::kStreamEnded);
  co_return false;
}

}  // namespace causeway::proxy
