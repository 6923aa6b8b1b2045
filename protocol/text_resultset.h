// Result sets that are made by the proxy itself, in the text protocol or the binary one, and reading the
// answers to its own small queries.
// https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_com_query_response_text_resultset.html
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "protocol/binary_value.h"
#include "protocol/byte_writer.h"
#include "protocol/capability_flags.h"
#include "protocol/protocol_error.h"
#include "protocol/status_flags.h"

namespace causeway::protocol {

// Collation ids of column definitions.
inline constexpr uint16_t kUtf8mb4GeneralCi = 45;
inline constexpr uint16_t kBinaryCollation = 63;

// What a definition says of a column; a column of no table.
// https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_com_query_response_text_resultset_column_definition.html
struct TextColumn {
  std::string_view name = {};
  FieldType type = FieldType::kVarString;
  uint16_t collation = kUtf8mb4GeneralCi;  // of numbers: kBinaryCollation
  uint32_t max_bytes = 0xffff;
  uint16_t flags = 0;
  uint8_t decimals = 31;  // of what has none: 0 for integers, 31 or more for texts
};

using TextValue = std::optional<std::string_view>;  // nullopt: NULL

// Appends a complete result set to a buffer that the caller owns and keeps alive:
//   TextResultSetWriter writer(out, capabilities, 1);
//   writer.columns(columns, status_flags);  writer.row(values) ...;  next = writer.finish(status_flags);
class TextResultSetWriter {
 public:
  // `capabilities` are those negotiated with the client, `sequence_id` that of the first packet.
  TextResultSetWriter(Buffer& out, CapabilityFlags capabilities, uint8_t sequence_id);

  // Once, first: column count, column definitions and, without CLIENT_DEPRECATE_EOF, their EOF packet. At
  // least one column.
  void columns(std::span<const TextColumn> columns, StatusFlags status_flags);

  // Any number of times: one value per column. A row of 16 MiB and more is split.
  void row(std::span<const TextValue> values);

  // Likewise in the binary protocol, as the answer to COM_STMT_EXECUTE has it. Values are given as text;
  // kLong, kLongLong and kDouble are written as numbers (zero for what is none), all others as they are.
  // https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_binary_resultset.html
  void binary_row(std::span<const TextColumn> columns, std::span<const TextValue> values);

  // Once, last. Returns the sequence id that follows.
  uint8_t finish(StatusFlags status_flags, uint16_t warnings = 0);

  uint8_t next_sequence_id() const { return sequence_id_; }

 private:
  Buffer& out_;
  CapabilityFlags capabilities_;
  uint8_t sequence_id_;
};

// Appends one column definition packet, as in a result set or behind a COM_STMT_PREPARE.
void append_column_definition(Buffer& out, const TextColumn& column, uint8_t sequence_id,
                              CapabilityFlags capabilities);

// Reads the payload of a row that must have exactly this many columns; the views point into it.
Result<std::vector<TextValue>> parse_text_row(Bytes payload, size_t columns);

// The first value of a row; nothing if it is NULL or malformed.
std::optional<std::string_view> first_row_first_value(Bytes row_payload);

}  // namespace causeway::protocol
