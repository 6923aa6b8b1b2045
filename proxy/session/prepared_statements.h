// The prepared statements of one client session: one id towards the client, prepared on a server connection
// when first executed there, and again when the session has got another one.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <array>
#include <boost/intrusive/list.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "protocol/byte_writer.h"
#include "protocol/com_stmt.h"
#include "protocol/com_stmt_execute.h"
#include "proxy/session/parse_context.h"
#include "routing/route_decision.h"
#include "routing/statement.h"

namespace causeway::proxy {

struct BackendConnection;
struct PreparedStatement;

// A statement on one of the session's two server connections.
struct PreparedThere
    : boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
  PreparedStatement* statement = nullptr;
  uint64_t incarnation = 0;  // BackendConnection::prepared where it is prepared; 0 for nowhere
  uint32_t id = 0;           // the server's
  bool knows_types = false;  // the server has seen the parameter types of the last execute
};

struct LongData {
  uint16_t parameter = 0;
  protocol::Buffer bytes;
};

struct PreparedStatement {
  uint32_t id = 0;               // the client's
  std::string client_sql;        // as the client prepared it
  std::string server_sql;        // as it is prepared on servers; the same but for Causeway's own variables
  routing::Statement statement;  // views into client_sql
  ParseContext context;          // of its COM_STMT_PREPARE: it is prepared in no other
  uint16_t parameters = 0;
  uint16_t columns = 0;

  std::vector<protocol::ParameterType> types;  // of the last execute that had any

  // Sent ahead of the next execute, wherever that will be.
  std::vector<LongData> long_data;
  protocol::Buffer long_data_parameters;  // see StatementParameters
  size_t long_data_bytes = 0;
  bool long_data_too_long = false;

  routing::Target cursor = routing::Target::kNone;  // where one is open
  std::array<PreparedThere, 2> there;               // see side()
};

class PreparedStatements {
 public:
  // Of one server connection; the least recently used one is closed for another.
  static constexpr size_t kMaxPerConnection = 500;

  // Ids are given out from this one on.
  explicit PreparedStatements(uint32_t next_id = 1) : next_id_(next_id) {}
  PreparedStatements(PreparedStatements&&) = default;
  PreparedStatements& operator=(PreparedStatements&&) = default;

  uint32_t next_id() const { return next_id_; }
  size_t size() const { return by_id_.size(); }

  // A new statement with an id of its own, which the caller fills in; it becomes known with keep().
  std::unique_ptr<PreparedStatement> make();
  void keep(std::unique_ptr<PreparedStatement> statement);

  // Null if there is none; kMariadbLastStatementId stands for the one kept last.
  PreparedStatement* find(uint32_t id);

  // Forgets it. What is still prepared on servers is the caller's to close.
  void erase(PreparedStatement& statement);

  // No answer to the last COM_STMT_PREPARE: there is no last statement.
  void forget_last() { last_ = 0; }

  auto begin() { return by_id_.begin(); }
  auto end() { return by_id_.end(); }

  // Notes where a statement is prepared, or that it is used there: it is the last to be closed for another.
  void used(PreparedThere& there, routing::Target target);

  // The statement on this connection that was not used for longest and has no open cursor there; null if
  // there is none.
  PreparedThere* least_recently_used(routing::Target target, uint64_t incarnation);

  // Open cursors on each side: their connection must stay.
  size_t cursors(routing::Target target) const { return cursors_[side(target)]; }
  void set_cursor(PreparedStatement& statement, routing::Target target);
  // The connection is gone, and the cursors with it.
  void lose_cursors(routing::Target target);

  static size_t side(routing::Target target) { return target == routing::Target::kWriter ? 0 : 1; }

 private:
  using Recency = boost::intrusive::list<PreparedThere, boost::intrusive::constant_time_size<false>>;

  absl::flat_hash_map<uint32_t, std::unique_ptr<PreparedStatement>> by_id_;
  uint32_t next_id_ = 1;
  uint32_t last_ = 0;
  std::array<Recency, 2> recency_;  // least recently used first
  std::array<size_t, 2> cursors_{};
};

// A command about a prepared statement, to be sent to a connection on which it has another id.
struct PreparedCommand {
  PreparedStatement* statement = nullptr;
  std::span<uint8_t> wire;  // the client's packets, in which the id may be written over
  // At most one of them; neither for COM_STMT_FETCH and COM_STMT_RESET.
  const protocol::ComStmtExecute* execute = nullptr;
  const protocol::ComStmtBulkExecute* bulk = nullptr;
};

// Drops what was sent ahead of an execute.
void drop_long_data(PreparedStatement& statement);

}  // namespace causeway::proxy
