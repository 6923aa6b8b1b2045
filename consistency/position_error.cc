#include "consistency/position_error.h"

#include <string>

namespace causeway::consistency {
namespace {

class PositionCategory final : public boost::system::error_category {
 public:
  const char* name() const noexcept override { return "replication position"; }

  std::string message(int code) const override {
    switch (static_cast<PositionError>(code)) {
      case PositionError::kTooLong:
        return "position text is too long";
      case PositionError::kTooManyIntervals:
        return "position has too many intervals";
      case PositionError::kBadUuid:
        return "a GTID does not begin with a UUID";
      case PositionError::kBadTag:
        return "a GTID tag is too long or has a character that is not allowed";
      case PositionError::kBadNumber:
        return "a number is missing or out of range";
      case PositionError::kReversedInterval:
        return "a GTID interval ends before it begins";
      case PositionError::kMissingInterval:
        return "a UUID or tag has no interval";
      case PositionError::kUnexpectedText:
        return "unexpected text in a position";
      case PositionError::kBadFileName:
        return "not the name of a binary log file";
      case PositionError::kBadLogOwner:
        return "a binary log's owner is neither a UUID nor a number";
      case PositionError::kUnknownKind:
        return "a position begins with mysql:, mariadb: or binlog:";
      case PositionError::kNotWritable:
        return "the server is no writer any more";
      case PositionError::kMissingColumn:
        return "the server's answer has no position";
    }
    return "unknown position error";
  }
};

}  // namespace

const boost::system::error_category& position_category() noexcept {
  static const PositionCategory category;
  return category;
}

}  // namespace causeway::consistency
