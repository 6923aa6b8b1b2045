#include "protocol/com_stmt.h"

namespace causeway::protocol {
namespace {

constexpr size_t kStatementIdOffset = 1;

// A reader behind the first byte.
ByteReader after_first_byte(Bytes payload) {
  ByteReader reader(payload);
  reader.skip(1);
  return reader;
}

}  // namespace

Result<uint32_t> parse_statement_id(Bytes payload) {
  ByteReader reader = after_first_byte(payload);
  const uint32_t statement_id = reader.int4();
  if (!reader.ok()) return ProtocolError::kTruncated;
  return statement_id;
}

void set_statement_id(std::span<uint8_t> payload, uint32_t statement_id) {
  for (size_t i = 0; i < sizeof statement_id; ++i)
    payload[kStatementIdOffset + i] = static_cast<uint8_t>(statement_id >> (8 * i));
}

void append_statement_command(Buffer& out, Command command, uint32_t statement_id) {
  ByteWriter writer(out);
  writer.int1(static_cast<uint8_t>(command));
  writer.int4(statement_id);
}

Result<StmtPrepareOk> parse_stmt_prepare_ok(Bytes payload, CapabilityFlags capabilities) {
  ByteReader reader(payload);
  const uint8_t status = reader.int1();
  if (reader.ok() && status != 0) return ProtocolError::kUnexpectedPacket;
  StmtPrepareOk ok;
  ok.statement_id = reader.int4();
  ok.columns = reader.int2();
  ok.parameters = reader.int2();
  reader.skip(1);
  ok.warnings = reader.int2();
  if (has(capabilities, capability::kOptionalResultsetMetadata)) ok.metadata_follows = reader.int1() != 0;
  if (!reader.ok()) return ProtocolError::kTruncated;
  if (!reader.at_end()) return ProtocolError::kTrailingBytes;
  return ok;
}

void append_stmt_prepare_ok(Buffer& out, const StmtPrepareOk& ok, CapabilityFlags capabilities) {
  ByteWriter writer(out);
  writer.int1(0);
  writer.int4(ok.statement_id);
  writer.int2(ok.columns);
  writer.int2(ok.parameters);
  writer.int1(0);
  writer.int2(ok.warnings);
  if (has(capabilities, capability::kOptionalResultsetMetadata)) writer.int1(ok.metadata_follows ? 1 : 0);
}

Result<ComStmtSendLongData> parse_com_stmt_send_long_data(Bytes payload) {
  ByteReader reader = after_first_byte(payload);
  ComStmtSendLongData long_data;
  long_data.statement_id = reader.int4();
  long_data.parameter = reader.int2();
  long_data.data = reader.bytes_eof();
  if (!reader.ok()) return ProtocolError::kTruncated;
  return long_data;
}

void append_com_stmt_send_long_data(Buffer& out, const ComStmtSendLongData& long_data) {
  append_statement_command(out, Command::kStmtSendLongData, long_data.statement_id);
  ByteWriter writer(out);
  writer.int2(long_data.parameter);
  writer.bytes(long_data.data);
}

Result<ComStmtFetch> parse_com_stmt_fetch(Bytes payload) {
  ByteReader reader = after_first_byte(payload);
  ComStmtFetch fetch;
  fetch.statement_id = reader.int4();
  fetch.rows = reader.int4();
  if (!reader.ok()) return ProtocolError::kTruncated;
  return fetch;
}

Result<ComStmtBulkExecute> parse_com_stmt_bulk_execute(Bytes payload, size_t parameters) {
  ByteReader reader = after_first_byte(payload);
  ComStmtBulkExecute execute;
  execute.statement_id = reader.int4();
  execute.flags = reader.int2();
  if (execute.has_types()) execute.types = reader.bytes(2 * parameters);
  execute.rows = reader.bytes_eof();
  if (!reader.ok()) return ProtocolError::kTruncated;
  return execute;
}

void remember_types(const ComStmtBulkExecute& execute, std::vector<ParameterType>& types) {
  if (!execute.has_types()) return;
  types.clear();
  for (ByteReader reader(execute.types); !reader.at_end();)
    types.push_back({reader.int2()});
}

void append_com_stmt_bulk_execute(Buffer& out, const ComStmtBulkExecute& execute, uint32_t statement_id,
                                  std::span<const ParameterType> remembered) {
  const bool insert_types = !execute.has_types() && !remembered.empty();
  const uint16_t added_flags = insert_types ? ComStmtBulkExecute::kTypesFollow : uint16_t{0};
  append_statement_command(out, Command::kMariadbStmtBulkExecute, statement_id);
  ByteWriter writer(out);
  writer.int2(execute.flags | added_flags);
  writer.bytes(execute.types);
  if (insert_types)
    for (const ParameterType type : remembered)
      writer.int2(type.wire);
  writer.bytes(execute.rows);
}

}  // namespace causeway::protocol
