// MariaDB GTID positions: per replication domain the last transaction.
// https://mariadb.com/kb/en/gtid/
#pragma once

#include <boost/container/small_vector.hpp>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "consistency/position_error.h"

namespace causeway::consistency {

struct MariadbGtid {
  uint32_t domain = 0;
  uint32_t server = 0;
  uint64_t sequence = 0;

  friend bool operator==(const MariadbGtid&, const MariadbGtid&) = default;
};

// `0-1-100,1-2-5`: for each domain everything up to its last GTID. One number stands for all before it
// because a domain is one ordered stream: each server logs it with rising sequence numbers and replicas
// commit it in that order (so gtid_strict_mode, or one writer at a time, is what makes positions comparable).
// The server id says only who wrote last; a GTID from an earlier writer is covered by a later one of the next
// writer in its domain.
class MariadbGtidList {
 public:
  MariadbGtidList() = default;

  // Reads a list as @@gtid_binlog_pos, @@gtid_slave_pos and @@last_gtid show it; white space around commas is
  // allowed. If a domain comes twice the greater sequence number counts. A GTID with sequence number 0
  // (nothing happened yet) adds nothing. Bounded as position_error.h says. An empty text is the empty list.
  static Result<MariadbGtidList> parse(std::string_view text);

  // By domain, separated by commas.
  std::string to_string() const;
  void append_to(std::string& out) const;

  bool empty() const { return gtids_.empty(); }
  size_t domain_count() const { return gtids_.size(); }

  // For every domain of `wanted`, this list is at least as far.
  bool contains(const MariadbGtidList& wanted) const;

  // Neither list has a domain beside the one of the other: an order holds over both.
  bool is_of_one_domain_with(const MariadbGtidList& other) const;

  // Per domain the GTID with the greater sequence number.
  void add(const MariadbGtidList& other);

  friend bool operator==(const MariadbGtidList&, const MariadbGtidList&) = default;

 private:
  boost::container::small_vector<MariadbGtid, 2> gtids_;  // ordered by domain, one per domain
};

}  // namespace causeway::consistency
