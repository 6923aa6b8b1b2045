#include "routing/next_transaction.h"

#include <algorithm>
#include <initializer_list>

namespace causeway::routing {
namespace {

class Reader {
 public:
  Reader(std::string_view text, const LexMode& mode) : lexer_(text, mode) { token_ = lexer_.next(); }

  bool at_end() const { return token_.kind == TokenKind::kEnd || token_.kind == TokenKind::kTerminator; }
  void advance() { token_ = lexer_.next(); }
  bool accept_comma() {
    if (token_.kind != TokenKind::kOperator || token_.text != ",") return false;
    advance();
    return true;
  }
  // All of them in this order, or none.
  bool accept(std::initializer_list<std::string_view> words) {
    const SqlLexer lexer = lexer_;
    const Token token = token_;
    for (const std::string_view word : words) {
      if (token_.kind != TokenKind::kWord || !equals_ignoring_case(token_.text, word)) {
        lexer_ = lexer;
        token_ = token;
        return false;
      }
      advance();
    }
    return true;
  }

 private:
  SqlLexer lexer_;
  Token token_;
};

Isolation accept_level(Reader& reader) {
  if (reader.accept({"READ", "UNCOMMITTED"})) return Isolation::kReadUncommitted;
  if (reader.accept({"READ", "COMMITTED"})) return Isolation::kReadCommitted;
  if (reader.accept({"REPEATABLE", "READ"})) return Isolation::kRepeatableRead;
  if (reader.accept({"SERIALIZABLE"})) return Isolation::kSerializable;
  return Isolation::kOfSession;
}

// One characteristic; what is of no kind, or of one that `next` has already, is not accepted.
bool accept_characteristic(Reader& reader, NextTransaction& next) {
  if (reader.accept({"ISOLATION", "LEVEL"})) {
    const bool again = next.isolation != Isolation::kOfSession;
    next.isolation = accept_level(reader);
    return !again && next.isolation != Isolation::kOfSession;
  }
  const bool again = next.access != AccessMode::kOfSession;
  if (reader.accept({"READ", "ONLY"})) {
    next.access = AccessMode::kReadOnly;
  } else if (reader.accept({"READ", "WRITE"})) {
    next.access = AccessMode::kReadWrite;
  } else {
    return false;
  }
  return !again;
}

std::string_view name_of(Isolation isolation) {
  switch (isolation) {
    case Isolation::kOfSession:
      break;
    case Isolation::kReadUncommitted:
      return "READ UNCOMMITTED";
    case Isolation::kReadCommitted:
      return "READ COMMITTED";
    case Isolation::kRepeatableRead:
      return "REPEATABLE READ";
    case Isolation::kSerializable:
      return "SERIALIZABLE";
  }
  return {};
}

}  // namespace

bool parse_characteristics(std::string_view text, const LexMode& mode, NextTransaction& next) {
  Reader reader(text, mode);
  do {
    if (!accept_characteristic(reader, next)) return false;
  } while (reader.accept_comma());
  return reader.at_end();
}

void add_characteristics(NextTransaction& next, const NextTransaction& more) {
  if (more.isolation != Isolation::kOfSession) next.isolation = more.isolation;
  if (more.access != AccessMode::kOfSession) next.access = more.access;
}

NextTransaction parse_reported_characteristics(std::string_view report) {
  NextTransaction next;
  while (!report.empty()) {
    const size_t end = std::min(report.find(';'), report.size());
    Reader reader(report.substr(0, end), LexMode{});
    if (reader.accept({"SET", "TRANSACTION"})) accept_characteristic(reader, next);
    report.remove_prefix(std::min(end + 1, report.size()));
  }
  return next;
}

void append_set_transaction(std::string& sql, const NextTransaction& next) {
  if (!next.any()) return;
  sql += "SET TRANSACTION";
  if (next.isolation != Isolation::kOfSession)
    sql.append(" ISOLATION LEVEL ").append(name_of(next.isolation));
  if (next.access == AccessMode::kOfSession) return;
  if (next.isolation != Isolation::kOfSession) sql += ',';
  sql += next.access == AccessMode::kReadOnly ? " READ ONLY" : " READ WRITE";
}

}  // namespace causeway::routing
