// The lexer ends, and its tokens stand in order, without overlap, inside of the text.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "lexer_mode.h"
#include "routing/sql_lexer.h"

using namespace causeway::routing;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const LexMode mode = lex_mode_of_byte(data[0]);
  const std::string_view sql(reinterpret_cast<const char*>(data) + 1, size - 1);
  SqlLexer lexer(sql, mode);
  const char* behind = sql.data();
  const char* const end = sql.data() + sql.size();
  while (true) {
    const Token token = lexer.next();
    const char* const token_end = token.text.data() + token.text.size();
    if (token.text.data() < behind || token_end > end) std::abort();
    if (token.name.data() < token.text.data() || token.name.data() + token.name.size() > token_end)
      std::abort();
    if (lexer.position() != static_cast<size_t>(token_end - sql.data())) std::abort();
    if (token.kind == TokenKind::kEnd) break;
    if (token.text.empty()) std::abort();
    if (unquote(token, mode).size() > token.name.size()) std::abort();
    behind = token_end;
  }
  if (behind > end || lexer.position() != sql.size()) std::abort();
  return 0;
}
