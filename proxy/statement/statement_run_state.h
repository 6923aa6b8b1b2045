// One run of a command: what its ways over a replica (statement_run_replica.cc) and over the writer
// (statement_run_writer.cc) share. Of no interest outside these files and statement_run.cc.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "consistency/read_plan.h"
#include "proxy/backend/global_probe.h"
#include "proxy/backend/shard.h"
#include "proxy/session/session_leases.h"
#include "proxy/statement/exchange.h"
#include "proxy/statement/next_step.h"
#include "proxy/statement/statement_run.h"
#include "routing/read_retry.h"

namespace causeway::proxy {

// The state of one run; its member functions are the ways it can go.
class RunningStatement {
 public:
  RunningStatement(SessionParts session, const ClientCommand& command, const routing::Decision& decision)
      : session_(session), command_(command), decision_(decision), start_(Clock::now()) {
    session.waiter.query_killed = false;
    session.shard.note_time(start_);
  }

  Awaitable<RunOutcome> run();

 private:
  bool may_use_variables_of_writer() const;
  Awaitable<RunOutcome> run_with_variables();
  Awaitable<RunOutcome> run_on_replica();
  Awaitable<RunOutcome> run_on_writer();

  // One try on one replica.
  struct ReadAttempt {
    size_t node = kNoNode;
    uint64_t view_version = 0;    // of the servers, when the node was chosen
    bool bound = false;           // there is no other one for it
    bool in_transaction = false;  // of the session, on the replica
    bool calls = false;           // a procedure, in a transaction
    consistency::ReadPlan plan;
  };
  Awaitable<RunOutcome> run_by_policy(const ReadAttempt& attempt);
  ClientError not_in_time(size_t node) const;
  bool is_still_right(const ReadAttempt& attempt) const;
  PooledConnection own_on_replica(const ReadAttempt& attempt);
  Awaitable<std::optional<RunOutcome>> on_not_acquired(ReadAttempt attempt, const AcquireResult& acquired);
  Placement place_on_replica(ReadAttempt& attempt);
  void after_answered_read(const ReadAttempt& attempt, BackendConnection& connection,
                           const ExchangeResult& result);
  void note_failed_wait(const ReadAttempt& attempt);
  Awaitable<std::optional<RunOutcome>> after_unanswered_read(const ReadAttempt& attempt,
                                                             BackendConnection& connection,
                                                             ExchangeResult result, bool began);

  // One try on the writer, and what was there when the statement came.
  struct WriteAttempt {
    size_t node = kNoNode;
    Clock::time_point deadline;       // for a writer to be there
    bool bound = false;               // the statement runs on the session's connection or not at all
    bool was_in_transaction = false;  // there
    bool has_user_variables = false;
    bool state_lives_there = false;  // that a server would have closed the client connection with
  };
  bool has_lost_writer(const WriteAttempt& attempt);
  Awaitable<void> await_change(Clock::time_point deadline);
  Awaitable<std::optional<RunOutcome>> on_not_acquired(WriteAttempt attempt, const AcquireResult& acquired);
  Placement place_on_writer(const WriteAttempt& attempt);
  void check_writer(const WriteAttempt& attempt, Placement& placement) const;
  bool begins_transaction() const;
  bool needs_last_insert_id() const;
  Awaitable<std::optional<RunOutcome>> after_unanswered_write(WriteAttempt attempt,
                                                              BackendConnection& connection,
                                                              ExchangeResult result, bool begins);
  ClientError nobody_to_write_to() const;
  ClientError error_of(const NextStep& next, const ExchangeResult& result, size_t node,
                       const std::string& reason) const;
  void leave(BackendConnection& connection, const NextStep& next);
  // A read for which no replica can be used, or that was not answered by one: what happens instead. Nothing:
  // it is to be tried on another one.
  Awaitable<RunOutcome> run_without_replica();
  Awaitable<std::optional<RunOutcome>> on_miss(size_t node, routing::ReadMiss miss, ClientError error);
  bool writer_takes_reads() const;
  consistency::TimeoutPolicy policy() const;
  bool is_repetition() const;
  Awaitable<RunOutcome> on_replica_lost(size_t node, const std::string& reason);
  Awaitable<RunOutcome> fail(ClientError error);
  Awaitable<void> await_last_insert_id();
  Awaitable<void> learn_last_insert_id();
  Placement place();
  void note_rows_counted_elsewhere();
  bool replicas_commit_in_order();
  Awaitable<RunOutcome> on_writer_lost(const ExchangeResult& result, WriteAttempt attempt);

  // The plan for a read on a replica; the second one after kProbeThenDecide.
  consistency::ReadRequest read_request(size_t node);
  void goes_stale(const consistency::ReadPlan& plan);
  Awaitable<void> ask_writer();
  Awaitable<consistency::ReadPlan> plan_after_probe(size_t node);

  void abort_lost_statement(const BackendConnection& connection);

  std::optional<std::chrono::milliseconds> max_lag() const;
  size_t choose_replica();
  void leave_out_writer();
  void begin_anew();
  void move_to(size_t node);
  bool move_for(const consistency::Position& target);
  AccessOnReplica access_on_replica() const;
  bool read_only_by_causeway() const;
  // What a read on a replica has to see, and what the session or the statement's hint asks for: in a
  // transaction reads wait for nothing.
  consistency::ReadConsistency level() const;
  consistency::ReadConsistency asked_level() const;
  // Its replica's position has to be one that can be trusted.
  bool trusts() const {
    return level() == consistency::ReadConsistency::kSession ||
           level() == consistency::ReadConsistency::kGlobal;
  }
  std::chrono::milliseconds time_left(std::chrono::milliseconds limit, Clock::time_point now) const;
  std::string node_name(size_t node) const { return session_.shard.cluster().view().nodes[node].name; }
  SchemaUse schema_use() const;
  // Another connection to this node than the lease's own. Waits in the node's line for
  // forwarding.writer_queue_timeout at the most.
  Awaitable<AcquireResult> acquire_other(size_t node, BackendLease& lease);
  // A read that may run on the writer only while that is the writer indeed.
  bool must_see_all() const;
  // Something lives in the session's connection to this server that another one does not have.
  bool bound_to(routing::Target target) const;
  RunOutcome answered(const ExchangeResult& result) const {
    return {.close = false, .is_error = result.is_error, .next_sequence_id = result.next_sequence_id};
  }

  void after_replica(BackendConnection& connection, const ExchangeResult& result,
                     const consistency::ReadPlan& plan);
  void after_writer(BackendConnection& connection, const ExchangeResult& result,
                    uint64_t token_version_before, bool was_in_transaction);
  void after_either(BackendConnection& connection, const ExchangeResult& result, routing::Target target);
  void after_statement(BackendConnection& connection, const ExchangeResult& result, routing::Target target);
  void follow_transaction(BackendConnection& connection, const ExchangeResult& result,
                          routing::Target target);
  protocol::StatusFlags transaction_elsewhere() const;
  void note_variables(const routing::Statement& statement, routing::Target target);
  void note_functions(const ExchangeResult& result, routing::Target target);
  std::vector<std::string> names_of_several() const;
  void note_replica_variables(const routing::Statement& statement);
  void settle_pins(routing::Target target);
  void update_pins(const ExchangeResult& result, routing::Target target);
  bool was_not_understood(const ExchangeResult& result) const;
  void track_write(const ExchangeResult& result, uint64_t token_version_before, bool was_in_transaction);

  SessionParts session_;
  const ClientCommand& command_;
  const routing::Decision& decision_;
  Clock::time_point start_;
  std::optional<consistency::WriterPosition> probed_;
  std::optional<GlobalProbe::ReadUnderWay> probing_;
  uint64_t era_ = 0;         // ClusterKnowledge::position_era() when the read was planned
  NodeSet tried_;            // replicas where it came to nothing
  bool sent_again_ = false;  // a replica that had it is gone
  std::optional<ClientError> last_miss_;
  std::string lost_node_;            // the writer that went away, for the client's error
  std::string lost_reason_;          // why, if it is not the connection's error
  bool missed_ = false;              // a replica has not answered it
  bool reran_ = false;               // a replica has refused it: what looked like a read was none
  bool ignore_consistency_ = false;  // the `stale` policy decided
  bool sent_next_ = false;           // SET TRANSACTION has gone ahead of it
  bool without_schema_ = false;      // the writer does not have the session's
};

}  // namespace causeway::proxy
