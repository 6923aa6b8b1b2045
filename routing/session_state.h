// The session system variables of one client session, as the servers reported them, so that they can be
// replayed on another backend connection. What the servers report, and what must not be replayed, is in
// README.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace causeway::routing {

// False for variables that servers report but that must never be set on another connection: read-only ones,
// those that hold for one statement, and those that speak of one connection. Any case.
bool is_replayable_variable(std::string_view name);

// Whether a session that sets the variable has to stay on the connection where it did: what the servers
// report does not tell how to get the same state elsewhere (timestamp, insert_id, rand_seed1, ...).
bool is_connection_bound_variable(std::string_view name);

// A variable that others change as well (collation_connection, by the character set). Of several reports in
// one answer, whose order on MariaDB is any, those of such variables are to be taken last.
bool is_reported_with_others(std::string_view name);

// Whether a session that sets the variable may write what no replica will ever have (sql_log_bin,
// skip_replication).
bool is_unreplicated_write_variable(std::string_view name);

class SessionVariables {
 public:
  static constexpr size_t kMaxVariables = 512;
  static constexpr size_t kMaxBytes = size_t{64} * 1024;  // of names and values together

  enum class Change : uint8_t {
    kUnchanged,    // had this value already
    kChanged,      // version() is one higher
    kIgnored,      // a result (last_gtid, statement_id), or Causeway's own (session_track_...)
    kUntrackable,  // it matters, but cannot be replayed (timestamp, insert_id), or is out of bounds: pin the
                   // session
  };

  // Takes one report of a server's session tracker; `value` raw, as it came. With `null` the variable is
  // NULL; so it is with an empty value of those that can be NULL (innodb_tmpdir), as servers report it.
  // character_set_connection drops collation_connection, as a server does; servers do not report the
  // collation of SET NAMES ... COLLATE, so it has to be set from the statement's text (names_collation() of
  // set_statement.h). Reports that answer a SET STATEMENT ... FOR are to be left out: they hold for that
  // statement only.
  Change set(std::string_view name, std::string_view value, bool null = false);

  // The value last reported; nothing (a null pointer) if never reported or NULL. Valid until the next set()
  // or clear().
  const std::string* find(std::string_view name) const;

  // Forgets everything, as after COM_RESET_CONNECTION. The version goes on, so that no lease is taken for up
  // to date.
  void clear();

  // Goes up with every change; 0 only as long as nothing was ever set.
  uint64_t version() const { return version_; }

  // Appends one SET statement for all variables that changed after `applied_version`, in the order of their
  // changes; nothing if there are none. The result means the same whatever sql_mode the connection has.
  // False: nothing appended.
  bool append_replay_sql(std::string& out, uint64_t applied_version) const;

  // Whether that statement has this variable among them.
  bool replays(std::string_view name, uint64_t applied_version) const;

  size_t size() const { return variables_.size(); }
  bool empty() const { return variables_.empty(); }

 private:
  struct Variable {
    std::string name;
    std::string value;
    bool null = false;
    uint64_t version = 0;
  };
  std::vector<Variable> variables_;  // in the order of their last change
  size_t bytes_ = 0;
  uint64_t version_ = 0;
};

}  // namespace causeway::routing
