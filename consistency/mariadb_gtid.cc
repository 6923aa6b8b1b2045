#include "consistency/mariadb_gtid.h"

#include <algorithm>
#include <optional>

#include "consistency/text_cursor.h"

namespace causeway::consistency {
namespace {

// `domain-server-sequence`
std::optional<MariadbGtid> take_gtid(TextCursor& text) {
  const auto domain = text.number<uint32_t>();
  if (!domain || !text.take('-')) return std::nullopt;
  const auto server = text.number<uint32_t>();
  if (!server || !text.take('-')) return std::nullopt;
  const auto sequence = text.number<uint64_t>();
  if (!sequence) return std::nullopt;
  return MariadbGtid{*domain, *server, *sequence};
}

}  // namespace

Result<MariadbGtidList> MariadbGtidList::parse(std::string_view text) {
  if (text.size() > kMaxPositionTextBytes) return PositionError::kTooLong;
  MariadbGtidList list;
  TextCursor cursor(text);
  cursor.skip_space();
  while (!cursor.at_end()) {
    const std::optional<MariadbGtid> gtid = take_gtid(cursor);
    if (!gtid) return PositionError::kBadNumber;
    if (gtid->sequence != 0) {
      if (list.gtids_.size() == kMaxPositionIntervals) return PositionError::kTooManyIntervals;
      list.gtids_.push_back(*gtid);
    }
    cursor.skip_space();
    if (cursor.at_end()) break;
    if (!cursor.take(',')) return PositionError::kUnexpectedText;
    cursor.skip_space();
    if (cursor.at_end()) return PositionError::kBadNumber;
  }
  // The furthest of each domain first, then only that one is kept.
  std::ranges::sort(list.gtids_, [](const MariadbGtid& a, const MariadbGtid& b) {
    return a.domain != b.domain ? a.domain < b.domain : a.sequence > b.sequence;
  });
  // std::unique, as clang 14 cannot instantiate the ranges one of libstdc++.
  const auto end =
      std::unique(list.gtids_.begin(), list.gtids_.end(),
                  [](const MariadbGtid& a, const MariadbGtid& b) { return a.domain == b.domain; });
  list.gtids_.erase(end, list.gtids_.end());
  return list;
}

std::string MariadbGtidList::to_string() const {
  std::string out;
  append_to(out);
  return out;
}

void MariadbGtidList::append_to(std::string& out) const {
  bool first = true;
  for (const MariadbGtid& gtid : gtids_) {
    if (!first) out += ',';
    first = false;
    append_number(out, gtid.domain);
    out += '-';
    append_number(out, gtid.server);
    out += '-';
    append_number(out, gtid.sequence);
  }
}

bool MariadbGtidList::contains(const MariadbGtidList& wanted) const {
  auto have = gtids_.begin();
  for (const MariadbGtid& want : wanted.gtids_) {
    while (have != gtids_.end() && have->domain < want.domain)
      ++have;
    if (have == gtids_.end() || have->domain != want.domain || have->sequence < want.sequence) return false;
  }
  return true;
}

bool MariadbGtidList::is_of_one_domain_with(const MariadbGtidList& other) const {
  if (gtids_.size() > 1 || other.gtids_.size() > 1) return false;
  return empty() || other.empty() || gtids_.front().domain == other.gtids_.front().domain;
}

void MariadbGtidList::add(const MariadbGtidList& other) {
  if (&other == this) return;
  const size_t old_size = gtids_.size();
  size_t mine = 0;
  for (const MariadbGtid& theirs : other.gtids_) {
    while (mine < old_size && gtids_[mine].domain < theirs.domain)
      ++mine;
    if (mine == old_size || gtids_[mine].domain != theirs.domain) {
      gtids_.push_back(theirs);
    } else if (gtids_[mine].sequence < theirs.sequence) {
      gtids_[mine] = theirs;
    }
  }
  if (gtids_.size() == old_size) return;
  const auto middle = gtids_.begin() + static_cast<std::ptrdiff_t>(old_size);
  std::inplace_merge(gtids_.begin(), middle, gtids_.end(),
                     [](const MariadbGtid& a, const MariadbGtid& b) { return a.domain < b.domain; });
}

}  // namespace causeway::consistency
