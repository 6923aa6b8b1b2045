#include "routing/transaction_state.h"

#include <algorithm>
#include <utility>

#include "routing/statement_effects.h"

namespace causeway::routing {
namespace {

bool is_read(StatementClass cls) {
  return cls == StatementClass::kRead || cls == StatementClass::kLockingRead ||
         cls == StatementClass::kWriterRead;
}

}  // namespace

bool may_write(StatementClass cls) {
  switch (cls) {
    case StatementClass::kEmpty:
    case StatementClass::kRead:
    case StatementClass::kLockingRead:
    case StatementClass::kWriterRead:
    case StatementClass::kDiagnostics:
    case StatementClass::kSet:
    case StatementClass::kUse:
    case StatementClass::kBegin:
      return false;
    default:
      return true;
  }
}

TransactionState::TransactionState(const Defaults& defaults)
    : autocommit_(defaults.autocommit),
      autocommit_off_(!defaults.autocommit),
      read_only_(defaults.read_only),
      completion_type_(defaults.completion_type) {}

bool TransactionState::is_certainly_uncommitted(const Statement& statement, bool sent) const {
  if (sent && may_commit(statement)) return false;
  switch (doubt_) {
    case TransactionDoubt::kNone:
      return true;
    case TransactionDoubt::kMayHaveEnded:  // then a write is one by itself
      return !sent || !autocommit_ || !may_write(statement.cls);
    case TransactionDoubt::kMayHaveCommitted:
      return false;
  }
  return false;
}

void TransactionState::fill(SessionView& view) const {
  view.transaction = where_;
  view.snapshot_due = snapshot_due();
  view.begin_deferred = begin_deferred_;
  view.deferred_read_only = deferred_read_only();
  view.autocommit = autocommit_;
  view.transaction_read_only = read_only_ && next_.access != AccessMode::kReadWrite;
  view.next_transaction_read_only = next_.access == AccessMode::kReadOnly;
}

void TransactionState::begin_later(const Statement& statement, bool keeps_access_mode) {
  // COMMIT AND CHAIN of a transaction of which nothing was sent leaves it as it is.
  if (begin_deferred_ && statement.cls != StatementClass::kBegin) return;
  const bool was_read_only = deferred_read_only();
  // The first one has spent it, and MariaDB's second begins anew.
  if (begin_deferred_ && !keeps_access_mode) next_ = {};
  SessionView view;
  fill(view);
  view.begin_keeps_access_mode = keeps_access_mode;
  deferred_read_only_ = starts_read_only(statement, view);
  // Of two the first may be the one that says READ ONLY.
  const bool same_again = was_read_only && deferred_read_only_ && !statement.transaction.read_only;
  if (statement.cls != StatementClass::kBegin) {
    begin_sql_ = "BEGIN";
  } else if (!same_again) {
    begin_sql_.assign(statement.text);
  }
  begin_deferred_ = true;
}

void TransactionState::forget_deferred() {
  begin_deferred_ = false;
  deferred_read_only_ = false;
  begin_sql_.clear();
  next_ = {};
  next_sent_to_ = Target::kNone;
}

void TransactionState::begin_again() {
  next_.isolation = characteristics_.isolation;
  close();
  begin_deferred_ = true;
  deferred_read_only_ = true;
  begin_sql_ = "START TRANSACTION READ ONLY";
}

bool TransactionState::sends_next_with(const Statement& statement) const {
  if (!next_.any() || next_sent_to_ != Target::kNone) return false;
  const bool shows_variables = statement.mentions.access_mode || statement.shows.variables;
  const bool begins_none = !is_begun() && statement.cls == StatementClass::kRead && shows_variables &&
                           (autocommit_ || !statement.mentions.from);
  return !begins_none;
}

void TransactionState::server_holds_next(const NextTransaction& left) {
  const bool stood_for_read_write =
      left.access == AccessMode::kReadOnly && next_.access == AccessMode::kReadWrite;
  next_ = left;
  if (stood_for_read_write) next_.access = AccessMode::kReadWrite;
}

// Without autocommit whatever reads or writes a table begins one. What runs on a replica is a read, or
// touches none.
void TransactionState::assume(const Statement& statement, const Answer& answer, bool& in_transaction) {
  const bool begins = answer.target == Target::kWriter || is_read(statement.cls);
  if (answer.understood && (is_opaque(statement) || (!autocommit_ && begins))) in_transaction = true;
  if (!in_transaction) return;
  const bool may_have_committed = may_commit(statement) && answer.understood;
  doubt_ = std::max(
      doubt_, may_have_committed ? TransactionDoubt::kMayHaveCommitted : TransactionDoubt::kMayHaveEnded);
}

// Whether the transaction on a replica that is open behind the statement has read something by then: what it
// sees is fixed.
bool TransactionState::takes_snapshot(const Statement& statement) const {
  const bool had = where_ == Target::kReplica && !snapshot_due_;
  switch (statement.cls) {
    case StatementClass::kBegin:
      return statement.transaction.consistent_snapshot;
    case StatementClass::kCommit:
    case StatementClass::kRollback:
      return had && !statement.transaction.chain;
    case StatementClass::kEmpty:
    case StatementClass::kDiagnostics:
    case StatementClass::kSet:
    case StatementClass::kUse:
      return had;
    default:
      return true;
  }
}

// Of the transaction that is open behind the statement.
NextTransaction TransactionState::characteristics_behind(const Statement& statement, const Answer& answer,
                                                         bool was_open) const {
  const bool begins = begin_deferred_ || statement.cls == StatementClass::kBegin;
  if (was_open && !begins) return characteristics_;
  // MySQL: BEGIN in a transaction begins another of the same kind.
  NextTransaction all = was_open && answer.keeps_access_mode ? characteristics_ : NextTransaction{};
  if (answer.sent_next) add_characteristics(all, next_);
  const bool read_only = begin_deferred_ ? deferred_read_only_ : statement.transaction.read_only;
  const bool read_write = begin_deferred_ ? !read_only && read_only_ : statement.transaction.read_write;
  if (read_only) all.access = AccessMode::kReadOnly;
  if (read_write) all.access = AccessMode::kReadWrite;
  return all;
}

TransactionState::Followed TransactionState::on_answer(const Statement& statement, const Answer& answer) {
  flag_says_autocommit(answer.autocommit);
  bool in_transaction = answer.in_transaction;
  if (answer.is_error && answer.sent) {
    assume(statement, answer, in_transaction);
  } else if (!answer.is_error) {
    doubt_ = TransactionDoubt::kNone;
  }
  Followed followed{.in_transaction = in_transaction};
  const bool was_open = is_on(answer.target);
  NextTransaction left;
  if (in_transaction) {
    snapshot_due_ = answer.target == Target::kReplica && !takes_snapshot(statement);
    characteristics_ = characteristics_behind(statement, answer, was_open);
    where_ = answer.target;
    followed.begun = !was_open;
  } else if (was_open) {
    left = characteristics_;
    close();
  }
  const bool sent_next = answer.sent_next || statement.set.next_transaction;
  // Behind an error it only may have begun.
  const bool in_doubt = !begin_deferred_ && !was_open && doubt_ != TransactionDoubt::kNone;
  if (begin_deferred_ || (in_transaction && !in_doubt)) {
    // What went ahead of this statement holds for the transaction that has begun. After COMMIT AND CHAIN and
    // the like the servers' flags say what is.
    forget_deferred();
  } else if (sent_next) {
    next_sent_to_ = answer.target;
    next_sent_incarnation_ = answer.incarnation;
  } else if (left.any() && statement.set.autocommit && !answer.is_error) {
    // What ended so leaves them to the next one.
    next_ = left;
    followed.holds_next = true;
  }
  return followed;
}

void TransactionState::on_status(Target asked, bool in_transaction) {
  if (!is_on(asked) || doubt_ == TransactionDoubt::kNone) return;
  doubt_ = TransactionDoubt::kNone;
  if (!in_transaction) close();
}

void TransactionState::lost(Target target) {
  if (is_on(target)) close();
}

void TransactionState::leave_read_only() {
  close();
  forget_deferred();
}

void TransactionState::idle_for_too_long() {
  close();
  idle_for_too_long_ = true;
}

bool TransactionState::take_idle_for_too_long() {
  return std::exchange(idle_for_too_long_, false);
}

void TransactionState::close() {
  where_ = Target::kNone;
  snapshot_due_ = false;
  doubt_ = TransactionDoubt::kNone;
  characteristics_ = {};
}

}  // namespace causeway::routing
