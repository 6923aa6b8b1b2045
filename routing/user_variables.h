// How the values of user variables get from one server connection to another.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "routing/sql_lexer.h"

namespace causeway::routing {

// The user variables that a text names, each once and as it is written: @a, @`a b`.
std::vector<std::string> user_variables_of(std::string_view sql, const LexMode& mode);

// Those whose values a statement may use, and those that it only gives one: SET @a = 1, unless it uses @a
// elsewhere. In doubt it uses them.
struct NamedVariables {
  std::vector<std::string> used;
  std::vector<std::string> assigned;
};
NamedVariables named_variables(std::string_view sql, const LexMode& mode);

// Asks for their values: one row with kColumnsOfUserVariable columns for each.
inline constexpr size_t kColumnsOfUserVariable = 3;
std::string user_variables_query(std::span<const std::string> names);

enum class UserVariableType : uint8_t { kText, kExactNumber, kFloat };

// The columns of one variable.
struct UserVariableValue {
  UserVariableType type = UserVariableType::kText;  // of the first column
  bool is_null = false;
  std::string_view value;      // of a number
  std::string_view hex;        // of a text
  std::string_view collation;  // of a text
};

// Appends name=value for a SET, with the same type, bytes and collation.
void append_user_variable(std::string& sql, std::string_view name, const UserVariableValue& value);

// The user variables of a session that live on its connection to the writer, and their values: a function, or
// a view by a function, may use them on a replica though no text names them.
class WriterVariables {
 public:
  static constexpr size_t kMaxNames = 64;

  // A statement to the writer names these, and may have set them. Beyond kMaxNames the values cannot be known
  // any more.
  void note(std::vector<std::string> names);
  // Those that note() was never told of: if they have a value, a trigger or a function has set it.
  std::vector<std::string> unknown_of(std::vector<std::string> names) const;
  // One has run there that may have set any: its text does not say which.
  void may_have_changed() { known_ = names_.empty(); }
  // name=value of each of names(), as the writer has them now.
  void learn(std::vector<std::string> assignments);
  // They are too large to be known, as good as too many.
  void give_up() { too_large_ = true; }
  void clear();

  // A statement has run on a replica that was told them, and may have set any there, by a function.
  void may_have_changed_on_replica() { suspected_.assign(names_.size(), true); }
  bool any_suspected() const;
  // Those that it may have set. They are as the replica was told once this was looked after (settle()), or
  // for those that have a value of the writer's own by now.
  std::vector<std::string> suspected() const;
  std::vector<std::string> suspected_of(const std::vector<std::string>& names) const;
  void settle(const std::vector<std::string>& names);
  // name=value of what the replica was told; of others name=NULL.
  std::string told(const std::string& name) const;

  bool any() const { return !names_.empty(); }
  bool too_many() const { return too_many_ || too_large_; }
  bool known() const { return known_; }
  const std::vector<std::string>& names() const { return names_; }
  // The SET that gives them elsewhere, where they are known.
  const std::string& set_statement() const { return set_statement_; }
  // Another one each time that they were learnt, the same or not: what has used them may have changed them.
  // Never 0.
  uint64_t version() const { return version_; }

 private:
  std::vector<std::string> names_;
  std::vector<std::string> assignments_;  // of the first of them
  std::vector<bool> suspected_;           // likewise
  std::string set_statement_;
  uint64_t version_ = 1;
  bool known_ = true;
  bool too_many_ = false;
  bool too_large_ = false;
};

}  // namespace causeway::routing
