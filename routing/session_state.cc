#include "routing/session_state.h"

#include <algorithm>
#include <array>

#include "routing/sql_lexer.h"
#include "routing/sql_literal.h"

namespace causeway::routing {
namespace {

// Reported, but results of statements or Causeway's own settings of its backend connections.
constexpr auto kResults = std::to_array<std::string_view>({
    "error_count",
    "identity",  // carried over with last_insert_id
    "in_transaction",
    "last_gtid",
    "last_insert_id",
    "proxy_user",
    "session_track_gtids",
    "session_track_schema",
    "session_track_system_variables",
    "statement_id",  // MySQL reports it with every statement
    "warning_count",
});

// Matter for what follows, but a report does not tell how to get the same state again: it holds for one
// statement, or shows another value than was set (timestamp = DEFAULT, rand_seed1), or speaks of one
// connection.
constexpr auto kConnectionBound = std::to_array<std::string_view>({
    "character_set_database",  // taken back by the next USE, which is not reported
    "collation_database",
    "external_table_secondary_storage_engine",  // empty and NULL are reported alike
    "gtid_next",
    "gtid_seq_no",
    "immediate_server_version",
    "insert_id",
    "original_commit_timestamp",
    "original_server_version",
    "profiling",
    "pseudo_replica_mode",
    "pseudo_slave_mode",
    "pseudo_thread_id",
    "rand_seed1",
    "rand_seed2",
    "server_id",
    "skip_replication",
    "sql_log_bin",
    "sql_slave_skip_counter",  // refused where replication runs
    "timestamp",
});

// Reported as an empty value when they are NULL; none of them takes an empty one.
constexpr auto kNullable = std::to_array<std::string_view>({
    "character_set_results",
    "default_tmp_storage_engine",
    "enforce_storage_engine",
    "external_table_storage_engine",
    "innodb_ft_user_stopword_table",
    "innodb_tmpdir",
});

// Setting one of these changes others too, without a report: what was set last has to be replayed last, even
// if it had that value before.
constexpr auto kLinked = std::to_array<std::string_view>({
    "alter_algorithm",
    "character_set_connection",
    "character_set_server",
    "collation_connection",
    "collation_server",
    "default_storage_engine",
    "log_queries_not_using_indexes",
    "log_slow_admin_statements",
    "log_slow_disabled_statements",
    "log_slow_filter",
    "log_slow_min_examined_row_limit",
    "log_slow_query",
    "log_slow_query_time",
    "log_slow_slave_statements",
    "long_query_time",
    "max_join_size",
    "min_examined_row_limit",
    "old",
    "old_alter_table",
    "old_mode",
    "slow_query_log",
    "sql_big_selects",
    "storage_engine",
    "wsrep_causal_reads",
    "wsrep_sync_wait",
});

// Of these with texts for values, a text may be a number.
constexpr auto kTexts = std::to_array<std::string_view>({
    "default_master_connection",
    "innodb_ft_user_stopword_table",
    "innodb_tmpdir",
});

template <size_t N>
bool contains(const std::array<std::string_view, N>& names, std::string_view name) {
  return std::any_of(names.begin(), names.end(),
                     [name](std::string_view known) { return equals_ignoring_case(known, name); });
}

bool is_name(std::string_view name) {
  return !name.empty() && name.size() <= 128 && std::all_of(name.begin(), name.end(), [](char c) {
    const char folded = static_cast<char>(c | 0x20);
    return (folded >= 'a' && folded <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '.';
  });
}

// Both servers refuse a quoted number where a number is asked for.
bool is_number(std::string_view value) {
  if (value.starts_with('-')) value.remove_prefix(1);
  const size_t point = std::min(value.find('.'), value.size());
  const std::string_view whole = value.substr(0, point);
  const std::string_view fraction = value.substr(std::min(point + 1, value.size()));
  const auto all_digits = [](std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
  };
  return !whole.empty() && all_digits(whole) && all_digits(fraction) &&
         (point == value.size() || !fraction.empty());
}

// Some variables take a text in the character set of the connection for bytes, so that of the literal is
// said. Values are reported in UTF-8.
void append_literal(std::string& out, std::string_view name, std::string_view value) {
  if (is_number(value) && !contains(kTexts, name)) {
    out += value;
    return;
  }
  append_utf8_literal(out, value);
}

}  // namespace

bool is_replayable_variable(std::string_view name) {
  return is_name(name) && !contains(kResults, name) && !contains(kConnectionBound, name);
}

bool is_connection_bound_variable(std::string_view name) {
  return contains(kConnectionBound, name);
}

bool is_reported_with_others(std::string_view name) {
  return equals_ignoring_case(name, "collation_connection") ||
         equals_ignoring_case(name, "collation_server") || equals_ignoring_case(name, "sql_big_selects");
}

bool is_unreplicated_write_variable(std::string_view name) {
  return equals_ignoring_case(name, "sql_log_bin") || equals_ignoring_case(name, "skip_replication");
}

SessionVariables::Change SessionVariables::set(std::string_view name, std::string_view value, bool null) {
  if (contains(kResults, name)) return Change::kIgnored;
  if (!is_replayable_variable(name)) return Change::kUntrackable;
  if (value.empty() && contains(kNullable, name)) null = true;
  if (null) value = {};

  const auto named = [](std::string_view wanted) {
    return [wanted](const Variable& variable) { return equals_ignoring_case(variable.name, wanted); };
  };
  const auto erase = [this](std::vector<Variable>::iterator position) {
    bytes_ -= position->name.size() + position->value.size();
    variables_.erase(position);
  };
  // A new connection character set brings its default collation, which is not reported.
  bool drops_collation = false;
  if (equals_ignoring_case(name, "character_set_connection")) {
    const auto collation = std::find_if(variables_.begin(), variables_.end(), named("collation_connection"));
    drops_collation = collation != variables_.end();
    if (drops_collation) erase(collation);
  }

  const auto known = std::find_if(variables_.begin(), variables_.end(), named(name));
  if (known != variables_.end()) {
    const bool stands_alone = known + 1 == variables_.end() || !contains(kLinked, name);
    if (known->value == value && known->null == null && stands_alone && !drops_collation)
      return Change::kUnchanged;
    erase(known);
  }
  if (variables_.size() >= kMaxVariables || bytes_ + name.size() + value.size() > kMaxBytes) {
    ++version_;
    return Change::kUntrackable;
  }
  bytes_ += name.size() + value.size();
  variables_.push_back({std::string(name), std::string(value), null, ++version_});
  return Change::kChanged;
}

const std::string* SessionVariables::find(std::string_view name) const {
  const auto known = std::find_if(variables_.begin(), variables_.end(), [name](const Variable& variable) {
    return equals_ignoring_case(variable.name, name);
  });
  return known == variables_.end() || known->null ? nullptr : &known->value;
}

void SessionVariables::clear() {
  variables_.clear();
  bytes_ = 0;
  ++version_;
}

bool SessionVariables::append_replay_sql(std::string& out, uint64_t applied_version) const {
  // They stand in the order of their versions.
  auto variable = std::find_if(variables_.begin(), variables_.end(),
                               [applied_version](const Variable& v) { return v.version > applied_version; });
  if (variable == variables_.end()) return false;
  std::string_view separator = "SET ";
  for (; variable != variables_.end(); ++variable) {
    out += separator;
    out += variable->name;
    out += '=';
    if (variable->null) {
      out += "NULL";
    } else {
      append_literal(out, variable->name, variable->value);
    }
    separator = ",";
  }
  return true;
}

bool SessionVariables::replays(std::string_view name, uint64_t applied_version) const {
  return std::any_of(variables_.begin(), variables_.end(), [&](const Variable& variable) {
    return variable.version > applied_version && equals_ignoring_case(variable.name, name);
  });
}

}  // namespace causeway::routing
