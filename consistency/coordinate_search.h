// Finds the place in one server's log that is the same as a known place in another's. Either it is certain,
// or it is not found: wrong events are worse than none.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "consistency/log_coordinates.h"
#include "protocol/transaction_mark.h"

namespace causeway::consistency {

enum class SearchVerdict : uint8_t {
  kFound,
  kNotCertain,
  kNotThere,
};

// Why nothing is certain.
enum class SearchDoubt : uint8_t {
  kNone,
  kNoIdentity,    // what is sought has neither a GTID nor the time of its commit, or is nothing
  kSeveral,       // more than one transaction looks like it, here or among those that the client has
  kOtherHistory,  // what comes before it here is something else
  kTooFew,        // too few transactions before it are known to tell
};
// In words, for an error text: "more than one transaction looks like it".
std::string_view to_string(SearchDoubt doubt);

struct SearchResult {
  SearchVerdict verdict = SearchVerdict::kNotThere;
  SearchDoubt doubt = SearchDoubt::kNone;  // of kNotCertain
  // kFound: behind the transaction that was sought. kNotThere: behind the newest one of those before it that
  // was found, if any.
  std::optional<LogCoordinates> behind = std::nullopt;
  // kNotThere: how many transactions the client has behind `behind`, which this log lacks; all that are known
  // where nothing was found.
  size_t missing = 0;

  friend bool operator==(const SearchResult&, const SearchResult&) = default;
};

// So many transactions ahead of one without a GTID must be the same in both logs, those that only one log has
// ahead of the other's beginning not counted. One is known by its server, the microsecond of its commit and
// its shape. A server writes one transaction after the other and reads the clock for each, so that two alike
// within one microsecond are rare but possible, and where one of these was lost or purged the other is taken
// for it. Two more ahead of it that match by chance would make it four alike in a row within one microsecond.
// With GTIDs none are needed, but those that are there must be the same.
inline constexpr size_t kMinMatchesAhead = 2;

// One search. Its memory depends on how many marks are given, not on the log that is searched.
class CoordinateSearch {
 public:
  // `wanted`: the last transactions that a client has, in their order, the last one being the one whose end
  // is sought (SentLog::marks_up_to).
  explicit CoordinateSearch(std::vector<protocol::TransactionMark> wanted);

  // The next transaction of the log that is searched, which ends there. From its first file on or a later one
  // (choose_first_file), all of them, in their order.
  void transaction(std::string_view file, uint64_t end, const protocol::TransactionMark& mark);

  // Whether result() can not change any more, whatever follows: reading may stop.
  bool is_decided() const;

  // By all that has been given so far; what is final only at the end of the log, or if is_decided().
  SearchResult result() const;

 private:
  struct Place {
    std::string file;
    uint64_t end = 0;
  };

  const protocol::TransactionMark& sought() const { return wanted_.back(); }
  bool is_hopeless() const;
  std::optional<size_t> find(const protocol::TransactionMark& mark) const;
  SearchDoubt doubt_about(const protocol::TransactionMark& mark) const;
  void remember(const protocol::TransactionMark& mark);

  std::vector<protocol::TransactionMark> wanted_;
  std::vector<std::pair<uint64_t, size_t>> by_time_;    // original_commit_timestamp, index in wanted_; sorted
  std::vector<std::pair<uint64_t, size_t>> by_number_;  // of GTIDs, index in wanted_; sorted
  bool has_twin_ = false;                          // another one that is wanted looks like the one sought
  std::vector<protocol::TransactionMark> recent_;  // of the log, as many as are wanted: a ring
  uint64_t count_ = 0;                             // transactions of the log
  uint64_t matches_ = 0;                           // of them, that look like the one sought
  bool is_by_gtid_ = false;                        // the first match is
  SearchDoubt doubt_ = SearchDoubt::kNone;         // about the first match
  Place match_;
  std::optional<size_t> newest_;  // in wanted_, that was found
  Place newest_place_;
};

// A file of a log, and when it was begun: the time of its format description, by its server's clock.
struct LogFileStart {
  std::string_view file = {};
  uint32_t created = 0;  // seconds since 1970

  friend bool operator==(const LogFileStart&, const LogFileStart&) = default;
};

// How far clocks of two servers may be apart, seconds.
inline constexpr uint32_t kClockMargin = 300;

// In which file (its index) to begin a search for a transaction, `files` being in the log's order: the last
// one that was begun before the transaction was committed where it was first logged, less kClockMargin. A
// server cannot have logged it before, but any time later. The first file where that is not known; 0 for no
// files. It is a guess that saves reading: what was not found from here on may be in earlier files if clocks
// were wrong.
size_t choose_first_file(std::span<const LogFileStart> files, const protocol::TransactionMark& mark);

}  // namespace causeway::consistency
