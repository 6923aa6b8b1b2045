#include "routing/session_state.h"

#include <algorithm>
#include <array>

#include "routing/sql_lexer.h"

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
    "timestamp",
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

void append_literal(std::string& out, std::string_view value) {
  if (is_number(value)) {
    out += value;
    return;
  }
  // A backslash means different things under different sql_modes, other bytes under different character sets.
  const bool plain =
      std::all_of(value.begin(), value.end(), [](char c) { return c >= ' ' && c <= '~' && c != '\\'; });
  if (!plain) {
    constexpr std::string_view kDigits = "0123456789ABCDEF";
    out += "X'";
    for (const char c : value) {
      const auto byte = static_cast<unsigned char>(c);
      out += kDigits[byte >> 4];
      out += kDigits[byte & 15];
    }
    out += '\'';
    return;
  }
  out += '\'';
  for (const char c : value) {
    if (c == '\'') out += '\'';
    out += c;
  }
  out += '\'';
}

}  // namespace

bool is_replayable_variable(std::string_view name) {
  return is_name(name) && !contains(kResults, name) && !contains(kConnectionBound, name);
}

bool is_connection_bound_variable(std::string_view name) {
  return contains(kConnectionBound, name);
}

SessionVariables::Change SessionVariables::set(std::string_view name, std::string_view value, bool null) {
  if (contains(kResults, name)) return Change::kIgnored;
  if (!is_replayable_variable(name)) return Change::kUntrackable;
  // Both servers report NULL as an empty value; no other character set is empty.
  if (value.empty() && equals_ignoring_case(name, "character_set_results")) null = true;
  if (null) value = {};

  const auto named = [](std::string_view wanted) {
    return [wanted](const Variable& variable) { return equals_ignoring_case(variable.name, wanted); };
  };
  const auto erase = [this](std::vector<Variable>::iterator position) {
    bytes_ -= position->name.size() + position->value.size();
    variables_.erase(position);
  };
  // A new connection character set brings its default collation, which is not reported.
  const bool resets_collation = equals_ignoring_case(name, "character_set_connection");
  if (resets_collation) {
    const auto collation = std::find_if(variables_.begin(), variables_.end(), named("collation_connection"));
    if (collation != variables_.end()) erase(collation);
  }

  const auto known = std::find_if(variables_.begin(), variables_.end(), named(name));
  if (known != variables_.end()) {
    // Setting the character set again is a change all the same: of the collation.
    if (known->value == value && known->null == null && !resets_collation) return Change::kUnchanged;
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
      append_literal(out, variable->value);
    }
    separator = ",";
  }
  return true;
}

}  // namespace causeway::routing
