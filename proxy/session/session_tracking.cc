#include "proxy/session/session_tracking.h"

#include <algorithm>
#include <charconv>
#include <memory>
#include <string_view>
#include <utility>

#include "protocol/session_track.h"
#include "proxy/backend/shard.h"
#include "routing/set_statement.h"
#include "routing/statement_effects.h"

namespace causeway::proxy {
namespace {

using consistency::Position;
using consistency::PositionKind;
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

void observe_write(SessionParts session, PositionKind kind, std::string_view text) {
  const auto position = Position::parse(kind, text);
  if (position) {
    session.history.wrote(*position);
  } else {
    session.history.wrote_somewhere();
  }
}

void keep_variable(SessionParts session, BackendConnection& connection, std::string_view name,
                   std::string_view value) {
  const bool was_current = connection.state.applied_version == session.state.variables.version();
  switch (session.state.variables.set(name, value)) {
    case routing::SessionVariables::Change::kChanged:
      if (was_current) connection.state.applied_version = session.state.variables.version();
      break;
    case routing::SessionVariables::Change::kUntrackable:
      session.state.pins.untrackable = true;
      break;
    case routing::SessionVariables::Change::kUnchanged:
    case routing::SessionVariables::Change::kIgnored:
      break;
  }
}

// SET last_insert_id, or identity: what LAST_INSERT_ID() is from now on.
void set_last_insert_id(SessionParts session, BackendConnection& connection, std::string_view value) {
  // Another one than the writer's connection has, which is told.
  auto id = std::make_shared<LastInsertId>();
  std::from_chars(value.data(), value.data() + value.size(), id->value);
  session.state.last.insert_id = id;
  if (session.backends.target_of(connection) == routing::Target::kWriter)
    connection.state.last_insert_id = std::move(id);
}

void apply_variable(SessionParts session, BackendConnection& connection, const SessionTrackItem& item) {
  if (item.name == "last_gtid") {
    if (!item.value.empty()) observe_write(session, PositionKind::kMariadbGtid, item.value);
    return;
  }
  if (item.name == "transaction_read_only" || item.name == "tx_read_only") {
    session.state.transaction.set_read_only_variable(is_on(item.value));
    connection.state.read_only_leg = false;
  } else if (item.name == "last_insert_id" || item.name == "identity") {
    set_last_insert_id(session, connection, item.value);
  } else if (item.name == "autocommit") {
    session.state.transaction.set_autocommit_variable(is_on(item.value));
  } else if (item.name == "completion_type") {
    session.state.transaction.set_completion_type(routing::parse_completion_type(item.value));
  } else if (item.name == "sql_auto_is_null") {
    session.state.auto_is_null = is_on(item.value);
  } else if (item.name == "wait_timeout") {
    std::chrono::seconds::rep seconds = 0;
    std::from_chars(item.value.data(), item.value.data() + item.value.size(), seconds);
    constexpr std::chrono::seconds kYear{31'536'000};
    session.state.wait_timeout = std::clamp(std::chrono::seconds{seconds}, std::chrono::seconds{0}, kYear);
  } else if (item.name == "session_track_transaction_info") {
    session.state.trackers.transactions = item.value != "OFF";
  } else if (item.name == "session_track_state_change") {
    session.state.trackers.state_change = is_on(item.value);
    connection.state.tracks_state_change = session.state.trackers.state_change;
  } else if (item.name == "sql_mode") {
    take_sql_mode(session.state.lex_mode, item.value);
  } else if (item.name == "character_set_client") {
    session.state.lex_mode.multibyte_backslash = routing::multibyte_backslash_of(item.value);
  }
  keep_variable(session, connection, item.name, item.value);
}

// SET STATEMENT a = 1 FOR ...: of what it sets, the report is of the time before it is taken back. Others are
// set by a procedure that it calls.
bool is_taken_back(const SessionParts& session, const routing::Statement& statement, std::string_view name) {
  routing::SetReader reader(statement.text, session.state.lex_mode);
  while (const auto assignment = reader.next()) {
    if (routing::equals_ignoring_case(assignment->name, name)) return true;
  }
  return false;
}

// Whether a server would have reported the variable if the SET had been sent as it was written.
bool reports_itself(const SessionParts& session, const routing::Statement& statement, std::string_view name) {
  const bool mariadb = session.state.lex_mode.mariadb;
  bool assigned = false;
  routing::SetReader reader(statement.text, session.state.lex_mode);
  while (const auto assignment = reader.next()) {
    if (!routing::equals_ignoring_case(assignment->name, name)) continue;
    if (mariadb && routing::is_bare(*assignment)) return false;
    assigned = true;
  }
  return assigned || name != "collation_connection";
}

}  // namespace

void apply_session_state(SessionParts session, BackendConnection& connection, const protocol::OkPacket& ok,
                         const routing::Statement& statement) {
  bool with_others = false;
  protocol::SessionTrackReader reader(ok.session_state);
  while (const auto item = reader.next()) {
    switch (item->type) {
      case SessionTrackType::kSystemVariable:
        if (routing::is_reported_with_others(item->name)) {
          with_others = true;
        } else if (!statement.set.for_one_statement || !is_taken_back(session, statement, item->name)) {
          apply_variable(session, connection, *item);
        }
        break;
      case SessionTrackType::kSchema:
        session.state.schema.assign(item->value);
        connection.state.schema.assign(item->value);
        break;
      case SessionTrackType::kGtids:
        observe_write(session, PositionKind::kGtidSet, item->value);
        break;
      case SessionTrackType::kStateChange:
        // Of what a procedure leaves behind nothing is in the text of its CALL: temporary tables, prepared
        // statements, user variables.
        if (is_on(item->value) && (session.state.pins.unreported ||
                                   (routing::is_opaque(statement) && !statement.mentions.user_variables)))
          session.state.pins.untrackable = true;
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
        (statement.set.for_one_statement && is_taken_back(session, statement, item->name)))
      continue;
    apply_variable(session, connection, *item);
  }
}

bool reports_state_change(const protocol::OkPacket& ok) {
  protocol::SessionTrackReader reader(ok.session_state);
  while (const auto item = reader.next()) {
    if (item->type == SessionTrackType::kStateChange && is_on(item->value)) return true;
  }
  return false;
}

void apply_unreported_state(SessionParts session, BackendConnection& connection,
                            const routing::Statement& statement) {
  if (statement.set.connection_bound) session.state.pins.untrackable = true;
  const bool sets =
      statement.cls == routing::StatementClass::kSet || statement.cls == routing::StatementClass::kAdmin;
  if (!sets || statement.set.for_one_statement) return;
  routing::SetReader reader(statement.text, session.state.lex_mode);
  while (const auto assignment = reader.next()) {
    if (assignment->kind == routing::SetKind::kRole) session.state.pins.untrackable = true;
    const std::string_view collation = routing::names_collation(*assignment, session.state.lex_mode);
    if (!collation.empty()) keep_variable(session, connection, "collation_connection", collation);
  }
}

void append_client_session_state(const SessionParts& session, const routing::Statement& statement,
                                 protocol::Bytes session_state, bool transaction_goes_on,
                                 protocol::Buffer& out) {
  const auto is_wanted = [&](const SessionTrackItem& item) {
    switch (item.type) {
      case SessionTrackType::kSystemVariable:
        if (statement.set.needs_reported_form && !reports_itself(session, statement, item.name)) return false;
        return is_listed(item.name, session.state.trackers.variables
                                        ? std::string_view(*session.state.trackers.variables)
                                        : kVariablesTrackedByDefault);
      case SessionTrackType::kSchema:
        return session.state.trackers.schema.value_or(true);
      case SessionTrackType::kGtids:
        return !session.state.trackers.gtids.empty();
      case SessionTrackType::kTransactionState:
        return !transaction_goes_on;
      case SessionTrackType::kStateChange:
        return session.state.trackers.state_change;
      case SessionTrackType::kTransactionCharacteristics:
        return session.state.trackers.transactions;
    }
    return false;
  };
  protocol::SessionTrackReader reader(session_state);
  while (const auto item = reader.next()) {
    if (is_wanted(*item)) protocol::append_session_track(out, *item);
  }
}

}  // namespace causeway::proxy
