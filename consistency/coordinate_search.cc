#include "consistency/coordinate_search.h"

#include <algorithm>

namespace causeway::consistency {

using protocol::TransactionMark;

std::string_view to_string(SearchDoubt doubt) {
  switch (doubt) {
    case SearchDoubt::kNone:
      return "";
    case SearchDoubt::kNoIdentity:
      return "its last transaction has neither a GTID nor the time of its commit";
    case SearchDoubt::kSeveral:
      return "more than one transaction looks like its last one";
    case SearchDoubt::kOtherHistory:
      return "other transactions are ahead of its last one";
    case SearchDoubt::kTooFew:
      return "too few transactions ahead of its last one are known";
  }
  return "";
}

CoordinateSearch::CoordinateSearch(std::vector<TransactionMark> wanted) : wanted_(std::move(wanted)) {
  for (size_t i = 0; i < wanted_.size(); ++i) {
    const TransactionMark& mark = wanted_[i];
    if (mark.original_commit_timestamp != 0) by_time_.emplace_back(mark.original_commit_timestamp, i);
    if (has_gtid(mark)) by_number_.emplace_back(mark.gtid.number, i);
    if (i + 1 < wanted_.size() && same_transaction(mark, sought())) has_twin_ = true;
  }
  std::ranges::sort(by_time_);
  std::ranges::sort(by_number_);
  recent_.reserve(wanted_.size());
}

// Whether nothing can be said of what is sought.
bool CoordinateSearch::is_hopeless() const {
  return wanted_.empty() || !is_identifiable(sought());
}

// The newest of those wanted that looks like this one.
std::optional<size_t> CoordinateSearch::find(const TransactionMark& mark) const {
  std::optional<size_t> found;
  const auto look = [&](const auto& index, uint64_t key) {
    for (auto at = std::ranges::lower_bound(index, std::pair(key, size_t{0}));
         at != index.end() && at->first == key; ++at)
      if (same_transaction(wanted_[at->second], mark) && (!found || at->second > *found)) found = at->second;
  };
  if (mark.original_commit_timestamp != 0) look(by_time_, mark.original_commit_timestamp);
  if (has_gtid(mark)) look(by_number_, mark.gtid.number);
  return found;
}

// Of a transaction that looks like the one sought: whether those ahead of it look like those ahead of that.
SearchDoubt CoordinateSearch::doubt_about(const TransactionMark& mark) const {
  const size_t comparable = std::min<uint64_t>(count_, wanted_.size() - 1);
  for (size_t back = 1; back <= comparable; ++back) {
    const TransactionMark& here = recent_[(count_ - back) % wanted_.size()];
    if (!same_transaction(wanted_[wanted_.size() - 1 - back], here)) return SearchDoubt::kOtherHistory;
  }
  const bool by_gtid = has_gtid(mark) && has_gtid(sought());
  return by_gtid || comparable >= kMinMatchesAhead ? SearchDoubt::kNone : SearchDoubt::kTooFew;
}

void CoordinateSearch::remember(const TransactionMark& mark) {
  if (recent_.size() < wanted_.size())
    recent_.push_back(mark);
  else
    recent_[count_ % wanted_.size()] = mark;
  ++count_;
}

void CoordinateSearch::transaction(std::string_view file, uint64_t end, const TransactionMark& mark) {
  if (is_hopeless()) return;
  const auto take_place = [&](Place& place) {
    place.file = file;
    place.end = end;
  };
  const std::optional<size_t> found = find(mark);
  if (found && (!newest_ || *found >= *newest_)) {
    newest_ = found;
    take_place(newest_place_);
  }
  if (found == wanted_.size() - 1 && ++matches_ == 1) {
    is_by_gtid_ = has_gtid(mark) && has_gtid(sought());
    doubt_ = doubt_about(mark);
    take_place(match_);
  }
  remember(mark);
}

bool CoordinateSearch::is_decided() const {
  return is_hopeless() || matches_ > 1 || (matches_ == 1 && (is_by_gtid_ || has_twin_));
}

SearchResult CoordinateSearch::result() const {
  const auto not_certain = [](SearchDoubt doubt) {
    return SearchResult{.verdict = SearchVerdict::kNotCertain, .doubt = doubt};
  };
  const auto coordinates = [](const Place& place) {
    return LogCoordinates{.file = place.file, .position = place.end};
  };
  if (is_hopeless()) return not_certain(SearchDoubt::kNoIdentity);
  if (matches_ > 1 || (matches_ == 1 && has_twin_)) return not_certain(SearchDoubt::kSeveral);
  if (matches_ == 1) {
    if (doubt_ != SearchDoubt::kNone) return not_certain(doubt_);
    return {.verdict = SearchVerdict::kFound, .behind = coordinates(match_)};
  }
  SearchResult result{.verdict = SearchVerdict::kNotThere, .missing = wanted_.size()};
  if (!newest_) return result;
  result.behind = coordinates(newest_place_);
  result.missing = wanted_.size() - 1 - *newest_;
  return result;
}

size_t choose_first_file(std::span<const LogFileStart> files, const TransactionMark& mark) {
  constexpr uint64_t kMicroseconds = 1000000;
  const uint64_t committed = mark.original_commit_timestamp != 0
                                 ? mark.original_commit_timestamp / kMicroseconds
                                 : uint64_t{mark.timestamp};
  for (size_t i = files.size(); i > 0; --i) {
    const uint32_t created = files[i - 1].created;
    if (created != 0 && uint64_t{created} + kClockMargin <= committed) return i - 1;
  }
  return 0;
}

}  // namespace causeway::consistency
