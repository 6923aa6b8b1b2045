// One connection to a server, with what is known of the state it is in.
#pragma once

#include <boost/intrusive/list_hook.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "protocol/byte_writer.h"
#include "protocol/capability_flags.h"
#include "protocol/status_flags.h"
#include "proxy/accounts/client_error.h"
#include "proxy/backend/last_insert_id.h"
#include "proxy/cluster/session_defaults.h"
#include "proxy/metrics/gauge_share.h"
#include "proxy/net/io.h"
#include "proxy/net/mysql_stream.h"

namespace causeway::proxy {

class PooledConnection;
struct BackendLease;
struct PoolGroup;
struct SchemaGroup;
using PoolHook = boost::intrusive::list_member_hook<>;

// How a session's connections log in. Connections with equal keys can stand in for each other once
// COM_RESET_CONNECTION and the session's own state went over them: what can be given to a connection later is
// not compared.
struct PoolKey {
  std::string user;
  protocol::CapabilityFlags capabilities = 0;  // those that change the wire format, or what statements mean
  uint8_t collation = 0;                       // of the handshake; not compared
  uint64_t credentials_version = 0;            // a changed password makes new connections
  bool requires_tls = false;                   // the account does, or its password goes over in clear
  // Of a session of a listener for replication: takes none of the places that statements have, and is nobody
  // else's before or after.
  bool for_replication = false;
  // Of the client, where a node is told; else, and for Unix sockets, empty: such connections are Causeway's
  // own.
  std::string client_address = {};

  // COM_SET_OPTION takes it away and gives it.
  protocol::CapabilityFlags lasting_capabilities() const {
    return capabilities & ~protocol::capability::kMultiStatements;
  }

  friend bool operator==(const PoolKey& a, const PoolKey& b) {
    return a.user == b.user && a.lasting_capabilities() == b.lasting_capabilities() &&
           a.credentials_version == b.credentials_version && a.requires_tls == b.requires_tls &&
           a.for_replication == b.for_replication && a.client_address == b.client_address;
  }
};

// What a connection's character set and SQL mode are right after the handshake. COM_RESET_CONNECTION forgets
// the handshake's collation (MySQL 9.7, MariaDB 10.11), so it is put back with these.
struct ConnectionBaseline {
  std::string character_set_client;
  std::string character_set_results;
  std::string collation_connection;
  std::string sql_mode;
  SessionDefaults defaults;  // autocommit is in the status flags
};

// What the server said when the connection was set up. No statement changes it.
struct ConnectedServer {
  uint32_t thread_id = 0;
  bool mariadb = false;
  bool ran_init_connect = false;  // perhaps: its login did, and no reset does it again. For nobody else, then
  uint64_t incarnation = 0;       // of the node (NodeView) that it was opened to
  ConnectionBaseline baseline;    // of its present owner's collation
};

// What is on the connection for its present owner, as far as Causeway knows. Statements and what goes ahead
// of them change it.
struct ConnectionState {
  // Of the last OK or EOF; behind an ERR a transaction counts as open if one may be.
  protocol::StatusFlags status = 0;
  std::string schema;                            // the current one, empty for none
  std::shared_ptr<LastInsertId> last_insert_id;  // whose value LAST_INSERT_ID() has there; null for nobody's
  std::shared_ptr<LastInsertId> former_last_insert_id;  // to be asked for before the reset
  uint64_t applied_version = 0;                         // of the owner's SessionVariables
  uint64_t user_variables_version = 0;                  // of the owner's WriterVariables; replicas only
  bool tracks_state_change = false;                     // session_track_state_change is on
  bool needs_reset = false;                             // somebody else's session lived in it
  bool may_hold_locks = false;          // since the last reset, for all that the texts of its statements tell
  bool read_only_leg = false;           // transaction_read_only is on there, whatever the session's own is
  bool holds_next_transaction = false;  // a SET TRANSACTION may be unspent there, and is tracked
  bool multi_statements = false;        // as the handshake or COM_SET_OPTION said last
};

// The statements that are prepared on the connection.
struct ConnectionStatements {
  uint64_t incarnation = 0;  // another number after every reset: they live as long as it stays the same
  size_t count = 0;
  std::vector<uint32_t> to_close;  // told to the server ahead of the next command
};

// Where the pool has the connection; only the pool changes it.
struct PoolPlace {
  size_t index = 0;
  PoolGroup* group = nullptr;
  SchemaGroup* schema_group = nullptr;
  GaugeShare open;    // NodeMetrics::connections
  GaugeShare leased;  // NodeMetrics::leases_in_use
};

// Belongs to a BackendPool; used by the session whose lease it is, on one worker's thread.
struct BackendConnection {
  BackendConnection(Socket socket, size_t node_index, std::shared_ptr<const PoolKey> pool_key)
      : stream(std::move(socket)), node(node_index), key(std::move(pool_key)) {}

  // What only the connection knew is lost with it: the guess has to do.
  ~BackendConnection() {
    for (const auto& lost : {state.last_insert_id, state.former_last_insert_id}) {
      if (lost == nullptr) continue;
      lost->certain = true;
      lost->pending = false;
    }
  }
  BackendConnection(const BackendConnection&) = delete;
  BackendConnection& operator=(const BackendConnection&) = delete;

  // Between commands: without the goodbye a server counts it as aborted, and MariaDB logs it.
  void say_goodbye();

  MysqlStream stream;
  size_t node;  // index in Config::nodes
  std::shared_ptr<const PoolKey> key;
  protocol::CapabilityFlags capabilities = 0;  // negotiated
  ConnectedServer server;
  ConnectionState state;
  ConnectionStatements prepared;

  BackendLease* lease = nullptr;    // whose it is or was last; null for nobody's
  bool in_use = false;              // a statement is under way on it
  PooledConnection* use = nullptr;  // by whom; null for nobody. Only that and the pool change it
  bool keep = false;                // idle, but something of its session lives in it: not to be given away
  PoolPlace place;
  // In the pool's lists while it is idle and may be given away.
  PoolHook idle_hook;
  PoolHook schema_hook;
  PoolHook any_schema_hook;
  Clock::time_point idle_since;
  bool doomed = false;   // a KILL is on its way to it: nobody else may have it
  bool replied = false;  // something came back since the last request was sent

  protocol::Buffer out;  // what is about to be sent ahead of a statement
};

// A session's claim on a connection of one node, held between statements. Lost (null) when the pool gave the
// connection to somebody else or closed it.
struct BackendLease {
  BackendConnection* connection = nullptr;

  explicit operator bool() const { return connection != nullptr; }
};

}  // namespace causeway::proxy
