// Answers of servers that are one row, to questions of ours.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "protocol/backend_connection_phase.h"
#include "proxy/backend/backend_connection.h"
#include "proxy/net/io.h"

namespace causeway::proxy {

// For a question of ours beside a session's statements; a server that needs longer is lost.
inline constexpr std::chrono::seconds kAnswerTimeout{10};

struct OneRow {
  std::vector<std::string>
      values;  // NULL as "NULL"; empty if the server has answered with an error: `refusal`
  protocol::BackendFailure refusal;
  std::string failure;  // the connection is of no use any more
};

// Reads the answer to a text statement that asks for one row of so many columns. Nothing else may be under
// way.
Awaitable<OneRow> read_one_row(BackendConnection& connection, size_t columns);

}  // namespace causeway::proxy
