#include "consistency/position.h"

#include <compare>
#include <optional>

#include "consistency/text_cursor.h"

namespace causeway::consistency {
namespace {

template <class T>
Result<Position> as_position(Result<T> parsed) {
  if (!parsed) return parsed.error();
  return Position(std::move(*parsed));
}

std::string_view trim(std::string_view text) {
  TextCursor cursor(text);
  cursor.skip_space();
  text = cursor.rest();
  while (!text.empty() && (text.back() == ' ' || (text.back() >= '\t' && text.back() <= '\r')))
    text.remove_suffix(1);
  return text;
}

}  // namespace

std::string_view to_string(PositionKind kind) {
  switch (kind) {
    case PositionKind::kNone:
      return "none";
    case PositionKind::kGtidSet:
      return "mysql";
    case PositionKind::kMariadbGtid:
      return "mariadb";
    case PositionKind::kBinlogCoordinates:
      return "binlog";
  }
  return "none";
}

Result<Position> Position::parse(PositionKind kind, std::string_view text) {
  switch (kind) {
    case PositionKind::kNone:
      if (!text.empty()) return PositionError::kUnexpectedText;
      return Position();
    case PositionKind::kGtidSet:
      return as_position(GtidSet::parse(text));
    case PositionKind::kMariadbGtid:
      return as_position(MariadbGtidList::parse(text));
    case PositionKind::kBinlogCoordinates:
      return as_position(BinlogCoordinates::parse(text));
  }
  return PositionError::kUnknownKind;
}

Result<Position> Position::parse(std::string_view text) {
  if (text.size() > kMaxPositionTextBytes) return PositionError::kTooLong;
  text = trim(text);
  if (text.empty()) return Position();
  for (const PositionKind kind :
       {PositionKind::kGtidSet, PositionKind::kMariadbGtid, PositionKind::kBinlogCoordinates}) {
    const std::string_view name = consistency::to_string(kind);
    if (text.starts_with(name) && text.substr(name.size()).starts_with(':')) {
      return parse(kind, text.substr(name.size() + 1));
    }
  }
  return PositionError::kUnknownKind;
}

std::string Position::to_string() const {
  std::string out;
  append_to(out);
  return out;
}

void Position::append_to(std::string& out) const {
  if (kind() == PositionKind::kNone) return;
  out += consistency::to_string(kind());
  out += ':';
  if (const GtidSet* set = gtid_set()) set->append_to(out);
  if (const MariadbGtidList* list = mariadb_gtid()) list->append_to(out);
  if (const BinlogCoordinates* coordinates = binlog_coordinates()) coordinates->append_to(out);
}

size_t Position::interval_count() const {
  if (const GtidSet* set = gtid_set()) return set->interval_count();
  if (const MariadbGtidList* list = mariadb_gtid()) return list->domain_count();
  return kind() == PositionKind::kBinlogCoordinates ? 1 : 0;
}

bool Position::empty() const {
  if (const GtidSet* set = gtid_set()) return set->empty();
  if (const MariadbGtidList* list = mariadb_gtid()) return list->empty();
  return kind() == PositionKind::kNone;
}

bool Position::contains(const Position& wanted) const {
  if (wanted.empty()) return true;
  if (kind() != wanted.kind()) return false;
  if (const GtidSet* set = gtid_set()) return set->contains(*wanted.gtid_set());
  if (const MariadbGtidList* list = mariadb_gtid()) return list->contains(*wanted.mariadb_gtid());
  return binlog_coordinates()->contains(*wanted.binlog_coordinates());
}

bool Position::merge(const Position& other) {
  if (other.empty()) return true;
  if (empty()) {
    *this = other;
    return true;
  }
  if (kind() != other.kind()) return false;
  if (auto* set = std::get_if<GtidSet>(&value_)) {
    set->add(*other.gtid_set());
  } else if (auto* list = std::get_if<MariadbGtidList>(&value_)) {
    list->add(*other.mariadb_gtid());
  } else {
    const auto order = *other.binlog_coordinates() <=> *binlog_coordinates();
    if (order == std::partial_ordering::unordered) return false;
    if (std::is_gt(order)) *this = other;
  }
  return true;
}

}  // namespace causeway::consistency
