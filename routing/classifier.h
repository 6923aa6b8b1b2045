// From SQL text to Statements: splits a multi-statement text and says of each part which row of the
// contract's table it is. The table itself is in README.md.
#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

#include "routing/sql_lexer.h"
#include "routing/statement.h"

namespace causeway::routing {

// A text with more statements than this is taken apart piece by piece (Classified::rest).
inline constexpr size_t kMaxStatements = 1000;

// The statements of one text, in order. Up to four are held without allocating.
class StatementList {
 public:
  void clear();
  void push_back(const Statement& statement);

  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  std::span<const Statement> view() const {
    return {overflow_.empty() ? inline_.data() : overflow_.data(), size_};
  }
  const Statement& operator[](size_t index) const { return view()[index]; }
  const Statement& front() const { return view().front(); }
  auto begin() const { return view().begin(); }
  auto end() const { return view().end(); }

 private:
  static constexpr size_t kInline = 4;
  std::array<Statement, kInline> inline_{};
  std::vector<Statement> overflow_;  // all of them, once there are more than kInline
  size_t size_ = 0;
};

struct Classified {
  StatementList statements;  // at least one; a text without any statement gives one kEmpty
  bool multi = false;        // more than one statement
  // With more than kMaxStatements the list ends there: what is behind the last one's `;`, else empty.
  std::string_view rest;
};

// Classifies `sql`; `out` is overwritten (reuse it to reuse its memory). Views in `out` point into `sql`.
// Splits at
// `;` outside literals. A `;` at the end of the text, with white space, starts no further statement. The text
// behind the start of a compound body (CREATE PROCEDURE ... BEGIN, BEGIN NOT ATOMIC) belongs to its statement
// up to the end. Never fails: what is not understood is kUnknown.
void classify(std::string_view sql, const LexMode& mode, Classified& out);

}  // namespace causeway::routing
