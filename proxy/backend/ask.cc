#include "proxy/backend/ask.h"

#include <utility>

#include "protocol/byte_reader.h"
#include "protocol/eof_packet.h"
#include "protocol/err_packet.h"
#include "protocol/packet_header.h"
#include "protocol/protocol_error.h"
#include "protocol/text_resultset.h"

namespace causeway::proxy {
namespace {

using protocol::Bytes;

AskFailure lost(std::string reason, bool answered) {
  AskFailure failure;
  failure.reason = std::move(reason);
  failure.answered = answered;
  return failure;
}

AskFailure malformed() {
  return lost("malformed answer of the server", true);
}

AskFailure refused(Bytes payload) {
  protocol::BackendFailure refusal = protocol::BackendAuthExchange::refusal(payload);
  AskFailure failure = lost(refusal.message, true);
  if (refusal.reason == protocol::BackendFailure::Reason::kRefused) failure.refusal = std::move(refusal);
  return failure;
}

bool begins_with(Bytes payload, uint8_t byte) {
  return !payload.empty() && payload[0] == byte;
}

Awaitable<Answer<void>> send_query(BackendConnection& connection, std::string_view sql) {
  connection.out.clear();
  protocol::append_command(connection.out, protocol::Command::kQuery, sql, connection.capabilities);
  const Answer<void> sent = co_await send_commands(connection, connection.out);
  co_return sent;
}

// The packets of one answer, in order.
class AnswerReader {
 public:
  AnswerReader(BackendConnection& connection, size_t max_packet_bytes)
      : connection_(connection), max_packet_bytes_(max_packet_bytes) {}

  protocol::CapabilityFlags capabilities() const { return connection_.capabilities; }

  // The payload, valid until the next call. An ERR packet is a failure.
  Awaitable<Answer<Bytes>> next() {
    for (;;) {
      ErrorCode error;
      const PacketView packet = co_await read_packet(connection_.stream, in_, max_packet_bytes_, error);
      if (error) co_return lost(error.message(), answered_);
      if (packet.sequence_id != next_sequence_id_)
        co_return lost(make_error_code(protocol::ProtocolError::kSequence).message(), true);
      ++next_sequence_id_;
      answered_ = true;
      if (!begins_with(packet.payload, protocol::kErrHeader)) co_return packet.payload;
      if (!is_progress(packet.payload)) co_return refused(packet.payload);
    }
  }

 private:
  bool is_progress(Bytes payload) const {
    const auto err = protocol::parse_err_packet(payload);
    return err && err->code == protocol::kMariadbProgressCode &&
           protocol::has(capabilities(), protocol::capability::kMariadbProgress);
  }

  BackendConnection& connection_;
  size_t max_packet_bytes_;
  protocol::Buffer in_;
  uint8_t next_sequence_id_ = 1;
  bool answered_ = false;
};

struct RowHead {
  size_t columns = 0;
  bool definitions_follow = true;
};

std::optional<RowHead> parse_head(Bytes payload, protocol::CapabilityFlags capabilities) {
  namespace capability = protocol::capability;
  const bool has_flag = protocol::has(capabilities, capability::kOptionalResultsetMetadata) ||
                        protocol::has(capabilities, capability::kMariadbCacheMetadata);
  protocol::ByteReader reader(payload);
  RowHead head;
  head.columns = reader.int_lenenc();
  if (has_flag) head.definitions_follow = reader.int1() != 0;
  constexpr size_t kMaxColumns = 4096;  // of both servers
  if (!reader.ok() || !reader.at_end() || head.columns == 0 || head.columns > kMaxColumns)
    return std::nullopt;
  return head;
}

// https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_com_query_response_text_resultset_column_definition.html
std::optional<protocol::FieldType> type_of_column(Bytes definition, protocol::CapabilityFlags capabilities) {
  protocol::ByteReader reader(definition);
  constexpr int kNames = 6;  // catalog, schema, table, original table, name, original name
  for (int i = 0; i < kNames; ++i)
    reader.bytes_lenenc();
  if (protocol::has(capabilities, protocol::capability::kMariadbExtendedMetadata)) reader.bytes_lenenc();
  reader.int_lenenc();  // the length of what follows
  reader.int2();        // collation
  reader.int4();        // length
  const auto type = static_cast<protocol::FieldType>(reader.int1());
  return reader.ok() ? std::optional(type) : std::nullopt;
}

// A row that begins so is longer than a packet.
bool is_end_of_rows(Bytes payload) {
  return begins_with(payload, protocol::kResultSetEndHeader);
}

// Between the head and the row.
Awaitable<Answer<std::vector<protocol::FieldType>>> read_definitions(AnswerReader& reader, size_t columns) {
  std::vector<protocol::FieldType> types;
  for (size_t i = 0; i < columns; ++i) {
    const Answer<Bytes> definition = co_await reader.next();
    if (!definition) co_return definition.error();
    const auto type = type_of_column(*definition, reader.capabilities());
    if (!type) co_return malformed();
    types.push_back(*type);
  }
  if (protocol::has(reader.capabilities(), protocol::capability::kDeprecateEof)) co_return types;
  const Answer<Bytes> eof = co_await reader.next();
  if (!eof) co_return eof.error();
  if (!protocol::parse_eof_packet(*eof)) co_return malformed();
  co_return types;
}

std::optional<protocol::OkPacket> parse_ok_or_eof(Bytes payload, protocol::CapabilityFlags capabilities) {
  // MariaDB answers COM_SET_OPTION so with CLIENT_DEPRECATE_EOF, too. No OK packet is as short.
  if (const auto eof = protocol::parse_eof_packet(payload))
    return protocol::OkPacket{.status_flags = eof->status_flags, .warnings = eof->warnings};
  const auto ok = protocol::parse_ok_packet(payload, capabilities);
  return ok ? std::optional(*ok) : std::nullopt;
}

}  // namespace

Awaitable<Answer<void>> send_commands(BackendConnection& connection, const protocol::Buffer& commands) {
  ErrorCode error;
  co_await connection.stream.write_all(commands, {}, error);
  if (error) co_return lost(error.message(), false);
  co_return Answer<void>();
}

Awaitable<Answer<std::vector<protocol::FieldType>>> read_rows(BackendConnection& connection, RowLimits limits,
                                                              const TakeRow& take) {
  AnswerReader reader(connection, limits.max_packet_bytes);
  const Answer<Bytes> first = co_await reader.next();
  if (!first) co_return first.error();
  const std::optional<RowHead> head = parse_head(*first, reader.capabilities());
  if (!head || (limits.columns != 0 && limits.columns != head->columns)) co_return malformed();
  std::vector<protocol::FieldType> types;
  if (head->definitions_follow) {
    Answer<std::vector<protocol::FieldType>> definitions = co_await read_definitions(reader, head->columns);
    if (!definitions) co_return definitions.error();
    types = std::move(*definitions);
  }
  for (;;) {
    const Answer<Bytes> row = co_await reader.next();
    if (!row) co_return row.error();
    if (is_end_of_rows(*row)) co_return types;
    const auto values = protocol::parse_text_row(*row, head->columns);
    if (!values) co_return malformed();
    take(*values);
  }
}

Awaitable<Answer<AskedRow>> read_row(BackendConnection& connection, RowLimits limits) {
  AskedRow asked;
  size_t rows = 0;
  const TakeRow take = [&](std::span<const protocol::TextValue> values) {
    if (++rows > 1) return;
    for (const protocol::TextValue& value : values)
      asked.values.push_back(value ? std::optional<std::string>(*value) : std::nullopt);
  };
  Answer<std::vector<protocol::FieldType>> types = co_await read_rows(connection, limits, take);
  if (!types) co_return types.error();
  if (rows != 1) co_return malformed();
  asked.types = std::move(*types);
  co_return asked;
}

Awaitable<Answer<AskedOk>> read_ok(BackendConnection& connection, size_t max_packet_bytes) {
  AnswerReader reader(connection, max_packet_bytes);
  const Answer<Bytes> packet = co_await reader.next();
  if (!packet) co_return packet.error();
  AskedOk asked(protocol::Buffer(packet->begin(), packet->end()));
  const auto ok = parse_ok_or_eof(asked.payload, connection.capabilities);
  if (!ok) co_return malformed();
  asked.ok = *ok;
  co_return asked;
}

Awaitable<Answer<AskedRow>> ask_row(BackendConnection& connection, std::string_view sql, RowLimits limits) {
  const Answer<void> sent = co_await send_query(connection, sql);
  if (!sent) co_return sent.error();
  Answer<AskedRow> answer = co_await read_row(connection, limits);
  co_return answer;
}

Awaitable<Answer<void>> ask_rows(BackendConnection& connection, std::string_view sql, RowLimits limits,
                                 const TakeRow& take) {
  const Answer<void> sent = co_await send_query(connection, sql);
  if (!sent) co_return sent.error();
  const Answer<std::vector<protocol::FieldType>> answer = co_await read_rows(connection, limits, take);
  if (!answer) co_return answer.error();
  co_return Answer<void>();
}

Awaitable<Answer<AskedOk>> ask_ok(BackendConnection& connection, std::string_view sql,
                                  size_t max_packet_bytes) {
  const Answer<void> sent = co_await send_query(connection, sql);
  if (!sent) co_return sent.error();
  Answer<AskedOk> answer = co_await read_ok(connection, max_packet_bytes);
  co_return answer;
}

}  // namespace causeway::proxy
