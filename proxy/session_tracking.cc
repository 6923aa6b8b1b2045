#include "proxy/session_tracking.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "protocol/session_track.h"
#include "proxy/worker.h"
#include "routing/set_statement.h"

namespace causeway::proxy {
namespace {

using consistency::Position;
using consistency::PositionKind;
using protocol::SessionTrackItem;
using protocol::SessionTrackType;

// The servers' default for session_track_system_variables (MySQL 9.7, MariaDB 10.11).
constexpr std::array<std::string_view, 5> kTrackedByDefault = {
    "time_zone", "autocommit", "character_set_client", "character_set_results", "character_set_connection"};

bool is_on(std::string_view value) {
  return value == "ON" || value == "1";
}

void observe_write(ClientSession& session, PositionKind kind, std::string_view text) {
  const auto position = Position::parse(kind, text);
  if (position) {
    session.token.observe_write(*position);
  } else {
    session.token.set_unknown();
  }
}

void keep_variable(ClientSession& session, BackendConnection& connection, std::string_view name,
                   std::string_view value) {
  const bool was_current = connection.applied_version == session.variables.version();
  switch (session.variables.set(name, value)) {
    case routing::SessionVariables::Change::kChanged:
      if (was_current) connection.applied_version = session.variables.version();
      break;
    case routing::SessionVariables::Change::kUntrackable:
      session.pins.untrackable = true;
      break;
    case routing::SessionVariables::Change::kUnchanged:
    case routing::SessionVariables::Change::kIgnored:
      break;
  }
}

void apply_variable(ClientSession& session, BackendConnection& connection, const SessionTrackItem& item) {
  if (item.name == "last_gtid") {
    if (!item.value.empty()) observe_write(session, PositionKind::kMariadbGtid, item.value);
    return;
  }
  if (item.name == "transaction_read_only" || item.name == "tx_read_only") {
    session.transaction_read_only = is_on(item.value);
  } else if (item.name == "sql_mode") {
    session.lex_mode.ansi_quotes = item.value.find("ANSI_QUOTES") != std::string_view::npos;
    session.lex_mode.no_backslash_escapes = item.value.find("NO_BACKSLASH_ESCAPES") != std::string_view::npos;
  } else if (item.name == "character_set_client") {
    session.lex_mode.multibyte_backslash = routing::multibyte_backslash_of(item.value);
  }
  keep_variable(session, connection, item.name, item.value);
}

}  // namespace

void apply_session_state(ClientSession& session, BackendConnection& connection, const protocol::OkPacket& ok,
                         const routing::Statement& statement) {
  protocol::SessionTrackReader reader(ok.session_state);
  while (const auto item = reader.next()) {
    switch (item->type) {
      case SessionTrackType::kSystemVariable:
        if (!statement.is_set_statement || item->name == "last_gtid")
          apply_variable(session, connection, *item);
        break;
      case SessionTrackType::kSchema:
        session.schema.assign(item->value);
        connection.schema.assign(item->value);
        break;
      case SessionTrackType::kGtids:
        observe_write(session, PositionKind::kGtidSet, item->value);
        break;
      case SessionTrackType::kStateChange:
      case SessionTrackType::kTransactionCharacteristics:
      case SessionTrackType::kTransactionState:
        break;
    }
  }
}

void apply_unreported_state(ClientSession& session, BackendConnection& connection,
                            const routing::Statement& statement) {
  if (statement.cls != routing::StatementClass::kSet) return;
  routing::SetReader reader(statement.text, session.lex_mode);
  while (const auto assignment = reader.next()) {
    if (assignment->kind == routing::SetKind::kRole) session.pins.untrackable = true;
    const std::string_view collation = routing::names_collation(*assignment, session.lex_mode);
    if (!collation.empty()) keep_variable(session, connection, "collation_connection", collation);
  }
}

void append_client_session_state(protocol::Bytes session_state, bool transaction_goes_on,
                                 protocol::Buffer& out) {
  protocol::SessionTrackReader reader(session_state);
  while (const auto item = reader.next()) {
    const bool shown = item->type == SessionTrackType::kSchema ||
                       (item->type == SessionTrackType::kTransactionState && !transaction_goes_on) ||
                       (item->type == SessionTrackType::kSystemVariable &&
                        std::ranges::find(kTrackedByDefault, item->name) != kTrackedByDefault.end());
    if (shown) protocol::append_session_track(out, *item);
  }
}

}  // namespace causeway::proxy
