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

// Appends `name`=value for a SET, with the same type, bytes and collation.
void append_user_variable(std::string& sql, std::string_view name, const UserVariableValue& value);

}  // namespace causeway::routing
