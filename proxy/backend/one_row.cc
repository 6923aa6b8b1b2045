#include "proxy/backend/one_row.h"

#include "protocol/err_packet.h"
#include "protocol/text_resultset.h"
#include "proxy/net/packet_io.h"

namespace causeway::proxy {

Awaitable<OneRow> read_one_row(BackendConnection& connection, size_t columns) {
  OneRow answer;
  ErrorCode error;
  protocol::Buffer in;
  const bool with_eof = !protocol::has(connection.capabilities, protocol::capability::kDeprecateEof);
  const size_t row_at = 1 + columns + (with_eof ? 1 : 0);
  for (size_t i = 0; i < row_at + 2; ++i) {
    const auto packet = co_await read_packet(connection.stream, in, kMaxLoginPayloadBytes, error);
    if (error) {
      answer.failure = error.message();
      co_return answer;
    }
    if (!packet.payload.empty() && packet.payload[0] == protocol::kErrHeader) {
      answer.refusal = protocol::BackendAuthExchange::refusal(packet.payload);
      answer.values.clear();
      co_return answer;
    }
    if (i != row_at) continue;
    const auto row = protocol::parse_text_row(packet.payload, columns);
    if (!row) {
      answer.failure = "malformed answer of the server";
      co_return answer;
    }
    for (const protocol::TextValue& value : *row)
      answer.values.emplace_back(value.value_or("NULL"));
  }
  co_return answer;
}

}  // namespace causeway::proxy
