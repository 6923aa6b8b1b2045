// Classified statements stand in order inside of the text, and classifying one of them alone gives the same
// class.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "lexer_mode.h"
#include "routing/causeway_variables.h"
#include "routing/classifier.h"
#include "routing/kill_statement.h"
#include "routing/processlist_table.h"
#include "routing/show_filter.h"

using namespace causeway::routing;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const LexMode mode = lex_mode_of_byte(data[0]);
  const std::string_view sql(reinterpret_cast<const char*>(data) + 1, size - 1);
  Classified classified;
  classify(sql, mode, classified);
  if (classified.statements.empty()) std::abort();
  if (classified.multi != (classified.statements.size() > 1)) std::abort();
  const char* behind = sql.data();
  for (const Statement& statement : classified.statements) {
    const char* const end = statement.text.data() + statement.text.size();
    if (statement.text.data() < behind || end > sql.data() + sql.size()) std::abort();
    behind = end;
  }
  // A version comment may reach over a terminator, and two dashes are a comment at the end of a text but not
  // before a terminator: syntax errors both.
  if (sql.find("/*") == std::string_view::npos && sql.find("--") == std::string_view::npos) {
    const Statement& first = classified.statements.front();
    Classified alone;
    classify(first.text, mode, alone);
    if (alone.statements.front().cls != first.cls) std::abort();
  }
  static_cast<void>(parse_kill(sql, mode));
  static_cast<void>(parse_show_filter(sql, mode));
  static_cast<void>(replace_causeway_variables(
      sql, mode, [](CausewayVariable, VariableScope) { return "1"; }, 1));
  // What is left alone has no such table in it.
  if (!classified.statements.front().mentions.forwarding_processlist &&
      replace_forwarding_processlist(classified.statements.front().text, mode, true, "SELECT 1") !=
          classified.statements.front().text)
    std::abort();
  return 0;
}
