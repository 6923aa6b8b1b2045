#include "proxy/session/prepared_statements.h"

#include <utility>

namespace causeway::proxy {

using routing::Target;

std::unique_ptr<PreparedStatement> PreparedStatements::make() {
  auto statement = std::make_unique<PreparedStatement>();
  // Ids are not used again before all others were; 0 and MariaDB's "the last one" are none.
  do {
    statement->id = next_id_++;
  } while (statement->id == 0 || statement->id == protocol::kMariadbLastStatementId ||
           by_id_.contains(statement->id));
  for (PreparedThere& there : statement->there)
    there.statement = statement.get();
  return statement;
}

void PreparedStatements::keep(std::unique_ptr<PreparedStatement> statement) {
  last_ = statement->id;
  by_id_.insert_or_assign(last_, std::move(statement));
}

PreparedStatement* PreparedStatements::find(uint32_t id) {
  const auto found = by_id_.find(id == protocol::kMariadbLastStatementId ? last_ : id);
  return found == by_id_.end() ? nullptr : found->second.get();
}

void PreparedStatements::erase(PreparedStatement& statement) {
  set_cursor(statement, Target::kNone);
  by_id_.erase(statement.id);
}

void PreparedStatements::used(PreparedThere& there, Target target) {
  there.unlink();
  recency_[side(target)].push_back(there);
}

PreparedThere* PreparedStatements::least_recently_used(Target target, uint64_t incarnation) {
  Recency& recency = recency_[side(target)];
  for (auto at = recency.begin(); at != recency.end();) {
    PreparedThere& there = *at++;
    if (there.incarnation != incarnation) {
      there.unlink();
    } else if (there.statement->cursor != target) {
      return &there;
    }
  }
  return nullptr;
}

void PreparedStatements::set_cursor(PreparedStatement& statement, Target target) {
  if (statement.cursor == target) return;
  if (statement.cursor != Target::kNone) --cursors_[side(statement.cursor)];
  if (target != Target::kNone) ++cursors_[side(target)];
  statement.cursor = target;
}

void PreparedStatements::lose_cursors(Target target) {
  for (auto& [id, statement] : by_id_) {
    if (statement->cursor == target) set_cursor(*statement, Target::kNone);
  }
}

void drop_long_data(PreparedStatement& statement) {
  statement.long_data.clear();
  statement.long_data_parameters.clear();
  statement.long_data_bytes = 0;
  statement.long_data_too_long = false;
}

}  // namespace causeway::proxy
