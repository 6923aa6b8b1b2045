#include "routing/user_variables.h"

#include <algorithm>

namespace causeway::routing {

std::vector<std::string> user_variables_of(std::string_view sql, const LexMode& mode) {
  std::vector<std::string> names;
  SqlLexer lexer(sql, mode);
  for (Token token = lexer.next(); token.kind != TokenKind::kEnd; token = lexer.next()) {
    if (token.kind != TokenKind::kUserVariable) continue;
    if (std::ranges::find(names, token.text) == names.end()) names.emplace_back(token.text);
  }
  return names;
}

std::string user_variables_query(std::span<const std::string> names) {
  std::string sql;
  for (const std::string& name : names) {
    sql.append(sql.empty() ? "SELECT " : ",").append(name);
    sql.append(",HEX(").append(name).append("),COLLATION(").append(name).append(")");
  }
  return sql.append(" LIMIT 1");  // whatever sql_select_limit the session has
}

void append_user_variable(std::string& sql, std::string_view name, const UserVariableValue& value) {
  sql.append(name).append("=");
  if (value.is_null) {
    sql += "NULL";
    return;
  }
  switch (value.type) {
    case UserVariableType::kExactNumber:
      sql += value.value;
      return;
    case UserVariableType::kFloat:
      sql += value.value;
      if (value.value.find_first_of("eE") == std::string_view::npos) sql += "e0";
      return;
    case UserVariableType::kText:
      break;
  }
  const std::string_view charset = value.collation.substr(0, value.collation.find('_'));
  sql.append("_").append(charset).append(" X'").append(value.hex).append("'");
  if (charset != value.collation) sql.append(" COLLATE ").append(value.collation);
}

}  // namespace causeway::routing
