// Why a text is no position. Values of boost::system::error_code, as the errors of protocol/.
#pragma once

#include <boost/system/error_code.hpp>
#include <boost/system/result.hpp>
#include <type_traits>

namespace causeway::consistency {

enum class PositionError {
  kTooLong = 1,       // the text is longer than kMaxPositionTextBytes
  kTooManyIntervals,  // more than kMaxPositionIntervals intervals or domains
  kBadUuid,           // a GTID does not begin with a UUID
  kBadTag,            // a tag is longer than 32 characters or has one that is not allowed
  kBadNumber,         // a number is missing, zero where that is not allowed, or too large
  kReversedInterval,  // an interval ends before it begins
  kMissingInterval,   // a UUID or a tag without an interval behind it
  kUnexpectedText,    // something else than the separator or the end
  kBadFileName,       // no binary log file: base name, dot, digits
  kBadLogOwner,       // a binary log's owner is neither a UUID nor a number
  kUnknownKind,       // a position text with none of the known prefixes
  kNotWritable,       // the server that was asked is no writer any more
  kMissingColumn,     // the answer of a server has too few columns, or NULL
};

const boost::system::error_category& position_category() noexcept;

inline boost::system::error_code make_error_code(PositionError e) noexcept {
  return {static_cast<int>(e), position_category()};
}

template <class T>
using Result = boost::system::result<T>;

// Bounds for every position that is parsed.
inline constexpr size_t kMaxPositionTextBytes = size_t{1} << 20;
inline constexpr size_t kMaxPositionIntervals = size_t{1} << 16;

}  // namespace causeway::consistency

template <>
struct boost::system::is_error_code_enum<causeway::consistency::PositionError> : std::true_type {};
