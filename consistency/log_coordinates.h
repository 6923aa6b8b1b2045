// Places in the binary log of one server, and those that a client has come to in it: who has read a log by
// file and position says where it was, and that must mean something when another server is the writer.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/transaction_mark.h"

namespace causeway::consistency {

// Any name that a server or a client may have said; a position counts from 0, the first event is at 4. (A
// BinlogCoordinates is what causal reads need: more is known of it.)
struct LogCoordinates {
  std::string file;
  uint64_t position = 0;

  friend bool operator==(const LogCoordinates&, const LogCoordinates&) = default;
};

// "file:position"
std::string to_string(const LogCoordinates& coordinates);

// Which file of one log is the earlier one: by the number behind the last dot, where all ahead of it is equal
// (.1000000 follows .999999). `unordered` for names of other logs, and those without a number.
std::partial_ordering compare_log_files(std::string_view a, std::string_view b);

// One transaction that was sent.
struct SentTransaction {
  std::string_view file = {};  // valid until the next change
  uint64_t begin = 0;          // where its first event stands
  uint64_t end = 0;            // behind its last one
  protocol::TransactionMark mark = {};
};

// Where a client stands, by what was sent to it.
struct SentPlace {
  enum class Kind : uint8_t {
    kBehind,    // behind transaction `index`, and ahead of the next one
    kInside,    // within `index`, which is size() where that was broken off: it is to be sent again from its
                // begin, which is behind the one before it
    kOlder,     // ahead of all that is remembered, or right at its beginning: what comes before is not known
    kNewer,     // behind all that was sent, in the same file or a later one
    kOtherLog,  // of a file whose name does not belong here, or nothing is remembered
  };

  Kind kind = Kind::kOtherLog;
  size_t index = 0;  // of kBehind, kInside: counted from the oldest one

  friend bool operator==(const SentPlace&, const SentPlace&) = default;
};

// The last transactions that were sent to one client from the log of one server. Holds about 120 bytes for
// each, and the names of their files.
class SentLog {
 public:
  explicit SentLog(size_t capacity = kDefaultCapacity);

  static constexpr size_t kDefaultCapacity = 256;

  // One more, in the log's order; the oldest one is forgotten where there is no room. Once it is full, only a
  // new file costs memory. What does not lie behind the last one (a client that reads again what it had)
  // makes all be forgotten that does not lie ahead of it, what is of another log all.
  void record(std::string_view file, uint64_t begin, uint64_t end, const protocol::TransactionMark& mark);

  // The client has come here, and no transaction is open: what else a log has, another file's beginning for
  // one, was sent behind the last transaction. Nothing happens if none is remembered.
  void reached(std::string_view file, uint64_t position);

  // The next transaction was sent up to here, and not to its end: the stream has ended. True until more is
  // recorded or reached. Nothing happens if none is remembered, or in another file.
  void broken_off(std::string_view file, uint64_t position);
  std::optional<uint64_t> broken_off() const;  // of the file of reached(); nothing: none was

  // Where that was: behind the last transaction, or where reached() was told. Nothing if none is remembered.
  std::optional<LogCoordinates> reached() const;

  // What a client means that asks for the log from here on.
  SentPlace where(std::string_view file, uint64_t position) const;

  // From the oldest one, 0, to the newest one. A log is made again from these by record(), and reached() at
  // the end.
  size_t size() const { return entries_.size(); }
  bool empty() const { return entries_.empty(); }
  SentTransaction at(size_t index) const;       // index < size()
  std::optional<SentTransaction> last() const;  // nothing if empty
  size_t capacity() const { return capacity_; }

  // The marks of the transactions up to and including `index`, the oldest one first: for a CoordinateSearch.
  std::vector<protocol::TransactionMark> marks_up_to(size_t index) const;

  void clear();

 private:
  struct Entry {
    uint64_t begin = 0;
    uint64_t end = 0;
    uint64_t file = 0;  // number of its name, counted since the beginning
    protocol::TransactionMark mark;
  };

  const Entry& entry(size_t index) const { return entries_[(first_ + index) % entries_.size()]; }
  const std::string& file_of(const Entry& entry) const { return files_[entry.file - first_file_]; }
  size_t count_ahead(std::string_view file, uint64_t position) const;
  void keep(size_t count);
  void drop_unused_files();

  size_t capacity_;
  std::vector<Entry> entries_;  // a ring once it is full
  size_t first_ = 0;            // the oldest one in it
  std::deque<std::string> files_;
  uint64_t first_file_ = 0;        // the number of files_.front()
  uint64_t reached_position_ = 0;  // of files_.back()
  uint64_t broken_off_ = 0;        // likewise; at most reached_position_: no transaction was broken off
};

}  // namespace causeway::consistency
