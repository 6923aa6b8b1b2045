#include "proxy/session/session_state.h"

namespace causeway::proxy {
namespace {

std::optional<std::string> value_of(const SessionState& state, std::string_view variable) {
  const std::string* value = state.variables.find(variable);
  return value == nullptr ? std::nullopt : std::optional(*value);
}

}  // namespace

SessionState SessionState::fresh(const SessionState& before, const ClusterView& view,
                                 consistency::ReadConsistency level, uint8_t collation) {
  SessionState state;
  state.level = level;
  state.schema = before.schema;
  state.was_reset = true;
  if (before.replication.is_one) state.reads_log(before.replication.from_replica);
  state.prepared = PreparedStatements(before.prepared.next_id());
  state.start(view, collation);
  return state;
}

void SessionState::start(const ClusterView& view, uint8_t collation) {
  lex_mode = {};
  lex_mode.mariadb = view.flavor == ServerFlavor::kMariadb;
  SessionDefaults defaults;
  if (const NodeView* writer = view.writer_node(); writer != nullptr) {
    lex_mode.server_version = writer->facts.server_version_number;
    take_sql_mode(lex_mode, writer->facts.sql_mode);
    if (collation == 0) collation = writer->facts.default_collation;
    defaults = writer->facts.defaults;
  }
  lex_mode.multibyte_backslash = routing::multibyte_backslash_of(collation);
  transaction = routing::TransactionState({.autocommit = defaults.autocommit,
                                           .read_only = defaults.transaction_read_only,
                                           .completion_type = defaults.completion_type});
  take_defaults(defaults);
}

void SessionState::take_defaults(const SessionDefaults& defaults) {
  auto_is_null = defaults.auto_is_null;
  transaction.set_read_only_variable(defaults.transaction_read_only);
  transaction.set_completion_type(defaults.completion_type);
  trackers.transactions = defaults.tracks_transactions;
  trackers.state_change = defaults.tracks_state_change;
}

void take_sql_mode(routing::LexMode& lex_mode, std::string_view sql_mode) {
  lex_mode.ansi_quotes = sql_mode.find("ANSI_QUOTES") != std::string_view::npos;
  lex_mode.no_backslash_escapes = sql_mode.find("NO_BACKSLASH_ESCAPES") != std::string_view::npos;
  lex_mode.oracle = lex_mode.mariadb && sql_mode.find("ORACLE") != std::string_view::npos;
}

ParseContext parse_context(const SessionState& state) {
  return {.schema = state.schema,
          .sql_mode = value_of(state, "sql_mode"),
          .character_set_client = value_of(state, "character_set_client"),
          .character_set_connection = value_of(state, "character_set_connection"),
          .collation_connection = value_of(state, "collation_connection")};
}

}  // namespace causeway::proxy
