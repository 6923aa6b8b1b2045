// Walks over the tokens of a text and notes, for one statement at a time, what its words mean wherever they
// stand: variables, functions, locking clauses. What the statement is, is the classifier's business.
#pragma once

#include <string_view>

#include "routing/keywords.h"
#include "routing/sql_lexer.h"
#include "routing/statement.h"

namespace causeway::routing {

class StatementScanner {
 public:
  // Starts at the first token of `sql`. Both must outlive the scanner.
  StatementScanner(std::string_view sql, const LexMode& mode) : lexer_(sql, mode) {}

  // Starts a statement: its first token becomes current, and what is noted from now on goes to `statement`.
  void start(Statement& statement);

  // Makes the next token current. Stays at the end of a statement, unless it has a compound body.
  void advance();

  // At the terminator or at the end of the text. A `;` in a compound body is neither.
  bool at_end() const {
    return token_.kind == TokenKind::kEnd || (token_.kind == TokenKind::kTerminator && !statement_->compound);
  }
  bool at_text_end() const { return token_.kind == TokenKind::kEnd; }

  const LexMode& mode() const { return lexer_.mode(); }
  const Token& token() const { return token_; }
  // The current token's keyword; kNoKeyword for names, and for all that is no word.
  Keyword keyword() const { return keyword_; }
  Keyword previous_keyword() const { return previous_[0]; }
  bool is_operator(char c) const {
    return token_.kind == TokenKind::kOperator && token_.text.size() == 1 && token_.text.front() == c;
  }
  // Number of open parentheses; below 0 where the text closes more than it opens.
  int depth() const { return depth_; }

  // Whether something like SET @@a = 1 was met, without a scope: nothing tells that it was set.
  bool has_set_bare_variable() const { return has_set_bare_variable_; }

  // Skips the current token if it is this keyword.
  bool accept(Keyword keyword);
  // Likewise a one-byte operator.
  bool accept_operator(char c);
  // Skips everything up to the end of the statement.
  void skip_to_end();

 private:
  void note_word();
  void note_operator();
  void note_call(Keyword function);
  void note_user_variable();
  void note_system_variable();
  void fetch();

  SqlLexer lexer_;
  Statement* statement_ = nullptr;
  Token token_;
  Keyword keyword_ = kNoKeyword;
  TokenKind previous_kind_ = TokenKind::kEnd;
  std::string_view previous_name_;  // of a quoted identifier that could be a function's name, else empty
  Keyword previous_[3] = {};        // keywords of the tokens before the current one, the nearest first
  int depth_ = 0;
  bool awaits_argument_ = false;  // LAST_INSERT_ID( was met
  bool has_set_bare_variable_ = false;
};

}  // namespace causeway::routing
