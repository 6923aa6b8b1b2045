// What an exchange does about a prepared statement: its id, its types and its cursor on this connection.
#include "protocol/com_stmt.h"
#include "protocol/com_stmt_execute.h"
#include "protocol/packet_header.h"
#include "proxy/statement/exchange_run.h"

namespace causeway::proxy {

using protocol::Bytes;

void ExchangeRun::on_prepared(Bytes payload, PreparedStatement& statement) {
  const auto ok = protocol::parse_stmt_prepare_ok(payload, connection_.capabilities);
  if (!ok) return server_lost(make_error_code(protocol::ProtocolError::kUnexpectedPacket));
  const routing::Target target = session_.backends.target_of(connection_);
  PreparedThere& there = statement.there[PreparedStatements::side(target)];
  there.incarnation = connection_.prepared.incarnation;
  there.id = ok->statement_id;
  there.knows_types = false;
  ++connection_.prepared.count;
  session_.state.prepared.used(there, target);
  if (command_.prepare == nullptr) return;
  statement.parameters = ok->parameters;
  statement.columns = ok->columns;
}

// The schema that the statement was prepared in first.
const std::string& ExchangeRun::former_schema() const {
  return command_.prepared != nullptr ? command_.prepared->statement->context.schema
                                      : command_.text_execute->context.schema;
}

void ExchangeRun::on_prepared_ahead(PrefixStep step, Bytes payload) {
  const bool wanted = step == PrefixStep::kPrepare && prepare_error_.empty();
  if (wanted) return on_prepared(payload, *command_.prepared->statement);
  // A stand-in, or what was to go ahead of it was refused: prepared it is, and in the wrong schema.
  const auto ok = protocol::parse_stmt_prepare_ok(payload, connection_.capabilities);
  if (!ok) return server_lost(make_error_code(protocol::ProtocolError::kUnexpectedPacket));
  connection_.prepared.to_close.push_back(ok->statement_id);
}

// The command's packets as this connection is to get them. A prepared statement is prepared there by now.
Bytes ExchangeRun::packets() {
  if (command_.prepared == nullptr) return command_.packets;
  const PreparedCommand& prepared = *command_.prepared;
  const routing::Target target = session_.backends.target_of(connection_);
  PreparedThere& there = prepared.statement->there[PreparedStatements::side(target)];
  session_.state.prepared.used(there, target);
  append_long_data_ahead(prepared, connection_, target, connection_.out);
  const protocol::ExecuteTarget execute_target{
      .statement_id = there.id, .capabilities = connection_.capabilities, .knows_types = there.knows_types};
  protocol::Buffer payload;
  if (prepared.execute != nullptr && !fits_unchanged(*prepared.execute, execute_target)) {
    // What cannot be read is left to the server to refuse.
    if (!append_com_stmt_execute(payload, *prepared.execute, execute_target)) payload.clear();
  } else if (prepared.bulk != nullptr && !prepared.bulk->has_types() && !there.knows_types) {
    append_com_stmt_bulk_execute(payload, *prepared.bulk, there.id, prepared.statement->types);
  }
  if (payload.empty()) {
    protocol::set_statement_id(prepared.wire.subspan(protocol::kPacketHeaderBytes), there.id);
    return prepared.wire;
  }
  session_.reused.command.clear();
  protocol::append_packets(session_.reused.command, payload, 0);
  return session_.reused.command;
}

void ExchangeRun::after_prepared_command() {
  PreparedStatement& statement = *command_.prepared->statement;
  const routing::Target target = session_.backends.target_of(connection_);
  const bool executed = command_.prepared->execute != nullptr || command_.prepared->bulk != nullptr;
  // An error may have come before the server took the types.
  if (executed) statement.there[PreparedStatements::side(target)].knows_types = !result_.is_error;
  if (result_.is_error) {
    if (executed) session_.state.prepared.set_cursor(statement, routing::Target::kNone);
    return;
  }
  const bool open = command_.kind != protocol::ResponseKind::kExecute &&
                    (connection_.state.status & protocol::status::kCursorExists) != 0 &&
                    (connection_.state.status & protocol::status::kLastRowSent) == 0;
  session_.state.prepared.set_cursor(statement, open ? target : routing::Target::kNone);
}

// The statement could be prepared elsewhere and not here: that is the answer to its execute.
Awaitable<void> ExchangeRun::refuse_execute() {
  if (hold_error(prepare_error_)) co_return;
  const auto sequence_id = command_.place.sequence_id;
  session_.client.answer.clear();
  protocol::append_packets(session_.client.answer, prepare_error_, sequence_id);
  ErrorCode error;
  result_.client_has_bytes = true;
  result_.is_error = true;
  result_.next_sequence_id = static_cast<uint8_t>(sequence_id + 1);
  session_.shard.metrics().statement_errors.add();
  co_await session_.client.stream.write_all(session_.client.answer, {}, error);
  end(error ? ExchangeOutcome::kClientLost : ExchangeOutcome::kRelayed);
}

}  // namespace causeway::proxy
