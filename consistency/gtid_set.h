// MySQL GTID sets, tagged ones (MySQL 8.3+) too.
// https://dev.mysql.com/doc/refman/8.4/en/replication-gtids-concepts.html
#pragma once

#include <array>
#include <boost/container/small_vector.hpp>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "consistency/position_error.h"

namespace causeway::consistency {

using Uuid = std::array<uint8_t, 16>;

// The transactions first..last of one source, both included; 1 <= first <= last <= kMaxGtidNumber.
struct GtidInterval {
  uint64_t first = 0;
  uint64_t last = 0;

  friend bool operator==(const GtidInterval&, const GtidInterval&) = default;
};

// The greatest transaction number that a MySQL server accepts: 2^63 - 2.
inline constexpr uint64_t kMaxGtidNumber = (uint64_t{1} << 63) - 2;
inline constexpr size_t kMaxGtidTagLength = 32;

// What one (UUID, tag) has issued. The tag is empty for classic GTIDs.
struct GtidSource {
  Uuid uuid{};
  std::string tag;  // lower case
  boost::container::small_vector<GtidInterval, 2> intervals;

  friend bool operator==(const GtidSource&, const GtidSource&) = default;
};

// A set of transactions. Kept canonical: sources ordered by UUID, then tag; the intervals of each ordered,
// disjoint and not adjacent. The common case, one source with one or two intervals, needs no memory from the
// heap.
class GtidSet {
 public:
  GtidSet() = default;

  // Reads a set as servers print and accept it: `uuid:1-5:7, uuid:1-3`, `uuid:1-5:tag:1-3`, white space and
  // newlines between the parts, UUIDs in any case, with or without dashes or in braces, empty parts between
  // commas. Sources and intervals may come in any order and overlap. Bounded by kMaxPositionTextBytes and
  // kMaxPositionIntervals; time is O(n log n) for any text. An empty text is the empty set.
  static Result<GtidSet> parse(std::string_view text);

  // Reads what @@GLOBAL.gtid_owned says: the transactions that a server is committing, each with the thread
  // that owns it, `uuid:7#20:5#19` and the next UUID without anything between (MySQL 9.7). Bounds as for
  // parse().
  static Result<GtidSet> parse_owned(std::string_view text);

  // What one server has issued, under any tag. Empty if `uuid` is no UUID.
  GtidSet issued_by(std::string_view uuid) const;

  // The canonical text: lower case, dashes, no white space, one block per UUID: "uuid:1-5:7:tag:1-3,uuid2:1".
  std::string to_string() const;
  void append_to(std::string& out) const;

  bool empty() const { return sources_.empty(); }
  size_t interval_count() const;

  // Inclusion of sets: every single transaction of `wanted` is in this one. A gap is a gap, whatever follows
  // it.
  bool contains(const GtidSet& wanted) const;

  // Union. Time is linear in both sizes.
  void add(const GtidSet& other);

  friend bool operator==(const GtidSet&, const GtidSet&) = default;

 private:
  // Makes canonical what parse() has read in any order.
  void normalize_sources();

  boost::container::small_vector<GtidSource, 1> sources_;
};

}  // namespace causeway::consistency
