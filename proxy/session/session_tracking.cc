#include "proxy/session/session_tracking.h"

#include <algorithm>
#include <charconv>
#include <memory>
#include <string_view>
#include <utility>

#include "protocol/session_track.h"
#include "routing/set_statement.h"
#include "routing/statement_effects.h"

namespace causeway::proxy {
namespace {

using consistency::Position;
using consistency::PositionKind;
using consistency::SessionHistory;
using protocol::SessionTrackItem;
using protocol::SessionTrackType;

bool is_on(std::string_view value) {
  return value == "ON" || value == "1";
}

bool is_listed(std::string_view name, std::string_view list) {
  if (list == "*") return true;
  while (!list.empty()) {
    const size_t comma = std::min(list.find(','), list.size());
    std::string_view listed = list.substr(0, comma);
    while (listed.starts_with(' '))
      listed.remove_prefix(1);
    while (listed.ends_with(' '))
      listed.remove_suffix(1);
    if (routing::equals_ignoring_case(listed, name)) return true;
    list.remove_prefix(std::min(comma + 1, list.size()));
  }
  return false;
}

// The parts that a report changes.
struct Reported {
  SessionState& state;
  SessionHistory& history;
  BackendConnection& connection;
  routing::Target from;
};

void observe_write(SessionHistory& history, PositionKind kind, std::string_view text) {
  const auto position = Position::parse(kind, text);
  if (position) {
    history.wrote(*position);
  } else {
    history.wrote_somewhere();
  }
}

void keep_variable(SessionState& state, BackendConnection& connection, std::string_view name,
                   std::string_view value) {
  const bool was_current = connection.state.applied_version == state.variables.version();
  switch (state.variables.set(name, value)) {
    case routing::SessionVariables::Change::kChanged:
      if (was_current) connection.state.applied_version = state.variables.version();
      break;
    case routing::SessionVariables::Change::kUntrackable:
      state.pins.untrackable = true;
      break;
    case routing::SessionVariables::Change::kUnchanged:
    case routing::SessionVariables::Change::kIgnored:
      break;
  }
}

// SET last_insert_id, or identity: what LAST_INSERT_ID() is from now on.
void set_last_insert_id(Reported session, std::string_view value) {
  // Another one than the writer's connection has, which is told.
  auto id = std::make_shared<LastInsertId>();
  std::from_chars(value.data(), value.data() + value.size(), id->value);
  session.state.last.insert_id = id;
  if (session.from == routing::Target::kWriter) session.connection.state.last_insert_id = std::move(id);
}

void apply_variable(Reported session, const SessionTrackItem& item) {
  SessionState& state = session.state;
  BackendConnection& connection = session.connection;
  if (item.name == "last_gtid") {
    if (!item.value.empty()) observe_write(session.history, PositionKind::kMariadbGtid, item.value);
    return;
  }
  if (item.name == "transaction_read_only" || item.name == "tx_read_only") {
    state.transaction.set_read_only_variable(is_on(item.value));
    connection.state.read_only_leg = false;
  } else if (item.name == "last_insert_id" || item.name == "identity") {
    set_last_insert_id(session, item.value);
  } else if (item.name == "autocommit") {
    state.transaction.set_autocommit_variable(is_on(item.value));
  } else if (item.name == "completion_type") {
    state.transaction.set_completion_type(routing::parse_completion_type(item.value));
  } else if (item.name == "sql_auto_is_null") {
    state.auto_is_null = is_on(item.value);
  } else if (item.name == "wait_timeout") {
    std::chrono::seconds::rep seconds = 0;
    std::from_chars(item.value.data(), item.value.data() + item.value.size(), seconds);
    constexpr std::chrono::seconds kYear{31'536'000};
    state.wait_timeout = std::clamp(std::chrono::seconds{seconds}, std::chrono::seconds{0}, kYear);
  } else if (item.name == "session_track_transaction_info") {
    state.trackers.transactions = item.value != "OFF";
  } else if (item.name == "session_track_state_change") {
    state.trackers.state_change = is_on(item.value);
    connection.state.tracks_state_change = state.trackers.state_change;
  } else if (item.name == "sql_mode") {
    take_sql_mode(state.lex_mode, item.value);
  } else if (item.name == "character_set_client") {
    state.lex_mode.multibyte_backslash = routing::multibyte_backslash_of(item.value);
  }
  keep_variable(state, connection, item.name, item.value);
}

// SET STATEMENT a = 1 FOR ...: of what it sets, the report is of the time before it is taken back. Others are
// set by a procedure that it calls.
bool is_taken_back(const SessionState& state, const routing::Statement& statement, std::string_view name) {
  routing::SetReader reader(statement.text, state.lex_mode);
  while (const auto assignment = reader.next()) {
    if (routing::equals_ignoring_case(assignment->name, name)) return true;
  }
  return false;
}

// Whether a server would have reported the variable if the SET had been sent as it was written.
bool reports_itself(const SessionState& state, const routing::Statement& statement, std::string_view name) {
  const bool mariadb = state.lex_mode.mariadb;
  bool assigned = false;
  routing::SetReader reader(statement.text, state.lex_mode);
  while (const auto assignment = reader.next()) {
    if (!routing::equals_ignoring_case(assignment->name, name)) continue;
    if (mariadb && routing::is_bare(*assignment)) return false;
    assigned = true;
  }
  return assigned || name != "collation_connection";
}

}  // namespace

void apply_session_state(SessionState& state, SessionHistory& history, BackendConnection& connection,
                         routing::Target from, const protocol::OkPacket& ok,
                         const routing::Statement& statement) {
  const Reported session{.state = state, .history = history, .connection = connection, .from = from};
  bool with_others = false;
  protocol::SessionTrackReader reader(ok.session_state);
  while (const auto item = reader.next()) {
    switch (item->type) {
      case SessionTrackType::kSystemVariable:
        if (routing::is_reported_with_others(item->name)) {
          with_others = true;
        } else if (!statement.set.for_one_statement || !is_taken_back(state, statement, item->name)) {
          apply_variable(session, *item);
        }
        break;
      case SessionTrackType::kSchema:
        state.schema.assign(item->value);
        connection.state.schema.assign(item->value);
        break;
      case SessionTrackType::kGtids:
        observe_write(session.history, PositionKind::kGtidSet, item->value);
        break;
      case SessionTrackType::kStateChange:
        // Of what a procedure leaves behind nothing is in the text of its CALL: temporary tables, prepared
        // statements, user variables.
        if (is_on(item->value) &&
            (state.pins.unreported || (routing::is_opaque(statement) && !statement.mentions.user_variables)))
          state.pins.untrackable = true;
        break;
      case SessionTrackType::kTransactionCharacteristics:
      case SessionTrackType::kTransactionState:
        break;
    }
  }
  if (!with_others) return;
  protocol::SessionTrackReader again(ok.session_state);
  while (const auto item = again.next()) {
    if (item->type != SessionTrackType::kSystemVariable || !routing::is_reported_with_others(item->name) ||
        (statement.set.for_one_statement && is_taken_back(state, statement, item->name)))
      continue;
    apply_variable(session, *item);
  }
}

bool reports_state_change(const protocol::OkPacket& ok) {
  protocol::SessionTrackReader reader(ok.session_state);
  while (const auto item = reader.next()) {
    if (item->type == SessionTrackType::kStateChange && is_on(item->value)) return true;
  }
  return false;
}

void apply_unreported_state(SessionState& state, BackendConnection& connection,
                            const routing::Statement& statement) {
  if (statement.set.connection_bound) state.pins.untrackable = true;
  const bool sets =
      statement.cls == routing::StatementClass::kSet || statement.cls == routing::StatementClass::kAdmin;
  if (!sets || statement.set.for_one_statement) return;
  routing::SetReader reader(statement.text, state.lex_mode);
  while (const auto assignment = reader.next()) {
    if (assignment->kind == routing::SetKind::kRole) state.pins.untrackable = true;
    const std::string_view collation = routing::names_collation(*assignment, state.lex_mode);
    if (!collation.empty()) keep_variable(state, connection, "collation_connection", collation);
  }
}

void append_client_session_state(const SessionState& state, const routing::Statement& statement,
                                 protocol::Bytes session_state, bool transaction_goes_on,
                                 protocol::Buffer& out) {
  const auto is_wanted = [&](const SessionTrackItem& item) {
    switch (item.type) {
      case SessionTrackType::kSystemVariable:
        if (statement.set.needs_reported_form && !reports_itself(state, statement, item.name)) return false;
        return is_listed(item.name, state.trackers.variables ? std::string_view(*state.trackers.variables)
                                                             : kVariablesTrackedByDefault);
      case SessionTrackType::kSchema:
        return state.trackers.schema.value_or(true);
      case SessionTrackType::kGtids:
        return !state.trackers.gtids.empty();
      case SessionTrackType::kTransactionState:
        return !transaction_goes_on;
      case SessionTrackType::kStateChange:
        return state.trackers.state_change;
      case SessionTrackType::kTransactionCharacteristics:
        return state.trackers.transactions;
    }
    return false;
  };
  protocol::SessionTrackReader reader(session_state);
  while (const auto item = reader.next()) {
    if (is_wanted(*item)) protocol::append_session_track(out, *item);
  }
}

}  // namespace causeway::proxy
