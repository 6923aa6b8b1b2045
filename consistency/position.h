// A place in the writer's history, in whichever of three ways the servers tell it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "consistency/binlog_coordinates.h"
#include "consistency/gtid_set.h"
#include "consistency/mariadb_gtid.h"
#include "consistency/position_error.h"

namespace causeway::consistency {

enum class PositionKind : uint8_t {
  kNone,               // no position: nothing has to be seen
  kGtidSet,            // MySQL with GTIDs
  kMariadbGtid,        // MariaDB
  kBinlogCoordinates,  // replication without GTIDs
};

// "none", "mysql", "mariadb", "binlog": also the prefixes of the text form.
std::string_view to_string(PositionKind kind);

class Position {
 public:
  Position() = default;
  Position(GtidSet set) : value_(std::move(set)) {}            // NOLINT: a conversion on purpose
  Position(MariadbGtidList list) : value_(std::move(list)) {}  // NOLINT
  Position(BinlogCoordinates coordinates) : value_(std::move(coordinates)) {}  // NOLINT

  // Reads what a server sent, whose kind is known: a GTID set, a GTID list, `owner/file:offset`. kNone takes
  // an empty text only.
  static Result<Position> parse(PositionKind kind, std::string_view text);

  // Reads the text form that to_string() makes, white space around it ignored.
  static Result<Position> parse(std::string_view text);

  // The text form of @@causeway_position, which says of what kind it is, so that any Causeway can read it:
  // "mysql:<GTID set>", "mariadb:<GTID list>", "binlog:<owner>/<file>:<offset>", and "" for none.
  std::string to_string() const;
  void append_to(std::string& out) const;

  PositionKind kind() const { return static_cast<PositionKind>(value_.index()); }

  // No transaction at all: none, an empty set or an empty list.
  bool empty() const;

  // Intervals of a set, domains of a list, 1 for coordinates: what a comparison costs.
  size_t interval_count() const;

  // Whoever has executed this has executed `wanted`. What is empty is contained in everything; positions of
  // different kinds, and coordinates of logs with different names, never contain each other.
  bool contains(const Position& wanted) const;

  // Makes this position cover `other` too. False, and nothing changed, if the two cannot be compared
  // (different kinds, different logs).
  [[nodiscard]] bool merge(const Position& other);

  // The alternatives; null if the position is of another kind.
  const GtidSet* gtid_set() const { return std::get_if<GtidSet>(&value_); }
  const MariadbGtidList* mariadb_gtid() const { return std::get_if<MariadbGtidList>(&value_); }
  const BinlogCoordinates* binlog_coordinates() const { return std::get_if<BinlogCoordinates>(&value_); }

  friend bool operator==(const Position&, const Position&) = default;

 private:
  std::variant<std::monostate, GtidSet, MariadbGtidList, BinlogCoordinates>
      value_;  // in the order of PositionKind
};

}  // namespace causeway::consistency
