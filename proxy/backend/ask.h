// Questions of ours to a server, on a connection on which nothing else is under way.
#pragma once

#include <boost/system/result.hpp>
#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "protocol/backend_auth_exchange.h"
#include "protocol/binary_value.h"
#include "protocol/command.h"
#include "protocol/ok_packet.h"
#include "protocol/text_resultset.h"
#include "proxy/backend/backend_connection.h"
#include "proxy/backend/in_flight.h"
#include "proxy/net/io.h"
#include "proxy/net/packet_io.h"
#include "proxy/net/waiter.h"

namespace causeway::proxy {

// For a question of ours beside a session's statements; a server that needs longer is lost.
inline constexpr std::chrono::seconds kAnswerTimeout{10};

// Why there is no answer.
struct AskFailure {
  // The server's error: the connection is as good as before. Nothing: it is of no use any more.
  std::optional<protocol::BackendFailure> refusal = std::nullopt;
  std::string reason;     // for logs: of the server or of the connection
  bool answered = false;  // something came, be it half an answer
};

template <class T>
using Answer = boost::system::result<T, AskFailure>;

struct AskedRow {
  std::vector<protocol::FieldType> types;          // of the columns; empty if the server leaves them out
  std::vector<std::optional<std::string>> values;  // nothing: NULL

  // NULL as "NULL".
  std::string text(size_t column) const { return values[column].value_or("NULL"); }
};

struct AskedOk {
  AskedOk() = default;
  explicit AskedOk(protocol::Buffer of) : payload(std::move(of)) {}
  AskedOk(AskedOk&&) = default;
  AskedOk& operator=(AskedOk&&) = default;

  protocol::Buffer payload;
  protocol::OkPacket ok;  // its views point into the payload, wherever that is moved
};

// What the answer must be to be taken.
struct RowLimits {
  size_t columns = 0;  // exactly so many; 0: as many as there are
  size_t max_packet_bytes = kMaxLoginPayloadBytes;
};

// Sends commands, one or several whose answers are read one after the other.
Awaitable<Answer<void>> send_commands(BackendConnection& connection, const protocol::Buffer& commands);

// The answer to a text statement that is one row.
Awaitable<Answer<AskedRow>> read_row(BackendConnection& connection, RowLimits limits);

// The answer to a text statement whose rows are taken as they come. The values are valid during the call.
using TakeRow = std::function<void(std::span<const protocol::TextValue>)>;
Awaitable<Answer<std::vector<protocol::FieldType>>> read_rows(BackendConnection& connection, RowLimits limits,
                                                              const TakeRow& take);

// The answer to a command that is an OK packet, or an EOF packet in its place.
Awaitable<Answer<AskedOk>> read_ok(BackendConnection& connection,
                                   size_t max_packet_bytes = kMaxLoginPayloadBytes);

// Sends the one and reads the other. Texts stay valid until the answer has come.
Awaitable<Answer<AskedRow>> ask_row(BackendConnection& connection, std::string_view sql, RowLimits limits);
Awaitable<Answer<void>> ask_rows(BackendConnection& connection, std::string_view sql, RowLimits limits,
                                 const TakeRow& take);
Awaitable<Answer<AskedOk>> ask_ok(BackendConnection& connection, std::string_view sql,
                                  size_t max_packet_bytes = kMaxLoginPayloadBytes);

// While one lives, what is asked on the connection on behalf of a session has a time limit, and is found by
// those who want to end it.
class AskScope {
 public:
  AskScope(Waiter& waiter, BackendConnection*& in_flight, BackendConnection& connection,
           std::chrono::milliseconds patience = kAnswerTimeout)
      : deadline_(waiter, Clock::now() + patience), in_flight_(in_flight, connection) {}

 private:
  DeadlineScope deadline_;
  InFlightScope in_flight_;
};

}  // namespace causeway::proxy
