#include "proxy/commands/dump_coordinates.h"

#include <algorithm>
#include <compare>
#include <string>
#include <utility>
#include <vector>

#include "consistency/coordinate_search.h"
#include "protocol/log_name.h"
#include "proxy/backend/log_reader.h"
#include "proxy/backend/shard.h"
#include "proxy/commands/coordinate_refusals.h"

namespace causeway::proxy {
namespace {

using consistency::CoordinateSearch;
using consistency::LogCoordinates;
using consistency::SearchResult;
using consistency::SearchVerdict;
using consistency::SentLog;
using consistency::SentPlace;
using protocol::BinlogStreamState;
using protocol::TransactionMark;

// Where the first event of a file stands.
constexpr uint64_t kFirstEvent = 4;

// What is found where a log was read up to some coordinates.
struct Reading {
  SentLog sent;          // what ended on the way
  bool arrived = false;  // an event begins there, or the log ends
  bool inside = false;   // ... within a transaction
  // The last place on the way where no transaction was open.
  std::optional<LogCoordinates> boundary;
};

// Goes on with what was sent before.
class ReadUpTo {
 public:
  ReadUpTo(const LogCoordinates& to, SentLog sent) : to_(to) { reading_.sent = std::move(sent); }

  bool operator()(const BinlogStreamState& state) {
    if (state.transactions > transactions_) {
      transactions_ = state.transactions;
      reading_.sent.record(state.file, state.transaction_position, state.boundary_position,
                           state.transaction.last_mark());
    }
    if (!state.transaction.is_open()) reading_.sent.reached(state.file, state.position);
    if (state.file != to_.file) return !is_in_file_;
    is_in_file_ = true;
    if (state.position > to_.position) return false;
    if (!state.transaction.is_open()) reading_.boundary = {.file = state.file, .position = state.position};
    reading_.arrived = state.position == to_.position;
    reading_.inside = reading_.arrived && state.transaction.is_open();
    return !reading_.arrived;
  }

  Reading take() { return std::move(reading_); }

 private:
  const LogCoordinates& to_;
  Reading reading_;
  bool is_in_file_ = false;
  uint64_t transactions_ = 0;
};

// Gives a log to a search, and keeps what is ahead of the place that is sought.
class ReadForSearch {
 public:
  explicit ReadForSearch(std::vector<TransactionMark> wanted)
      : sought_(wanted.back()), search_(std::move(wanted)) {}

  bool operator()(const BinlogStreamState& state) {
    if (state.transactions == transactions_) return true;
    transactions_ = state.transactions;
    const TransactionMark& mark = state.transaction.last_mark();
    search_.transaction(state.file, state.boundary_position, mark);
    if (!found_) recent_.record(state.file, state.transaction_position, state.boundary_position, mark);
    found_ |= same_transaction(mark, sought_);
    return !search_.is_decided();
  }

  SearchResult result() const { return search_.result(); }
  SentLog take_sent() { return std::move(recent_); }

 private:
  TransactionMark sought_;
  CoordinateSearch search_;
  SentLog recent_;
  bool found_ = false;
  uint64_t transactions_ = 0;
};

class DumpResolver {
 public:
  DumpResolver(ClientSession& session, size_t source, const protocol::BinlogDump& dump)
      : session_(session),
        ledger_(session.shard.services().log_readers.ledger),
        source_(source),
        key_{.user = session.identity.user, .server_id = dump.server_id} {
    const protocol::LogName name = protocol::parse_log_name(dump.file);
    named_ = name.owner;
    asked_ = {.file = std::string(name.file), .position = std::max(dump.position, kFirstEvent)};
    remembered_ = ledger_.find(key_);
  }

  Awaitable<ResolvedDump> run() {
    const LogOwner mine = owner_of(source_);
    ledger_.note_writer(mine.owner, mine.node);
    if (asked_.file.empty()) co_return served(mine, asked_, SentLog());
    const std::optional<std::string> whose = owner_of_asked(mine);
    if (!whose) co_return refused(unknown_owner(asked_, ledger_.writers(), mine, ledger_.is_lasting()));
    if (protocol::same_owner(*whose, mine.owner)) {
      ResolvedDump own = co_await serve_own(mine);
      co_return own;
    }
    const LogOwner theirs = owner_called(*whose);
    ResolvedDump translated = co_await translate(theirs, mine);
    co_return translated;
  }

 private:
  ResolvedDump refused(ClientError error) const {
    ResolvedDump dump;
    dump.refusal = std::move(error);
    return dump;
  }

  const ClusterView& view() const { return session_.shard.cluster().view(); }

  LogOwner owner_of(size_t node) const {
    const NodeView& server = view().nodes[node];
    return {.owner = binlog_owner(server.identity.uuid, server.identity.server_id),
            .node = server.name,
            .mariadb = view().flavor == ServerFlavor::kMariadb,
            .is_replica = node != view().writer};
  }

  // Where a server is, if it is there.
  std::optional<size_t> node_of(std::string_view owner) const {
    for (size_t node = 0; node < view().nodes.size(); ++node)
      if (view().nodes[node].reachable && protocol::same_owner(owner_of(node).owner, owner)) return node;
    return std::nullopt;
  }

  LogOwner owner_called(const std::string& owner) const {
    if (const auto node = node_of(owner)) return owner_of(*node);
    LogOwner found{.owner = owner, .node = {}, .mariadb = view().flavor == ServerFlavor::kMariadb};
    for (const KnownWriter& writer : ledger_.writers())
      if (protocol::same_owner(writer.owner, owner)) found.node = writer.node;
    return found;
  }

  // What the client says; else what was sent to it, if it goes on from there; else the only one there was.
  std::optional<std::string> owner_of_asked(const LogOwner& mine) const {
    if (!named_.empty()) return std::string(named_);
    if (goes_on()) return remembered_->owner;
    if (!ledger_.is_lasting() || may_be_a_replicas()) return std::nullopt;
    for (const KnownWriter& writer : ledger_.writers())
      if (!protocol::same_owner(writer.owner, mine.owner)) return std::nullopt;
    return mine.owner;
  }

  // Some listener gives out coordinates of replicas, and there is another server that may have been asked.
  bool may_be_a_replicas() const {
    const Config& config = session_.shard.config();
    if (std::ranges::none_of(config.listeners, &ListenerConfig::gives_replicas_log)) return false;
    for (size_t node = 0; node < view().nodes.size(); ++node)
      if (node != source_ && view().nodes[node].facts.logs_updates) return true;
    return false;
  }

  bool goes_on() const {
    if (!remembered_) return false;
    if (remembered_->start == asked_) return true;
    const SentPlace::Kind kind = place().kind;
    return kind == SentPlace::Kind::kBehind || kind == SentPlace::Kind::kInside ||
           kind == SentPlace::Kind::kNewer;
  }

  SentPlace place() const { return remembered_->sent.where(asked_.file, asked_.position); }
  bool is_remembered(const LogOwner& owner) const {
    return remembered_ && protocol::same_owner(remembered_->owner, owner.owner);
  }

  LogReader reader(size_t node) const {
    return {.shard = session_.shard,
            .node = node,
            .login = session_.identity.login,
            .waiter = session_.waiter,
            .in_flight = session_.backends.in_flight};
  }

  // What was sent from this log is in it as it is now; else it was begun anew, and what is remembered of it
  // says nothing. False where that is so, and the client does not say that it means the log as it is.
  Awaitable<Answer<bool>> can_be_meant(size_t node, const LogOwner& owner) {
    if (!is_remembered(owner)) co_return true;
    const Answer<bool> same = co_await has_last_sent(node);
    if (!same) co_return same.error();
    if (*same) co_return true;
    remembered_.reset();
    co_return !named_.empty();
  }

  bool is_right_behind_last_sent(const LogOwner& owner) const {
    const auto last = is_remembered(owner) ? remembered_->sent.last() : std::nullopt;
    return last && last->file == asked_.file && last->end == asked_.position;
  }

  Awaitable<Answer<bool>> has_last_sent(size_t node) {
    const auto last = remembered_->sent.last();
    if (!last) co_return true;
    const LogCoordinates end{.file = std::string(last->file), .position = last->end};
    ReadUpTo read(end, SentLog());
    const TakeEvent take = [&read](const BinlogStreamState& state) { return read(state); };
    const LogReader log = reader(node);
    const Answer<void> done = co_await read_log(log, end.file, last->begin, take);
    const bool is_refused =
        !done && done.error().refusal && done.error().refusal->code == kErFatalReadingBinlog;
    if (!done && !is_refused) co_return done.error();
    // A file that is not there any more was purged, if there are later ones.
    if (is_refused) co_return std::is_gt(consistency::compare_log_files(asked_.file, end.file));
    const Reading reading = read.take();
    const auto found = reading.sent.last();
    co_return reading.arrived&& found && found->mark == last->mark;
  }

  // A log up to the coordinates, from as near as it is known where events begin.
  Awaitable<Answer<Reading>> read_up_to_asked(size_t node, const LogOwner& owner) {
    LogCoordinates from{.file = asked_.file, .position = kFirstEvent};
    SentLog sent;
    if (is_remembered(owner)) {
      sent = remembered_->sent;
      const SentPlace at = place();
      const bool is_known = at.kind == SentPlace::Kind::kBehind || at.kind == SentPlace::Kind::kInside;
      if (is_known && at.index < sent.size())
        from = {.file = std::string(sent.at(at.index).file), .position = sent.at(at.index).begin};
      else if (is_known || at.kind == SentPlace::Kind::kNewer)
        from = *sent.reached();
    }
    Answer<Reading> reading = co_await read_up_to_asked_from(node, from, std::move(sent));
    const bool is_told = reading && reading->arrived;
    if (is_told || !is_remembered(owner)) co_return reading;
    // What is remembered may have been purged, or may not lead there.
    reading = co_await read_file_up_to_asked(node);
    co_return reading;
  }

  Awaitable<Answer<Reading>> read_file_up_to_asked(size_t node) {
    const LogCoordinates from{.file = asked_.file, .position = kFirstEvent};
    Answer<Reading> reading = co_await read_up_to_asked_from(node, from, SentLog());
    co_return reading;
  }

  Awaitable<Answer<Reading>> read_up_to_asked_from(size_t node, const LogCoordinates& from, SentLog sent) {
    ReadUpTo read(asked_, std::move(sent));
    const TakeEvent take = [&read](const BinlogStreamState& state) { return read(state); };
    const LogReader log = reader(node);
    const Answer<void> done = co_await read_log(log, from.file, from.position, take);
    if (!done) co_return done.error();
    co_return read.take();
  }

  Awaitable<ResolvedDump> serve_own(const LogOwner& mine) {
    const Answer<bool> meant = co_await can_be_meant(source_, mine);
    if (!meant) co_return refused(not_read(mine, meant.error()));
    if (!*meant) co_return refused(another_log(asked_, mine));
    if (is_right_behind_last_sent(mine)) co_return served(mine, asked_, remembered_->sent);
    Answer<Reading> reading = co_await read_up_to_asked(source_, mine);
    if (!reading) co_return refused(not_read(mine, reading.error()));
    if (!reading->arrived) co_return refused(no_such_place(asked_, mine, reading->boundary));
    // A transaction that was not sent to its end is known by nothing else.
    const bool was_inside = is_remembered(mine) && place().kind == SentPlace::Kind::kInside;
    if (was_inside && !reading->inside && named_.empty()) co_return refused(another_log(asked_, mine));
    co_return served(mine, asked_, std::move(reading->sent));
  }

  ResolvedDump served(const LogOwner& mine, LogCoordinates from, SentLog sent) const {
    ResolvedDump dump;
    dump.stream = {.owner = mine.owner, .sent = std::move(sent), .start = from};
    dump.from = std::move(from);
    return dump;
  }

  // A server's refusal is about what was asked of it, and stays; else it may go better the next time.
  ClientError not_read(const LogOwner& owner, const AskFailure& failure) const {
    if (failure.refusal && failure.refusal->code == kErFatalReadingBinlog)
      return log_refused(owner, failure.reason);
    return log_not_read(owner, failure.reason);
  }

  // The transactions that the client has, as far as that is known; the last one ends where it stands.
  // Nothing: see `refusal`.
  struct Known {
    std::vector<TransactionMark> marks;
    bool inside = false;
    std::optional<ClientError> refusal = std::nullopt;
  };

  Awaitable<Known> known_of(const LogOwner& theirs, const LogOwner& mine) {
    Known known;
    SentLog sent;
    if (is_remembered(theirs)) sent = remembered_->sent;
    SentPlace at = sent.where(asked_.file, asked_.position);
    if (at.kind != SentPlace::Kind::kBehind && at.kind != SentPlace::Kind::kInside) {
      const std::optional<size_t> node = node_of(theirs.owner);
      if (!node) {
        known.refusal = owner_not_there(asked_, theirs, mine, sent.reached());
        co_return known;
      }
      const Answer<bool> meant = co_await can_be_meant(*node, theirs);
      if (!meant || !*meant) {
        known.refusal = meant ? another_log(asked_, theirs) : not_read(theirs, meant.error());
        co_return known;
      }
      Answer<Reading> reading = co_await read_up_to_asked(*node, theirs);
      if (!reading) {
        known.refusal = not_read(theirs, reading.error());
        co_return known;
      }
      if (!reading->arrived) {
        known.refusal = no_such_place(asked_, theirs, reading->boundary);
        co_return known;
      }
      known.inside = reading->inside;
      sent = std::move(reading->sent);
      at = sent.where(asked_.file, asked_.position);
    }
    if (at.kind == SentPlace::Kind::kInside) {
      known.inside = true;
      if (at.index > 0) known.marks = sent.marks_up_to(at.index - 1);
    } else if (at.kind == SentPlace::Kind::kBehind) {
      known.marks = sent.marks_up_to(at.index);
    } else if (!sent.empty()) {
      known.marks = sent.marks_up_to(sent.size() - 1);
    }
    co_return known;
  }

  Awaitable<ResolvedDump> translate(const LogOwner& theirs, const LogOwner& mine) {
    Known known = co_await known_of(theirs, mine);
    if (known.refusal) co_return refused(std::move(*known.refusal));
    if (known.marks.empty()) co_return refused(not_translated(asked_, theirs, mine, {}));
    const TransactionMark last = known.marks.back();
    if (named_.empty()) {
      const std::optional<ClientError> doubt = co_await is_also_here(theirs, mine, last);
      if (doubt) co_return refused(*doubt);
    }
    const Answer<Found> found = co_await search(known.marks);
    if (!found) co_return refused(log_not_read(mine, found.error().reason));
    const SearchResult& result = found->result;
    if (known.inside) {
      const auto begin = result.verdict == SearchVerdict::kFound ? result.behind : std::nullopt;
      co_return refused(inside_transaction(asked_, theirs, mine, begin));
    }
    if (result.verdict != SearchVerdict::kFound)
      co_return refused(not_translated(asked_, theirs, mine, result));
    co_return served(mine, *result.behind, found->sent);
  }

  // Somebody may have given the client coordinates of this server, behind Causeway's back: then they are a
  // place in its log, too.
  Awaitable<std::optional<ClientError>> is_also_here(const LogOwner& theirs, const LogOwner& mine,
                                                     const TransactionMark& last) {
    ReadUpTo read(asked_, SentLog());
    const TakeEvent take = [&read](const BinlogStreamState& state) { return read(state); };
    const LogReader log = reader(source_);
    const Answer<void> done = co_await read_log(log, asked_.file, kFirstEvent, take);
    const bool no_such_file = !done && done.error().refusal.has_value();
    if (no_such_file) co_return std::nullopt;
    if (!done) co_return log_not_read(mine, done.error().reason);
    const Reading reading = read.take();
    if (!reading.arrived || reading.inside) co_return std::nullopt;
    const auto here = reading.sent.last();
    if (here && same_transaction(here->mark, last)) co_return std::nullopt;
    co_return ambiguous_owner(asked_, mine, theirs);
  }

  // When a file was begun, by its first event. Seconds since 1970.
  Awaitable<Answer<uint32_t>> creation_of(std::string_view file) {
    uint32_t created = 0;
    const TakeEvent take = [&created](const BinlogStreamState& state) {
      created = state.last_timestamp;
      return created == 0;
    };
    const LogReader log = reader(source_);
    const Answer<void> begun = co_await read_log(log, file, kFirstEvent, take);
    if (!begun) co_return begun.error();
    co_return created;
  }

  // Where the last of these transactions ends in the source's log, and what is ahead of it there.
  struct Found {
    SearchResult result;
    SentLog sent;
  };

  // In the newest files first. Where clocks were wrong it is further back.
  Awaitable<Answer<Found>> search(const std::vector<TransactionMark>& wanted) {
    const LogReader log = reader(source_);
    const Answer<std::vector<LogFile>> files = co_await list_log_files(log);
    if (!files) co_return files.error();
    if (files->empty()) co_return no_files();
    std::vector<consistency::LogFileStart> starts;
    size_t chosen = 0;
    for (auto file = files->rbegin(); file != files->rend() && chosen == 0; ++file) {
      const Answer<uint32_t> created = co_await creation_of(file->name);
      if (!created) co_return created.error();
      starts.insert(starts.begin(), {.file = file->name, .created = *created});
      chosen = choose_first_file(starts, wanted.front());
    }
    const std::string from(starts[chosen].file);
    Answer<Found> found = co_await search_from(from, wanted);
    const bool is_there = !found || found->result.verdict != SearchVerdict::kNotThere;
    if (is_there || from == files->front().name) co_return found;
    found = co_await search_from(files->front().name, wanted);
    co_return found;
  }

  Awaitable<Answer<Found>> search_from(const std::string& file, const std::vector<TransactionMark>& wanted) {
    ReadForSearch read(wanted);
    const TakeEvent take = [&read](const BinlogStreamState& state) { return read(state); };
    const LogReader log = reader(source_);
    const Answer<void> done = co_await read_log(log, file, kFirstEvent, take);
    if (!done) co_return done.error();
    co_return Found{.result = read.result(), .sent = read.take_sent()};
  }

  static AskFailure no_files() {
    AskFailure failure;
    failure.reason = "it has no files";
    return failure;
  }

  ClientSession& session_;
  StreamLedger& ledger_;
  size_t source_;
  ReplicaKey key_;
  std::string named_;  // whose coordinates they are, if the client says so
  LogCoordinates asked_;
  std::optional<SentStream> remembered_;
};

}  // namespace

Awaitable<ResolvedDump> resolve_dump(ClientSession& session, size_t source,
                                     const protocol::BinlogDump& dump) {
  const DeadlineScope deadline(session.waiter,
                               Clock::now() + session.shard.config().replication.search_timeout);
  DumpResolver resolver(session, source, dump);
  ResolvedDump resolved = co_await resolver.run();
  co_return resolved;
}

}  // namespace causeway::proxy
