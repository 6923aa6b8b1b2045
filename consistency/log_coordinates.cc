#include "consistency/log_coordinates.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "consistency/text_cursor.h"

namespace causeway::consistency {
namespace {

// What stands ahead of the number in a file's name, and the number.
std::optional<std::pair<std::string_view, uint64_t>> split_log_file(std::string_view name) {
  const size_t dot = name.rfind('.');
  if (dot == std::string_view::npos) return std::nullopt;
  TextCursor cursor(name.substr(dot + 1));
  const auto number = cursor.number<uint64_t>();
  if (!number || !cursor.at_end()) return std::nullopt;
  return std::pair(name.substr(0, dot), *number);
}

}  // namespace

std::string to_string(const LogCoordinates& coordinates) {
  return coordinates.file + ':' + std::to_string(coordinates.position);
}

std::partial_ordering compare_log_files(std::string_view a, std::string_view b) {
  if (a == b) return std::partial_ordering::equivalent;
  const auto left = split_log_file(a);
  const auto right = split_log_file(b);
  if (!left || !right || left->first != right->first || left->second == right->second)
    return std::partial_ordering::unordered;
  return left->second <=> right->second;
}

SentLog::SentLog(size_t capacity) : capacity_(std::max<size_t>(capacity, 1)) {}

// How many transactions end here or ahead of it, where the file is one of this log.
size_t SentLog::count_ahead(std::string_view file, uint64_t position) const {
  size_t count = 0;
  for (size_t left = size(); left > 0;) {
    const size_t half = (left - 1) / 2;
    const Entry& middle = entry(count + half);
    const auto order = compare_log_files(file_of(middle), file);
    const bool is_ahead = std::is_lt(order) || (std::is_eq(order) && middle.end <= position);
    if (is_ahead) count += half + 1;
    left = is_ahead ? left - half - 1 : half;
  }
  return count;
}

void SentLog::record(std::string_view file, uint64_t begin, uint64_t end,
                     const protocol::TransactionMark& mark) {
  begin = std::min(begin, end);
  if (!empty()) {
    const bool is_behind = file == files_.back() && begin >= reached_position_;
    const bool is_here = compare_log_files(files_.back(), file) != std::partial_ordering::unordered;
    if (!is_behind) keep(is_here ? count_ahead(file, begin) : 0);
  }
  if (files_.empty() || files_.back() != file) files_.emplace_back(file);
  const Entry added{.begin = begin, .end = end, .file = first_file_ + files_.size() - 1, .mark = mark};
  if (size() < capacity_) {
    entries_.push_back(added);
  } else {
    entries_[first_] = added;
    first_ = (first_ + 1) % capacity_;
  }
  reached_position_ = end;
  broken_off_ = 0;
  drop_unused_files();
}

void SentLog::reached(std::string_view file, uint64_t position) {
  if (empty()) return;
  const auto order = compare_log_files(files_.back(), file);
  broken_off_ = 0;
  if (std::is_eq(order)) reached_position_ = std::max(reached_position_, position);
  if (!std::is_lt(order)) return;
  if (files_.size() > 1 && entry(size() - 1).file + 1 < first_file_ + files_.size())
    files_.back() = file;  // nothing was in that one
  else
    files_.emplace_back(file);
  reached_position_ = position;
}

void SentLog::broken_off(std::string_view file, uint64_t position) {
  if (!empty() && files_.back() == file) broken_off_ = position;
}

std::optional<uint64_t> SentLog::broken_off() const {
  return broken_off_ > reached_position_ ? std::optional(broken_off_) : std::nullopt;
}

std::optional<LogCoordinates> SentLog::reached() const {
  if (empty()) return std::nullopt;
  return LogCoordinates{.file = files_.back(), .position = reached_position_};
}

// Forgets all but the oldest ones, and what was reached behind them.
void SentLog::keep(size_t count) {
  std::rotate(entries_.begin(), entries_.begin() + static_cast<std::ptrdiff_t>(first_), entries_.end());
  first_ = 0;
  entries_.resize(count);
  if (count == 0) {
    clear();
    return;
  }
  files_.resize(entries_.back().file - first_file_ + 1);
  reached_position_ = entries_.back().end;
  broken_off_ = 0;
}

void SentLog::drop_unused_files() {
  for (; first_file_ < entry(0).file; ++first_file_)
    files_.pop_front();
}

SentPlace SentLog::where(std::string_view file, uint64_t position) const {
  if (empty()) return {};
  const auto order = compare_log_files(files_.back(), file);
  if (order == std::partial_ordering::unordered) return {};
  const size_t ahead = count_ahead(file, position);
  if (ahead == size()) {
    if (std::is_eq(order) && position > reached_position_ && position <= broken_off_)
      return {.kind = SentPlace::Kind::kInside, .index = ahead};
    if (std::is_lt(order) || (std::is_eq(order) && position > reached_position_))
      return {.kind = SentPlace::Kind::kNewer};
    return {.kind = SentPlace::Kind::kBehind, .index = ahead - 1};
  }
  const Entry& next = entry(ahead);
  if (file_of(next) == file && next.begin < position)
    return {.kind = SentPlace::Kind::kInside, .index = ahead};
  if (ahead == 0) return {.kind = SentPlace::Kind::kOlder};
  return {.kind = SentPlace::Kind::kBehind, .index = ahead - 1};
}

SentTransaction SentLog::at(size_t index) const {
  const Entry& one = entry(index);
  return {.file = file_of(one), .begin = one.begin, .end = one.end, .mark = one.mark};
}

std::optional<SentTransaction> SentLog::last() const {
  if (empty()) return std::nullopt;
  return at(size() - 1);
}

std::vector<protocol::TransactionMark> SentLog::marks_up_to(size_t index) const {
  std::vector<protocol::TransactionMark> marks;
  marks.reserve(index + 1);
  for (size_t i = 0; i <= index && i < size(); ++i)
    marks.push_back(entry(i).mark);
  return marks;
}

void SentLog::clear() {
  entries_.clear();
  first_ = 0;
  files_.clear();
  first_file_ = 0;
  reached_position_ = 0;
  broken_off_ = 0;
}

}  // namespace causeway::consistency
