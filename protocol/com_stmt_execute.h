// COM_STMT_EXECUTE: reading what a client sent, and writing it for another server connection.
// https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_com_stmt_execute.html
// https://mariadb.com/kb/en/com_stmt_execute/
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "protocol/com_stmt.h"

namespace causeway::protocol {

// More parameters than this, with the attributes, are kMalformed: MySQL's own bound.
inline constexpr size_t kMaxExecuteParameters = 65535;

// What must be known of a statement to read an execute of it. Views: keep what they point to.
struct StatementParameters {
  size_t count = 0;  // as the answer to COM_STMT_PREPARE said
  // Those of the last execute that had any (remember_types()); empty if there was none.
  std::span<const ParameterType> types = {};
  // One bit per parameter, in the manner of a NULL bitmap: COM_STMT_SEND_LONG_DATA has given its value, which
  // is therefore not in the packet. What is behind the end is not set. An execute uses the long data up, and
  // COM_STMT_RESET drops it (MySQL keeps it when the execute is malformed, MariaDB does not).
  Bytes long_data = {};
};

// Sets a bit of a bitmap as above, which grows as needed (8 KiB at the most).
void mark_long_data(Buffer& bitmap, uint16_t parameter);

// A parameter of the statement, or a query attribute.
struct ExecuteParameter {
  std::string_view name =
      {};  // with CLIENT_QUERY_ATTRIBUTES; that of a statement's parameter is mostly empty
  ParameterType type = {};
  bool is_long_data = false;  // the value is not here, whatever the NULL bitmap says
  bool is_null = false;       // not set with is_long_data
  Bytes value = {};           // as read_binary_value() gives it

  // The value if it is here and a string.
  std::optional<std::string_view> text() const;
};

// A parsed execute. Views point into the payload and into the StatementParameters.
struct ComStmtExecute {
  static constexpr uint8_t kCursorTypes = 0x07;  // of the flags: other than 0 if a cursor is asked for
  static constexpr uint8_t kParameterCountAvailable = 0x08;

  uint32_t statement_id = 0;
  uint8_t flags = 0;
  uint32_t iterations = 0;
  StatementParameters statement = {};
  size_t parameter_count = 0;  // the statement's, then the query attributes
  bool has_section = false;    // there is anything behind `iterations` that the server reads
  bool has_names = false;      // the types have names, and before them stands how many they are
  bool has_types = false;      // new_params_bind_flag
  Bytes null_bitmap = {};
  Bytes types = {};
  Bytes values = {};  // and whatever the client sent behind them, at which servers do not look

  bool asks_for_cursor() const { return (flags & kCursorTypes) != 0; }
  size_t attribute_count() const { return parameter_count - std::min(parameter_count, statement.count); }

  // Nothing if there is no such parameter, or it cannot be read: it ends behind the packet, or its type is
  // neither here nor remembered. The cost is that of the parameters before it.
  std::optional<ExecuteParameter> parameter(size_t index) const;

  // The value of the first parameter with this name (compared as bytes) if it is here and a string. As for
  // mysql_query_attribute_string(), that may be a parameter of the statement, if the client has named it.
  std::optional<std::string_view> attribute(std::string_view name) const;
};

// `capabilities` are those negotiated with the client. There is a section of parameters if the statement has
// parameters, or if CLIENT_QUERY_ATTRIBUTES is negotiated and PARAMETER_COUNT_AVAILABLE is set. With
// CLIENT_QUERY_ATTRIBUTES it begins with the number of parameters and attributes together, whether or not
// PARAMETER_COUNT_AVAILABLE is set. Fewer than the statement has are kMalformed (MySQL: error 1210). Values
// are not looked at. All of this as MySQL 9.7 does.
Result<ComStmtExecute> parse_com_stmt_execute(Bytes payload, const StatementParameters& statement,
                                              CapabilityFlags capabilities);

// Iterates over the parameters, the statement's first. Stops at the end, or with !ok() at one that cannot be
// read.
class ExecuteParameterReader {
 public:
  explicit ExecuteParameterReader(const ComStmtExecute& execute);

  std::optional<ExecuteParameter> next();

  bool ok() const { return types_.ok() && values_.ok(); }
  size_t values_position() const { return values_.position(); }

 private:
  std::optional<ParameterType> next_type(ExecuteParameter& parameter);

  const ComStmtExecute& execute_;
  size_t index_ = 0;
  ByteReader types_;
  ByteReader values_;
};

// Keeps the types of the statement's parameters for executes without types; does nothing if this is one.
void remember_types(const ComStmtExecute& execute, std::vector<ParameterType>& types);

// The server connection for which an execute is written.
struct ExecuteTarget {
  uint32_t statement_id = 0;
  CapabilityFlags capabilities = 0;  // those negotiated with the server
  // The server has seen the types that this execute relies upon. False after the statement was prepared there
  // and not yet executed, and after it was executed with other types elsewhere.
  bool knows_types = false;
};

// Whether the client's own bytes do, with another statement id (set_statement_id()).
bool fits_unchanged(const ComStmtExecute& execute, const ExecuteTarget& target);

// Appends the whole payload: with the remembered types if the client sent none and the server does not know
// them (if none are remembered either, as the client sent it: the server will answer as it would to the
// client), and without query attributes if the server cannot take them. Fails with kMalformed, and appends
// nothing, if values must be read for that and cannot be.
Result<void> append_com_stmt_execute(Buffer& out, const ComStmtExecute& execute, const ExecuteTarget& target);

}  // namespace causeway::protocol
