// A MySQL or MariaDB server that answers as a test has told it to, and remembers what it was asked.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "protocol/capability_flags.h"
#include "protocol/command.h"
#include "protocol/scramble.h"
#include "tests/support/packets.h"
#include "tests/support/tls_peer.h"

namespace causeway::test {

enum class Flavor : uint8_t { kMysql, kMariadb };

// What goes wrong instead of an answer.
enum class Fault : uint8_t {
  kNone,
  kClose,          // the connection is closed
  kCloseUnread,    // it is closed before what has come is read
  kError,          // an ERR packet that means nothing in particular: 1105
  kTruncated,      // half of the answer, then the connection is closed
  kWrongSequence,  // the answer with sequence ids that are not the ones expected
  kBytewise,       // the answer as it should be, one byte at a time
  kStall,          // no answer, and none to anything else on this connection
  kCloseBehind,    // the answer, and then the connection is closed
};
std::string_view to_string(Fault fault);
inline constexpr Fault kFaults[] = {Fault::kClose,     Fault::kCloseUnread,   Fault::kError,
                                    Fault::kTruncated, Fault::kWrongSequence, Fault::kBytewise,
                                    Fault::kStall,     Fault::kCloseBehind};

// A command that was received whole.
struct Received {
  size_t connection = 0;  // counted from 0 in the order in which they were opened
  protocol::Command command = protocol::Command::kSleep;
  std::string text;     // of a query, a schema; of a prepared statement whatever is done with it
  bool set_up = false;  // by which a new connection begins
  Buffer payload = {};  // as it came

  // The text of a query, else "COM_INIT_DB app".
  std::string to_string() const;
};

class ScriptedServer;

// One connection to it.
struct ServerConnection {
  size_t number = 0;
  int socket = -1;
  enum class Phase : uint8_t { kLogin, kCommands, kFile } phase = Phase::kLogin;
  protocol::CapabilityFlags capabilities = 0;
  std::string user;
  std::string schema;
  bool in_transaction = false;
  bool autocommit = true;
  bool wrote = false;  // in its transaction
  std::map<uint32_t, std::string> prepared;
  uint32_t last_statement_id = 0;
  size_t commands = 0;
  size_t round_trips = 0;  // how often something came after everything before was answered
  std::string file;        // what came for LOCAL INFILE
  std::unique_ptr<TlsPeer> tls;
  bool tls_begun = false;  // what it has to say in its handshake is a step
  Buffer in;
  Buffer out;
  bool bytewise = false;
  // What comes after these is still remembered as received: a server may have done it before its end.
  bool stalled = false;
  bool knows_peer = false;  // its header was read
  bool cut = false;
  bool close_when_sent = false;

  uint16_t status() const;
};

struct OkAnswer {
  uint64_t affected_rows = 0;
  uint64_t last_insert_id = 0;
  std::vector<std::pair<std::string, std::string>> variables = {};  // that have changed
  std::optional<std::string> schema = std::nullopt;
  std::string gtid = {};  // of what was committed
  bool state_change = false;
  std::string transaction_characteristics = {};
  std::string transaction_state = {};
};

// What is answered to one command: the functions append results, one after the other.
class Reply {
 public:
  Reply(ScriptedServer& server, ServerConnection& connection, const Received& request);

  ScriptedServer& server;
  ServerConnection& connection;
  const Received& request;

  void ok(const OkAnswer& answer = {});
  void error(uint16_t code, std::string_view sql_state, std::string_view message);
  // Text rows, or binary ones if the command is an execute; "NULL" is NULL in text rows.
  void rows(const std::vector<std::string>& columns, const std::vector<std::vector<std::string>>& values);
  // Rows that end with an error.
  void rows_then_error(const std::vector<std::string>& columns,
                       const std::vector<std::vector<std::string>>& values, uint16_t code,
                       std::string_view sql_state, std::string_view message);
  void prepared(size_t parameters, size_t columns);
  void eof();
  void file(std::string_view name);
  // COM_STATISTICS: a packet of text.
  void text(std::string_view text);
  // To an execute, the definitions of columns and a cursor; to a fetch, rows of one column.
  void cursor(const std::vector<std::string>& columns);
  void fetched(const std::vector<std::string>& values, bool last);
  // As the server would without a script.
  void as_usual();
  // Nothing is answered, until finish_late().
  void later() { is_late_ = true; }

  // More results follow the next one.
  bool more = false;

  Buffer take() { return std::move(out_); }
  bool is_late() const { return is_late_; }

 private:
  uint16_t status() const;
  void end_of_rows();
  void append_rows(const std::vector<std::string>& columns,
                   const std::vector<std::vector<std::string>>& values, bool ends);

  Buffer out_;
  uint8_t sequence_id_ = 1;
  bool is_late_ = false;
  uint16_t extra_status_ = 0;
};

// Everything on the test's thread: pump() does what can be done without waiting. It listens on a Unix socket,
// where what one side has written the other can read at once, so that "nothing to do" means that nothing is
// under way.
//
// One of a name at a time. Without a script it behaves like a small server: it checks passwords, knows
// transactions, schemas and prepared statements as far as status flags and trackers tell of them, answers a
// SELECT with one row that has the server's name, waits for positions successfully, and gives every write a
// position.
class ScriptedServer {
 public:
  using Handler = std::function<void(Reply&)>;

  ScriptedServer(std::string name, Flavor flavor);
  ~ScriptedServer();
  ScriptedServer(const ScriptedServer&) = delete;
  ScriptedServer& operator=(const ScriptedServer&) = delete;

  // A command whose text contains this (or: of this kind) is answered by the handler, the first `times`
  // times. Scripts that were added later are looked at first.
  void on(std::string_view text, Handler handler, int times = -1);
  void on(protocol::Command command, Handler handler, int times = -1);
  // Likewise for logins: the handler answers instead of the OK.
  void on_login(Handler handler, int times = -1);

  // Closes every connection, as at the server's end.
  void close_all();

  // Whatever can be done now; whether there was something.
  bool pump();

  // The answers to commands that were put off by later(), oldest first, become the handler's.
  void finish_late(const Handler& handler);

  // Where it listens, as in Config.
  const std::string& path() const { return path_; }
  const std::string& name() const { return name_; }
  Flavor flavor() const { return flavor_; }
  std::string version() const;
  uint32_t version_number() const { return flavor_ == Flavor::kMysql ? 90700 : 101114; }
  protocol::CapabilityFlags capabilities() const;

  uint64_t server_id = 1;
  std::string uuid = "00000000-0000-0000-0000-000000000001";
  int64_t started_at = 1'700'000'000;
  bool read_only = false;
  std::map<std::string, std::string> passwords;  // by user; others are refused
  std::string gtid_domain;                       // what comes before the number of a write's position
  uint64_t next_gtid = 101;
  bool accepts = true;                // else connections are closed at once
  std::string position() const;       // what it has executed
  std::string owned;                  // what it is committing, as in gtid_owned: a check waits for it in vain
  bool expects_proxy_header = false;  // of version 2, ahead of everything
  bool has_tls = false;               // offers it

  // What it was asked, and by how much.
  const std::vector<Received>& received() const { return received_; }
  // Without what new connections begin with.
  std::vector<std::string> statements() const;
  // Of the last command of this kind; empty if there was none.
  Buffer last_payload(protocol::Command command) const;
  size_t count(std::string_view text) const;
  size_t connections_opened() const { return opened_; }
  // Of the last connection.
  const Buffer& proxy_header() const { return proxy_header_; }
  size_t connections_open() const { return connections_.size(); }
  size_t connections_of(std::string_view user) const;
  size_t connections_with_tls() const;
  size_t round_trips() const { return round_trips_; }
  void forget();

  // Steps are answers, the greeting and the one to a login included, over all connections.
  size_t steps() const { return steps_; }
  // The step belongs to the opening of a connection.
  bool is_set_up(size_t step) const { return set_up_steps_[step]; }
  void fault_at(size_t step, Fault fault) {
    fault_step_ = step;
    fault_ = fault;
  }
  bool fault_happened() const { return fault_step_ < steps_; }
  // Something stalled here: what a monitor would notice.
  bool hangs() const { return fault_ == Fault::kStall && fault_happened(); }

  // For Reply: the answer without a script.
  void answer_as_usual(Reply& reply);

 private:
  struct Script {
    std::string text;
    std::optional<protocol::Command> command;
    bool login = false;
    Handler handler;
    int times = -1;
  };

  bool accept_all();
  bool pump(ServerConnection& connection, bool readable);
  bool close_unread(ServerConnection& connection);
  bool read_all(ServerConnection& connection, bool& ended);
  bool take_proxy_header(ServerConnection& connection);
  void take_packets(ServerConnection& connection);
  void receive_tls(ServerConnection& connection, Bytes wire);
  void on_login_packet(ServerConnection& connection, const Packet& packet);
  void on_command(ServerConnection& connection, const Packet& packet);
  void on_file_packet(ServerConnection& connection, const Packet& packet);
  Received request_of(ServerConnection& connection, Bytes payload);
  void send(ServerConnection& connection, Buffer answer, uint8_t sequence_id);
  void send_step(ServerConnection& connection, Buffer answer, uint8_t sequence_id, bool sealed);
  bool flush(ServerConnection& connection);
  bool answer_set_up(Reply& reply);
  void answer_query(Reply& reply);
  static void answer_user_variables(Reply& reply, std::string_view sql);
  void answer_statement(Reply& reply, std::string_view sql);
  OkAnswer committed();
  bool knows_password(const std::string& user, Bytes response) const;

  std::string name_;
  Flavor flavor_;
  std::string path_;
  int listener_ = -1;
  std::vector<Script> scripts_;
  std::vector<std::unique_ptr<ServerConnection>> connections_;
  std::vector<Received> received_;
  Buffer proxy_header_;
  std::vector<std::pair<ServerConnection*, Received>> late_;
  size_t opened_ = 0;
  size_t round_trips_ = 0;
  size_t steps_ = 0;
  std::vector<bool> set_up_steps_;
  size_t fault_step_ = static_cast<size_t>(-1);
  Fault fault_ = Fault::kNone;
};

}  // namespace causeway::test
