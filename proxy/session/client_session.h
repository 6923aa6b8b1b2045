// What a client session is made of: values only. What happens with them stands in the files that are named
// after it.
#pragma once

#include <boost/intrusive/list.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "consistency/session_history.h"
#include "protocol/byte_writer.h"
#include "protocol/capability_flags.h"
#include "protocol/command.h"
#include "protocol/scramble.h"
#include "protocol/secret.h"
#include "proxy/accounts/account_table.h"
#include "proxy/backend/account_login.h"
#include "proxy/backend/backend_connection.h"
#include "proxy/backend/in_flight.h"
#include "proxy/base/byte_rate.h"
#include "proxy/config/config.h"
#include "proxy/metrics/gauge_share.h"
#include "proxy/net/mysql_stream.h"
#include "proxy/net/waiter.h"
#include "proxy/session/session_end.h"
#include "proxy/session/session_state.h"
#include "routing/classifier.h"

namespace causeway::proxy {

class AttachedStream;
class Shard;

// Where a client connects from.
struct PeerAddress {
  std::string host;   // an address, "localhost" for a Unix socket
  uint16_t port = 0;  // 0: a Unix socket, or not known
};

// The client's end of the connection.
struct ClientChannel {
  MysqlStream stream;
  std::string host;  // see PeerAddress
  uint16_t port = 0;
  protocol::CapabilityFlags capabilities = 0;  // negotiated
  protocol::Nonce nonce{};                     // that its password was asked with; for COM_CHANGE_USER
  int failed_changes_of_user = 0;
  // Reused by every answer of our own.
  protocol::Buffer answer;
  protocol::Buffer scratch;
};

// Who the client is. COM_CHANGE_USER swaps it whole.
struct Identity {
  std::string user;
  AccountLogin login;
  std::optional<AccountRights> rights_on_servers;  // see the function of this name; nothing: not asked yet
};

// The stream of the binary log that a client reads.
struct LogStream {
  bool is_on = false;
  AttachedStream* record = nullptr;  // null: the server has not begun with it
  bool ends = false;                 // it was told to, see end_stream()
};

// What the session has on servers.
struct Backends {
  BackendLease writer;
  BackendLease replica;
  size_t former_writer = kNoNode;  // where it had something when another server became the writer
  bool used_writer = false;
  BackendConnection* in_flight = nullptr;  // on which an answer is awaited
  LogStream stream;                        // ... and that is one
  ByteRate log_rate = {};                  // at which that goes to the client

  routing::Target target_of(const BackendConnection& connection) const {
    return connection.lease == &writer ? routing::Target::kWriter : routing::Target::kReplica;
  }
};

// What it is doing: for SHOW PROCESSLIST and the metrics, and exact to a tick of the worker.
struct Activity {
  bool logged_in = false;
  protocol::Command command = protocol::Command::kConnect;  // kSleep between commands
  Clock::time_point since = Clock::time_point::min();
  std::string_view statement_text;  // that the command runs; empty for most
  SessionShares counted;            // what the metrics' gauges have of it
  bool mistaken_hint_said = false;
};

// Reused by every statement.
struct StatementBuffers {
  routing::Classified classified;
  protocol::Buffer command;  // rewritten for a server
  std::string sql;
};

// What the run of a command reads and changes of its session. Nothing below proxy/commands/ gets more to see
// than this: not who the client is, nor what others are shown of it. Valid as long as the session.
struct SessionParts {
  Shard& shard;
  const ListenerConfig& listener;
  const uint32_t& id;
  ClientChannel& client;
  AccountLogin& login;
  SessionState& state;
  consistency::SessionHistory& history;
  Backends& backends;
  Waiter& waiter;
  SessionEnd& end;
  StatementBuffers& reused;
};

// The list hook is for the worker's watchdog.
struct ClientSession : boost::intrusive::list_base_hook<> {
  ClientSession(Shard& owner, Socket socket, const ListenerConfig& listener_config, uint64_t writer_epoch)
      : shard(owner),
        listener(listener_config),
        client{.stream = MysqlStream(std::move(socket))},
        history(writer_epoch) {
    backends.log_rate = ByteRate(listener.max_bytes_per_second);
  }
  ClientSession(const ClientSession&) = delete;
  ClientSession& operator=(const ClientSession&) = delete;

  // A session is given where its parts are asked for.
  operator SessionParts() {  // NOLINT(google-explicit-constructor)
    return {shard, listener, id, client, identity.login, state, history, backends, waiter, end, reused};
  }

  Shard& shard;
  const ListenerConfig& listener;
  uint32_t id = 0;  // see SessionDirectory
  ClientChannel client;
  Identity identity;
  SessionState state;
  // By indexes of the cluster view's nodes, and ClusterKnowledge::position_era().
  consistency::SessionHistory history;
  Backends backends;
  Activity activity;
  Waiter waiter;
  SessionEnd end;
  StatementBuffers reused;
};

// Whatever the session waits for ends now: on its client, on a server, to be woken.
inline void end_waits(SessionParts session) {
  session.client.stream.cancel();
  if (session.backends.in_flight != nullptr) session.backends.in_flight->stream.cancel();
  session.waiter.wake_up.set();
}

// The stream of the binary log, which is on, ends where no transaction is open, and at this time wherever it
// is.
inline void end_stream(Backends& backends, Waiter& waiter, Clock::time_point latest) {
  backends.stream.ends = true;
  waiter.timed_out = false;
  waiter.deadline = latest;
  if (backends.in_flight != nullptr) backends.in_flight->stream.cancel();
  waiter.wake_up.set();  // it may be pausing
}

// What the metrics' gauges are to say of a session that is logged in, or is not yet.
CountedSession counted_as(const SessionState& state, const Backends& backends, bool logged_in);

}  // namespace causeway::proxy
