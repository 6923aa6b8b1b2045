// Binary log coordinates: a file of one writer and an offset in it. They make causal reads work on
// replication without GTIDs. They mean something only for the server whose log it is, so they can carry its
// name.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "consistency/position_error.h"

namespace causeway::consistency {

class BinlogCoordinates {
 public:
  // A valid pair of file and offset. The file is `base.digits` without a path: printable ASCII, no quotes, no
  // backslash, at most 255 bytes, a number of at most 2^32 - 1. The offset is 4 (where the first event of
  // every file is) to 2^63 - 1. The owner names the server whose log it is, a UUID or a number: hexadecimal
  // digits and dashes, at most 36; empty: not known.
  static Result<BinlogCoordinates> make(std::string_view file, uint64_t offset, std::string_view owner = {});

  // Reads `owner/file:offset` or `file:offset`.
  static Result<BinlogCoordinates> parse(std::string_view text);

  // `owner/file:offset`, without the owner and its slash if it is not known.
  std::string to_string() const;
  void append_to(std::string& out) const;

  const std::string& owner() const { return owner_; }
  // "mysql-bin.000003"
  const std::string& file() const { return file_; }
  // "mysql-bin"
  std::string_view base_name() const { return std::string_view(file_).substr(0, base_length_); }
  // 3
  uint32_t file_number() const { return file_number_; }
  uint64_t offset() const { return offset_; }

  // By file number (as a number: .1000000 follows .999999), then offset. Logs of different
  // owners, or with different base names, are unordered.
  std::partial_ordering operator<=>(const BinlogCoordinates& other) const;
  bool operator==(const BinlogCoordinates& other) const;

  // Whoever has executed up to here has executed up to `wanted`. False if unordered.
  bool contains(const BinlogCoordinates& wanted) const { return *this >= wanted; }

 private:
  BinlogCoordinates(std::string_view owner, std::string_view file, size_t base_length, uint32_t number,
                    uint64_t offset)
      : owner_(owner), file_(file), base_length_(base_length), file_number_(number), offset_(offset) {}

  std::string owner_;
  std::string file_;
  size_t base_length_;
  uint32_t file_number_;
  uint64_t offset_;
};

}  // namespace causeway::consistency
