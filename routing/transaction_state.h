// The transaction of one client session: what servers have of it, and what they do not know yet.
#pragma once

#include <cstdint>
#include <string>

#include "routing/next_transaction.h"
#include "routing/route_decision.h"
#include "routing/statement.h"

namespace causeway::routing {

// An ERR packet says nothing of the transaction. Until a server does, one is taken to be open, and...
enum class TransactionDoubt : uint8_t {
  kNone,
  kMayHaveEnded,      // it may have been rolled back, as by a deadlock
  kMayHaveCommitted,  // what was done in it may be committed
};

// Whether statements of this class may change something on the writer.
bool may_write(StatementClass cls);

// A transaction is
//
//   deferred ....... BEGIN was answered and goes ahead of the next statement: begin_later()
//   open ........... on one server, as its status flags say, or in doubt since an error: on_answer()
//   lost ........... with its connection: lost(), idle_for_too_long()
//
// and SET TRANSACTION for the next one is kept here (next()), or by a server that was sent it and may or may
// not have spent it (next_sent_to()).
class TransactionState {
 public:
  // The session variables that it begins with, as the server's defaults have them.
  struct Defaults {
    bool autocommit = true;
    bool read_only = false;
    CompletionType completion_type = CompletionType::kNoChain;
  };

  TransactionState() = default;
  explicit TransactionState(const Defaults& defaults);

  // --- session variables

  // False: a statement begins a transaction by itself.
  bool autocommit() const { return autocommit_; }
  // A server's status flag says it. Of a server's own default MySQL's flag does not (9.7), the variable does.
  void flag_says_autocommit(bool on) { autocommit_ = on && !autocommit_off_; }
  void set_autocommit_variable(bool on) { autocommit_off_ = !on; }

  bool read_only_variable() const { return read_only_; }
  void set_read_only_variable(bool on) { read_only_ = on; }

  CompletionType completion_type() const { return completion_type_; }
  void set_completion_type(CompletionType type) { completion_type_ = type; }

  // --- what is open

  // Where a transaction is open, or may be; kNone: nowhere.
  Target where() const { return where_; }
  bool is_open() const { return where_ != Target::kNone; }
  bool is_on(Target target) const { return where_ == target; }

  // It is on a replica and has read nothing there: the first read makes the snapshot that all of it sees, and
  // so is the one that waits for what the session must see.
  bool snapshot_due() const { return where_ == Target::kReplica && snapshot_due_; }

  TransactionDoubt doubt() const { return doubt_; }

  // What it has that is not the session's: of SET TRANSACTION, and whether its BEGIN has said READ ONLY or
  // READ WRITE.
  const NextTransaction& characteristics() const { return characteristics_; }

  // What its client takes to be open, whether a server knows of it or not.
  bool is_begun() const { return is_open() || begin_deferred(); }
  // ... which is READ ONLY, as far as that is known here: one on the writer may be.
  bool is_known_read_only() const { return begin_deferred() ? deferred_read_only_ : is_on(Target::kReplica); }

  // Whether all of it ends with its connection and nothing can have been committed. `sent`: some of the
  // statement may have reached the server.
  bool is_certainly_uncommitted(const Statement& statement, bool sent) const;

  // What decide() has to know of it.
  void fill(SessionView& view) const;

  // --- BEGIN that was answered and not sent

  bool begin_deferred() const { return begin_deferred_; }
  bool deferred_read_only() const { return begin_deferred_ && deferred_read_only_; }
  const std::string& begin_sql() const { return begin_sql_; }  // as the client wrote it

  // BEGIN, or COMMIT AND CHAIN. `keeps_access_mode`: on MySQL a BEGIN in a transaction begins another of the
  // same mode.
  void begin_later(const Statement& statement, bool keeps_access_mode);

  // COMMIT or ROLLBACK of it; or its server is gone with all that was sent.
  void forget_deferred();

  // The one on a replica has read nothing and begins once more, elsewhere. Its connection is to be closed.
  void begin_again();

  // --- SET TRANSACTION for the next one

  const NextTransaction& next() const { return next_; }
  void set_next(const NextTransaction& more) { add_characteristics(next_, more); }
  void spend_next() { next_ = {}; }

  // SET TRANSACTION goes ahead of whatever may begin a transaction: not of a question for session variables,
  // which would see what it is followed by.
  bool sends_next_with(const Statement& statement) const;

  // Who may still hold what was sent ahead of a statement that has begun no transaction: only that server
  // knows. kNone: nobody.
  Target next_sent_to() const { return next_sent_to_; }
  uint64_t next_sent_incarnation() const { return next_sent_incarnation_; }
  // The connection has to be kept until it was asked; whether it is kept for other reasons, too.
  void next_holds_connection(bool kept_anyway) { next_connection_kept_ = kept_anyway; }
  bool next_connection_kept() const { return next_connection_kept_; }
  // It is about to be asked, or gone: then what it held counts as not spent, since a write too few can be
  // repeated.
  void next_is_settled() { next_sent_to_ = Target::kNone; }
  // It has answered that this is left. READ ONLY stands for a READ WRITE where a replica was sent that.
  void server_holds_next(const NextTransaction& left);

  // --- answers

  struct Answer {
    Target target = Target::kNone;
    uint64_t incarnation = 0;     // of the connection
    bool in_transaction = false;  // by the status flags: behind an error, those of before
    bool autocommit = true;       // likewise
    bool is_error = false;
    bool sent = true;                // false: the error came before the statement was sent
    bool understood = true;          // false: the error is of the parser, and nothing has run
    bool sent_next = false;          // sends_next_with(), when it was sent
    bool keeps_access_mode = false;  // see begin_later()
  };
  struct Followed {
    bool in_transaction = false;  // the connection counts as being in one
    bool begun = false;           // it was not before
    bool holds_next = false;      // ... and it holds what is next()
  };
  // A server has answered a statement of the session's transaction.
  Followed on_answer(const Statement& statement, const Answer& answer);
  // ... that has nothing to do with it, since the transaction is elsewhere and stays there.
  void on_answer_beside(const Answer& answer) { flag_says_autocommit(answer.autocommit); }

  // The server that may have it open was asked: no more doubt.
  void on_status(Target asked, bool in_transaction);

  // --- ends

  // The connection is gone, with whatever was open on it.
  void lost(Target target);

  // A statement that commits implicitly ends the READ ONLY transaction on the replica, deferred or open.
  void leave_read_only();

  // It was rolled back, which the next statement is to say.
  void idle_for_too_long();
  bool was_idle_for_too_long() const { return idle_for_too_long_; }
  // True once.
  bool take_idle_for_too_long();

 private:
  void close();
  NextTransaction characteristics_behind(const Statement& statement, const Answer& answer,
                                         bool was_open) const;
  bool takes_snapshot(const Statement& statement) const;
  void assume(const Statement& statement, const Answer& answer, bool& in_transaction);

  bool autocommit_ = true;
  bool autocommit_off_ = false;
  bool read_only_ = false;
  CompletionType completion_type_ = CompletionType::kNoChain;

  Target where_ = Target::kNone;
  bool snapshot_due_ = false;
  TransactionDoubt doubt_ = TransactionDoubt::kNone;
  NextTransaction characteristics_;

  bool begin_deferred_ = false;
  bool deferred_read_only_ = false;
  std::string begin_sql_;

  NextTransaction next_;
  Target next_sent_to_ = Target::kNone;
  uint64_t next_sent_incarnation_ = 0;
  bool next_connection_kept_ = false;

  bool idle_for_too_long_ = false;
};

}  // namespace causeway::routing
