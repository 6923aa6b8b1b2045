// The small commands about prepared statements, and the answer to COM_STMT_PREPARE. COM_STMT_EXECUTE is in
// com_stmt_execute.h. All payloads here begin with their first byte (the command, or the answer's status),
// which the caller has looked at.
// https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_command_phase_ps.html
// https://mariadb.com/kb/en/2-binary-protocol-prepared-statements/
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "protocol/binary_value.h"
#include "protocol/byte_reader.h"
#include "protocol/byte_writer.h"
#include "protocol/capability_flags.h"
#include "protocol/command.h"
#include "protocol/protocol_error.h"

namespace causeway::protocol {

// MariaDB: stands for the statement that was prepared last on the connection, in every command. Connector/C
// sends it when it executes in the same write as it prepares (mariadb_stmt_execute_direct).
inline constexpr uint32_t kMariadbLastStatementId = 0xffffffff;

// The statement id of any COM_STMT_* command but COM_STMT_PREPARE: what it is about is looked up first,
// because the rest of an execute cannot be read without.
Result<uint32_t> parse_statement_id(Bytes payload);

// Writes another statement id into such a command, or into the answer to COM_STMT_PREPARE: it is in the same
// place. The payload must be one that has been parsed.
void set_statement_id(std::span<uint8_t> payload, uint32_t statement_id);

// Appends the payload of a command that is nothing but a statement id: COM_STMT_CLOSE, COM_STMT_RESET.
void append_statement_command(Buffer& out, Command command, uint32_t statement_id);

// The first packet of a successful answer to COM_STMT_PREPARE.
// https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_com_stmt_prepare.html
struct StmtPrepareOk {
  uint32_t statement_id = 0;
  uint16_t columns = 0;
  uint16_t parameters = 0;
  uint16_t warnings = 0;
  // Whether the definitions of columns and parameters follow: with CLIENT_OPTIONAL_RESULTSET_METADATA as the
  // server says, else always.
  bool metadata_follows = true;

  friend bool operator==(const StmtPrepareOk&, const StmtPrepareOk&) = default;
};

// `capabilities` are those negotiated with the server.
Result<StmtPrepareOk> parse_stmt_prepare_ok(Bytes payload, CapabilityFlags capabilities);

// Appends the payload. `capabilities` are those negotiated with the client.
void append_stmt_prepare_ok(Buffer& out, const StmtPrepareOk& ok, CapabilityFlags capabilities);

// A piece of a parameter's value, ahead of the execute; there is no answer to it.
// https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_com_stmt_send_long_data.html
struct ComStmtSendLongData {
  uint32_t statement_id = 0;
  uint16_t parameter = 0;
  Bytes data = {};
};
Result<ComStmtSendLongData> parse_com_stmt_send_long_data(Bytes payload);
void append_com_stmt_send_long_data(Buffer& out, const ComStmtSendLongData& long_data);

// https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_com_stmt_fetch.html
struct ComStmtFetch {
  uint32_t statement_id = 0;
  uint32_t rows = 0;

  friend bool operator==(const ComStmtFetch&, const ComStmtFetch&) = default;
};
Result<ComStmtFetch> parse_com_stmt_fetch(Bytes payload);

// MariaDB: executes a statement once for each row of parameters.
// https://mariadb.com/kb/en/com_stmt_bulk_execute/
struct ComStmtBulkExecute {
  static constexpr uint16_t kUnitResults = 64;
  static constexpr uint16_t kTypesFollow = 128;

  uint32_t statement_id = 0;
  uint16_t flags = 0;
  Bytes types = {};  // two bytes per parameter; empty if those of an execute before are meant
  Bytes rows = {};   // undecoded

  bool has_types() const { return (flags & kTypesFollow) != 0; }
};

// `parameters` is the statement's number of them.
Result<ComStmtBulkExecute> parse_com_stmt_bulk_execute(Bytes payload, size_t parameters);

// Keeps the types of a bulk execute for later ones without types; does nothing if it has none.
void remember_types(const ComStmtBulkExecute& execute, std::vector<ParameterType>& types);

// Appends the payload for a server connection on which the statement has another id, with the remembered
// types if the client did not send any.
void append_com_stmt_bulk_execute(Buffer& out, const ComStmtBulkExecute& execute, uint32_t statement_id,
                                  std::span<const ParameterType> remembered);

}  // namespace causeway::protocol
