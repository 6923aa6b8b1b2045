#include "proxy/backend/lease.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <utility>

#include "proxy/backend/backend_connector.h"
#include "proxy/backend/shard.h"
#include "proxy/cluster/server_errors.h"

namespace causeway::proxy {
namespace {

// A connection that was idle for longer may have been closed by the server: worth one system call to find out
// even for a read, which could be tried again.
constexpr std::chrono::milliseconds kIdleWithoutCheck{100};

// A server that lives takes a login within this time.
constexpr std::chrono::milliseconds kAnswerPatience{1000};

constexpr unsigned kTooManyConnections = 1040;

// How long to wait for a server without room before it is asked again. It takes a moment to notice that a
// connection was closed.
constexpr std::chrono::milliseconds kFullServerPause{100};

// How often the writer is asked again for an account at its limit when nothing more can be closed here.
constexpr unsigned kAsksForAccount = 3;

// A session's place in the line for a connection to a node, from the moment when it finds none until it has
// one or gives up.
class InLine {
 public:
  InLine(const LeaseSeeker& seeker, size_t node)
      : waiter_(seeker.waiter),
        shard_(seeker.shard),
        node_(node),
        line_(shard_.services().lines[node]),
        budget_(shard_.services().budgets[node]) {}
  InLine(const InLine&) = delete;
  InLine& operator=(const InLine&) = delete;
  ~InLine() { leave(); }

  // Nobody was there before.
  bool may_go() const { return ticket_ == 0 ? line_.empty() : line_.is_first(ticket_); }

  // Until it is worth another try. The first in the line asks other workers for what they do not need.
  Awaitable<void> wait(Clock::time_point deadline) {
    if (ticket_ == 0) {
      budget_.add_waiter();
      ticket_ = line_.join(shard_.index());
      shard_.metrics().nodes[node_].queue_waits.add();
    }
    if (line_.is_first(ticket_)) {
      for (Shard* other : shard_.services().shards) {
        if (other != &shard_) other->shed(node_);
      }
    }
    const DeadlineScope scope(waiter_, deadline);
    co_await shard_.wait_for_place(waiter_, ticket_, node_);
  }

  // The next one may try.
  void leave() {
    if (ticket_ == 0) return;
    line_.leave(ticket_);
    budget_.remove_waiter();
    ticket_ = 0;
    shard_.wake_first_in_line(node_);
  }

 private:
  Waiter& waiter_;
  Shard& shard_;
  size_t node_;
  PlaceQueue& line_;
  ConnectionBudget& budget_;
  uint64_t ticket_ = 0;  // 0: not in the line
};

// The server has none, though there would be a place: what other workers do not need is given back too, of
// the account if it is the account that has none.
Awaitable<void> wait_for_room(const LeaseSeeker& seeker, size_t node, Clock::time_point deadline,
                              bool of_account) {
  Shard& shard = seeker.shard;
  shard.metrics().nodes[node].queue_waits.add();
  for (Shard* other : shard.services().shards) {
    if (other == &shard) continue;
    if (of_account) {
      other->give_back_one_of(node, seeker.login.key->user);
    } else {
      other->give_back_one(node);
    }
  }
  const DeadlineScope scope(seeker.waiter, std::min(deadline, Clock::now() + kFullServerPause));
  co_await shard.wait_for_change(seeker.waiter);
}

Awaitable<AcquireResult> open(const LeaseSeeker& seeker, size_t node, BackendLease& lease) {
  Shard& shard = seeker.shard;
  BackendPool& pool = shard.pool(node);
  AcquireResult acquired;
  ConnectResult opened;
  {
    const DeadlineScope scope(seeker.waiter, Clock::now() + shard.config().timeouts.connect);
    opened =
        co_await connect_backend(shard, node, seeker.login.key, *seeker.login.credentials, seeker.in_flight);
    if (opened.access_denied && renew(seeker.login, shard.services())) {
      opened = co_await connect_backend(shard, node, seeker.login.key, *seeker.login.credentials,
                                        seeker.in_flight);
    }
  }
  seeker.in_flight = nullptr;
  if (opened.connection) {
    opened.connection->prepared.incarnation = shard.next_incarnation();
    acquired.connection = pool.add(std::move(opened.connection), lease);
    const bool forgets_login = seeker.was_reset && (acquired.connection->server.ran_init_connect ||
                                                    protocol::has(acquired.connection->capabilities,
                                                                  protocol::capability::kIgnoreSpace));
    if (seeker.handshake_collation_forgotten || forgets_login) acquired.connection->state.needs_reset = true;
    co_return acquired;
  }
  pool.cancel_reservation(*seeker.login.key);
  shard.metrics().nodes[node].open_failures.add();
  acquired.reason =
      seeker.waiter.timed_out ? std::string("timeout while connecting") : std::move(opened.reason);
  acquired.refusal = std::move(opened.refusal);
  acquired.failure = acquired.refusal ? AcquireResult::Failure::kRefused : AcquireResult::Failure::kNodeDown;
  co_return acquired;
}

// A schema cannot be left, only changed for another.
bool has_schema_to_leave(const LeaseSeeker& seeker, const BackendLease& lease, SchemaUse use) {
  const bool runs_in_none = use == SchemaUse::kNone || (use == SchemaUse::kCurrent && seeker.schema.empty());
  return runs_in_none && !lease.connection->state.schema.empty() && !lease.connection->keep;
}

// COM_RESET_CONNECTION brings back the character sets of a connection's own handshake on MariaDB, and a
// session that has forgotten its own sets none.
bool can_take_over(const LeaseSeeker& seeker, size_t node) {
  // What a login does, a reset does not.
  if (!seeker.was_reset && seeker.shard.cluster().view().nodes[node].facts.init_connect) return false;
  return !seeker.handshake_collation_forgotten ||
         seeker.shard.cluster().view().flavor != ServerFlavor::kMariadb;
}

// An idle connection: the session's own, or one that it may take over. Nothing: there is none.
std::optional<AcquireResult> take_idle(const LeaseSeeker& seeker, size_t node, BackendLease& lease,
                                       SchemaUse use, const InLine& line) {
  BackendPool& pool = seeker.shard.pool(node);
  for (;;) {
    const bool state_lives_there = lease && lease.connection->keep;
    PooledConnection connection = pool.take_own(lease);
    if (!connection && can_take_over(seeker, node) && line.may_go())
      connection = pool.take_idle(*seeker.login.key, seeker.schema, use, lease);
    if (!connection) return std::nullopt;
    const bool is_current = state_lives_there || seeker.shard.cluster().is_current(*connection);
    if (is_current && connection->stream.is_quiet())
      return AcquireResult{.connection = std::move(connection)};
    connection.close(is_current ? CloseReason::kNotQuiet : CloseReason::kServerReplaced);
    if (!state_lives_there) continue;
    return AcquireResult{.failure = AcquireResult::Failure::kStateLost,
                         .reason = "the server has closed the connection"};
  }
}

bool gives_up(const LeaseSeeker& seeker, Clock::time_point deadline) {
  return Clock::now() >= deadline || seeker.waiter.closing || seeker.waiter.query_killed;
}

struct FullServer {
  bool is_full = false;     // it refuses for want of room
  bool of_account = false;  // it is the account that has none
  bool made_room = false;   // something was closed here
};

// What is idle here, of whomever, is of more use as a free place.
FullServer make_room(const LeaseSeeker& seeker, size_t node, const ClientError& refusal) {
  BackendPool& pool = seeker.shard.pool(node);
  FullServer full;
  full.of_account = is_account_full(refusal.code, refusal.message);
  full.is_full = full.of_account || refusal.code == kTooManyConnections;
  if (full.is_full)
    full.made_room = full.of_account ? pool.shed_one_of(seeker.login.key->user) : pool.shed_one();
  return full;
}

// Of replicas there are others.
bool is_worth_asking_again(const LeaseSeeker& seeker, const FullServer& full, unsigned asked_again) {
  if (seeker.for_replica) return full.made_room && asked_again == 0;
  return !full.of_account || full.made_room || asked_again < kAsksForAccount;
}

}  // namespace

PooledConnection acquire_own(const LeaseSeeker& seeker, size_t node, BackendLease& lease, SchemaUse use,
                             bool must_be_alive) {
  if (!lease || lease.connection->node != node || has_schema_to_leave(seeker, lease, use)) return {};
  if (!lease.connection->keep && !seeker.shard.cluster().is_current(*lease.connection)) return {};
  if (Clock::now() - lease.connection->idle_since >= kIdleWithoutCheck) return {};
  if (must_be_alive && !lease.connection->stream.is_quiet()) return {};
  return seeker.shard.pool(node).take_own(lease);
}

Awaitable<AcquireResult> acquire(const LeaseSeeker& seeker, size_t node, BackendLease& lease, SchemaUse use,
                                 Clock::time_point deadline) {
  Shard& shard = seeker.shard;
  if (lease && (lease.connection->node != node || has_schema_to_leave(seeker, lease, use)))
    shard.pool(lease.connection->node).abandon(lease);
  InLine line(seeker, node);
  const bool queues = !seeker.login.key->for_replication;
  unsigned asked_again = 0;
  for (;;) {
    std::optional<AcquireResult> idle = take_idle(seeker, node, lease, use, line);
    if (idle) co_return std::move(*idle);
    if (const ClientError* refusal = shard.refusal(node, *seeker.login.key); refusal != nullptr)
      co_return AcquireResult{.failure = AcquireResult::Failure::kRefused, .refusal = *refusal};
    if ((!queues || line.may_go()) && shard.pool(node).reserve(*seeker.login.key)) {
      line.leave();
      AcquireResult opened = co_await open(seeker, node, lease);
      if (!opened.refusal) co_return opened;
      const FullServer full = make_room(seeker, node, *opened.refusal);
      if (!full.is_full || gives_up(seeker, deadline) || !is_worth_asking_again(seeker, full, asked_again)) {
        shard.refused(node, *seeker.login.key, *opened.refusal);
        co_return opened;
      }
      ++asked_again;
      co_await wait_for_room(seeker, node, deadline, full.of_account);
      continue;
    }
    if (!queues || gives_up(seeker, deadline))
      co_return AcquireResult{.failure = AcquireResult::Failure::kFull};
    co_await line.wait(deadline);
  }
}

Awaitable<bool> still_answers(const LeaseSeeker& seeker, size_t node) {
  const DeadlineScope scope(seeker.waiter, Clock::now() + kAnswerPatience);
  const ConnectResult opened = co_await connect_backend(seeker.shard, node, seeker.login.key,
                                                        *seeker.login.credentials, seeker.in_flight);
  seeker.in_flight = nullptr;
  if (opened.connection) co_return true;
  co_return opened.refusal && !is_shutdown(opened.refusal->code);
}

}  // namespace causeway::proxy
