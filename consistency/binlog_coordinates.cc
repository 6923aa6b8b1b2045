#include "consistency/binlog_coordinates.h"

#include <algorithm>
#include <limits>
#include <optional>

#include "consistency/text_cursor.h"

namespace causeway::consistency {
namespace {

constexpr size_t kMaxFileNameLength = 255;
constexpr size_t kMaxOwnerLength = 36;  // of a UUID
constexpr uint64_t kFirstOffset = 4;    // behind the magic number
constexpr uint64_t kMaxOffset = std::numeric_limits<int64_t>::max();

// What can stand between single quotes under every sql_mode and character set, and is no path.
bool allowed_in_file_name(char c) {
  return c >= ' ' && c <= '~' && c != '\'' && c != '"' && c != '`' && c != '\\' && c != '/';
}

bool allowed_in_owner(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') || c == '-';
}

}  // namespace

Result<BinlogCoordinates> BinlogCoordinates::make(std::string_view file, uint64_t offset,
                                                  std::string_view owner) {
  if (owner.size() > kMaxOwnerLength || !std::ranges::all_of(owner, allowed_in_owner)) {
    return PositionError::kBadLogOwner;
  }
  const size_t dot = file.rfind('.');
  if (file.size() > kMaxFileNameLength || dot == std::string_view::npos || dot == 0) {
    return PositionError::kBadFileName;
  }
  if (!std::ranges::all_of(file, allowed_in_file_name)) return PositionError::kBadFileName;
  TextCursor digits(file.substr(dot + 1));
  const auto number = digits.number<uint32_t>();
  if (!number || !digits.at_end()) return PositionError::kBadFileName;
  if (offset < kFirstOffset || offset > kMaxOffset) return PositionError::kBadNumber;
  return BinlogCoordinates(owner, file, dot, *number, offset);
}

Result<BinlogCoordinates> BinlogCoordinates::parse(std::string_view text) {
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return PositionError::kBadNumber;
  TextCursor digits(text.substr(colon + 1));
  const auto offset = digits.number<uint64_t>();
  if (!offset) return PositionError::kBadNumber;
  if (!digits.at_end()) return PositionError::kUnexpectedText;
  text = text.substr(0, colon);
  const size_t slash = text.find('/');
  if (slash == std::string_view::npos) return make(text, *offset);
  return make(text.substr(slash + 1), *offset, text.substr(0, slash));
}

std::string BinlogCoordinates::to_string() const {
  std::string out;
  append_to(out);
  return out;
}

void BinlogCoordinates::append_to(std::string& out) const {
  if (!owner_.empty()) {
    out += owner_;
    out += '/';
  }
  out += file_;
  out += ':';
  append_number(out, offset_);
}

std::partial_ordering BinlogCoordinates::operator<=>(const BinlogCoordinates& other) const {
  if (owner_ != other.owner_ || base_name() != other.base_name()) return std::partial_ordering::unordered;
  if (file_number_ != other.file_number_) return file_number_ <=> other.file_number_;
  return offset_ <=> other.offset_;
}

bool BinlogCoordinates::operator==(const BinlogCoordinates& other) const {
  return std::is_eq(*this <=> other);
}

}  // namespace causeway::consistency
