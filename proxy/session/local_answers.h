// Answers that no server is asked for.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "protocol/status_flags.h"
#include "proxy/accounts/client_error.h"
#include "proxy/net/io.h"
#include "proxy/session/client_session.h"

namespace causeway::proxy {

// The status flags that a server would show for the session between statements.
protocol::StatusFlags local_status(const SessionState& state);

// Each is the session's last answer from then on (LocalAnswer; of an OK that of a PING), and sends one
// answer, whose first packet has this sequence id; false: the client is gone.
//
// What a server would report with an OK: that a transaction begins or ends (MySQL 9.7, even with
// session_track_transaction_info=OFF; MariaDB does not), or any other change, if session_track_state_change
// is on.
enum class SessionChange : uint8_t { kNone, kTransactionBegun, kTransactionEnded, kOther };
Awaitable<bool> answer_ok(SessionParts session, uint8_t sequence_id, bool more_results_follow = false,
                          SessionChange change = SessionChange::kNone);
// What ends rows, where a command is answered with it: EOF, or OK that looks like it.
Awaitable<bool> answer_eof(SessionParts session, uint8_t sequence_id);
Awaitable<bool> answer_error(SessionParts session, uint8_t sequence_id, const ClientError& error);

// Rows of two columns, as SHOW VARIABLES and SHOW STATUS have them. The sequence id that follows; nothing if
// the client is gone.
using NameAndValue = std::pair<std::string, std::string>;
Awaitable<std::optional<uint8_t>> answer_name_value_rows(SessionParts session, uint8_t sequence_id,
                                                         std::span<const NameAndValue> rows,
                                                         bool more_results_follow = false);

}  // namespace causeway::proxy
