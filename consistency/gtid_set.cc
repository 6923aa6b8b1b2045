#include "consistency/gtid_set.h"

#include <algorithm>
#include <compare>
#include <optional>
#include <tuple>
#include <utility>

#include "consistency/text_cursor.h"
#include "protocol/text.h"

namespace causeway::consistency {
namespace {

using Intervals = decltype(GtidSource::intervals);

std::strong_ordering compare_keys(const GtidSource& a, const Uuid& uuid, std::string_view tag) {
  if (const auto order = a.uuid <=> uuid; std::is_neq(order)) return order;
  return std::string_view(a.tag) <=> tag;
}

bool key_less(const GtidSource& a, const GtidSource& b) {
  return std::is_lt(compare_keys(a, b.uuid, b.tag));
}

// --- intervals
// -----------------------------------------------------------------------------------------------

// Appends to ordered intervals one that begins no earlier than the last; joins what overlaps or touches.
void append_joined(Intervals& intervals, GtidInterval next) {
  if (!intervals.empty() && next.first <= intervals.back().last + 1) {
    intervals.back().last = std::max(intervals.back().last, next.last);
  } else {
    intervals.push_back(next);
  }
}

void normalize(Intervals& intervals) {
  if (std::ranges::is_sorted(intervals, {}, &GtidInterval::first) &&
      std::ranges::adjacent_find(intervals, [](const GtidInterval& a, const GtidInterval& b) {
        return b.first <= a.last + 1;
      }) == intervals.end()) {
    return;
  }
  std::ranges::sort(intervals, {}, &GtidInterval::first);
  Intervals joined;
  for (const GtidInterval& interval : intervals)
    append_joined(joined, interval);
  intervals = std::move(joined);
}

void unite(Intervals& into, const Intervals& from) {
  // A write after a write of the same source: the new interval goes to the end. The usual case.
  if (from.front().first >= into.back().first) {
    for (const GtidInterval& interval : from)
      append_joined(into, interval);
    return;
  }
  Intervals joined;
  auto a = into.begin();
  auto b = from.begin();
  while (a != into.end() || b != from.end()) {
    const bool take_a = b == from.end() || (a != into.end() && a->first <= b->first);
    append_joined(joined, take_a ? *a++ : *b++);
  }
  into = std::move(joined);
}

bool includes(const Intervals& have, const Intervals& wanted) {
  auto from = have.begin();
  for (const GtidInterval& want : wanted) {
    // The last interval that begins no later. As intervals never touch, only that one can hold all of `want`.
    const auto after = std::ranges::upper_bound(from, have.end(), want.first, {}, &GtidInterval::first);
    if (after == from || std::prev(after)->last < want.last) return false;
    from = std::prev(after);
  }
  return true;
}

// --- text
// ----------------------------------------------------------------------------------------------------

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// 8-4-4-4-12 hexadecimal digits, with all of the dashes or none of them; with braces all around or none.
std::optional<Uuid> take_uuid(TextCursor& text) {
  const bool braces = text.take('{');
  const bool dashes = text.rest().size() > 8 && text.rest()[8] == '-';
  Uuid uuid{};
  for (size_t i = 0; i < uuid.size(); ++i) {
    if (dashes && (i == 4 || i == 6 || i == 8 || i == 10) && !text.take('-')) return std::nullopt;
    if (text.rest().size() < 2) return std::nullopt;
    const int high = hex_value(text.rest()[0]);
    const int low = hex_value(text.rest()[1]);
    if (high < 0 || low < 0) return std::nullopt;
    uuid[i] = static_cast<uint8_t>(high * 16 + low);
    text.skip(2);
  }
  if (braces && !text.take('}')) return std::nullopt;
  return uuid;
}

void append_uuid(std::string& out, const Uuid& uuid) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  for (size_t i = 0; i < uuid.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) out += '-';
    out += kDigits[uuid[i] >> 4];
    out += kDigits[uuid[i] & 15];
  }
}

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

// Letters, digits and underscores, no digit first; in lower case. The caller has seen that a letter comes.
Result<std::string> take_tag(TextCursor& text) {
  std::string tag;
  while (is_letter(text.peek()) || (text.peek() >= '0' && text.peek() <= '9')) {
    if (tag.size() == kMaxGtidTagLength) return PositionError::kBadTag;
    tag += protocol::ascii_lower(text.peek());
    text.skip(1);
  }
  return tag;
}

// `first` or `first-last`.
Result<GtidInterval> take_interval(TextCursor& text) {
  const auto first = text.number<uint64_t>();
  if (!first || *first == 0 || *first > kMaxGtidNumber) return PositionError::kBadNumber;
  text.skip_space();
  if (!text.take('-')) return GtidInterval{*first, *first};
  text.skip_space();
  const auto last = text.number<uint64_t>();
  if (!last || *last > kMaxGtidNumber) return PositionError::kBadNumber;
  if (*last < *first) return PositionError::kReversedInterval;
  return GtidInterval{*first, *last};
}

// `#19`, behind which the next UUID may come at once: its first eight digits are those ahead of its dash.
bool skip_owner(TextCursor& text) {
  constexpr size_t kDigitsAheadOfDash = 8;
  if (!text.take('#')) return false;
  const std::string_view rest = text.rest();
  size_t digits = 0;
  while (digits < rest.size() && hex_value(rest[digits]) >= 0)
    ++digits;
  if (digits < rest.size() && rest[digits] == '-') {
    if (digits <= kDigitsAheadOfDash) return false;
    digits -= kDigitsAheadOfDash;
  }
  const std::string_view owner = rest.substr(0, digits);
  if (owner.empty() || owner.find_first_not_of("0123456789") != std::string_view::npos) return false;
  text.skip(digits);
  return true;
}

}  // namespace

Result<GtidSet> GtidSet::parse(std::string_view text) {
  if (text.size() > kMaxPositionTextBytes) return PositionError::kTooLong;
  GtidSet set;
  size_t interval_count = 0;
  TextCursor cursor(text);
  for (;;) {
    do {
      cursor.skip_space();
    } while (cursor.take(','));
    if (cursor.at_end()) break;

    const std::optional<Uuid> uuid = take_uuid(cursor);
    if (!uuid) return PositionError::kBadUuid;
    GtidSource source{*uuid, {}, {}};
    cursor.skip_space();
    while (cursor.take(':')) {
      cursor.skip_space();
      if (is_letter(cursor.peek())) {
        Result<std::string> tag = take_tag(cursor);
        if (!tag) return tag.error();
        if (!source.intervals.empty()) {
          set.sources_.push_back(std::move(source));
        } else if (!source.tag.empty()) {
          return PositionError::kMissingInterval;
        }
        source = GtidSource{*uuid, std::move(*tag), {}};
      } else {
        const Result<GtidInterval> interval = take_interval(cursor);
        if (!interval) return interval.error();
        if (++interval_count > kMaxPositionIntervals) return PositionError::kTooManyIntervals;
        source.intervals.push_back(*interval);
      }
      cursor.skip_space();
    }
    if (!cursor.at_end() && cursor.peek() != ',') return PositionError::kUnexpectedText;
    if (source.intervals.empty()) return PositionError::kMissingInterval;
    set.sources_.push_back(std::move(source));
  }
  set.normalize_sources();
  return set;
}

Result<GtidSet> GtidSet::parse_owned(std::string_view text) {
  if (text.size() > kMaxPositionTextBytes) return PositionError::kTooLong;
  GtidSet set;
  size_t count = 0;
  TextCursor cursor(text);
  while (!cursor.at_end()) {
    const std::optional<Uuid> uuid = take_uuid(cursor);
    if (!uuid) return PositionError::kBadUuid;
    std::string tag;
    bool any = false;
    while (cursor.take(':')) {
      if (is_letter(cursor.peek())) {
        Result<std::string> next = take_tag(cursor);
        if (!next) return next.error();
        tag = std::move(*next);
        any = false;
        continue;
      }
      const auto number = cursor.number<uint64_t>();
      if (!number || *number == 0 || *number > kMaxGtidNumber) return PositionError::kBadNumber;
      if (!skip_owner(cursor)) return PositionError::kUnexpectedText;
      if (++count > kMaxPositionIntervals) return PositionError::kTooManyIntervals;
      if (!any) set.sources_.push_back({*uuid, tag, {}});
      set.sources_.back().intervals.push_back({*number, *number});
      any = true;
    }
    if (!any) return PositionError::kMissingInterval;
    cursor.take(',');
  }
  set.normalize_sources();
  return set;
}

GtidSet GtidSet::issued_by(std::string_view uuid) const {
  GtidSet result;
  TextCursor cursor(uuid);
  const std::optional<Uuid> wanted = take_uuid(cursor);
  if (!wanted || !cursor.at_end()) return result;
  for (const GtidSource& source : sources_)
    if (source.uuid == *wanted) result.sources_.push_back(source);
  return result;
}

void GtidSet::normalize_sources() {
  if (!std::ranges::is_sorted(sources_, key_less)) std::ranges::sort(sources_, key_less);
  size_t kept = 0;
  for (size_t i = 0; i < sources_.size(); ++i) {
    if (kept > 0 && !key_less(sources_[kept - 1], sources_[i])) {
      Intervals& into = sources_[kept - 1].intervals;
      into.insert(into.end(), sources_[i].intervals.begin(), sources_[i].intervals.end());
    } else {
      if (kept != i) sources_[kept] = std::move(sources_[i]);
      ++kept;
    }
  }
  sources_.erase(sources_.begin() + static_cast<std::ptrdiff_t>(kept), sources_.end());
  for (GtidSource& source : sources_)
    normalize(source.intervals);
}

std::string GtidSet::to_string() const {
  std::string out;
  append_to(out);
  return out;
}

void GtidSet::append_to(std::string& out) const {
  const GtidSource* previous = nullptr;
  for (const GtidSource& source : sources_) {
    if (previous == nullptr || previous->uuid != source.uuid) {
      if (previous != nullptr) out += ',';
      append_uuid(out, source.uuid);
    }
    if (!source.tag.empty()) {
      out += ':';
      out += source.tag;
    }
    for (const GtidInterval& interval : source.intervals) {
      out += ':';
      append_number(out, interval.first);
      if (interval.last == interval.first) continue;
      out += '-';
      append_number(out, interval.last);
    }
    previous = &source;
  }
}

size_t GtidSet::interval_count() const {
  size_t count = 0;
  for (const GtidSource& source : sources_)
    count += source.intervals.size();
  return count;
}

bool GtidSet::contains(const GtidSet& wanted) const {
  auto have = sources_.begin();
  for (const GtidSource& want : wanted.sources_) {
    while (have != sources_.end() && key_less(*have, want))
      ++have;
    if (have == sources_.end() || key_less(want, *have)) return false;
    if (!includes(have->intervals, want.intervals)) return false;
  }
  return true;
}

void GtidSet::add(const GtidSet& other) {
  // Sources that both have are united in place; only a new source makes the others move.
  if (&other == this) return;
  size_t added = 0;
  const size_t old_size = sources_.size();
  size_t mine = 0;
  for (const GtidSource& theirs : other.sources_) {
    while (mine < old_size && key_less(sources_[mine], theirs))
      ++mine;
    if (mine < old_size && !key_less(theirs, sources_[mine])) {
      unite(sources_[mine].intervals, theirs.intervals);
    } else {
      sources_.push_back(theirs);
      ++added;
    }
  }
  if (added == 0) return;
  const auto middle = sources_.begin() + static_cast<std::ptrdiff_t>(old_size);
  std::inplace_merge(sources_.begin(), middle, sources_.end(), key_less);
}

}  // namespace causeway::consistency
