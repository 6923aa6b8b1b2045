// The name of one transaction in a binary log.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "protocol/byte_reader.h"

namespace causeway::protocol {

using BinlogUuid = std::array<uint8_t, 16>;

// Lower case, with dashes: appended to `out`.
void append_uuid(std::string& out, const BinlogUuid& uuid);

inline constexpr size_t kMaxBinlogTagBytes = 32;

// The greatest number of a transaction that MySQL gives: 2^63 - 2.
inline constexpr uint64_t kMaxBinlogGno = (uint64_t{1} << 63) - 2;

// Whether MySQL takes this as a tag in a log, where it stands in lower case; the empty tag is none.
// https://dev.mysql.com/doc/refman/9.4/en/replication-gtids-concepts.html
bool is_binlog_tag(std::string_view tag);

// A transaction's GTID. A value without memory of its own.
struct BinlogGtid {
  enum class Kind : uint8_t {
    kNone,       // there is no transaction, or the log says nothing about it
    kAnonymous,  // MySQL without GTIDs
    kMysql,      // uuid:gno, uuid:tag:gno
    kMariadb,    // domain-server-sequence
  };

  Kind kind = Kind::kNone;
  uint8_t tag_bytes = 0;                            // kMysql: of the tag
  uint32_t domain_id = 0;                           // kMariadb
  uint32_t server_id = 0;                           // kMariadb: of the server that the transaction comes from
  uint64_t number = 0;                              // gno; sequence number
  BinlogUuid uuid{};                                // kMysql
  std::array<char, kMaxBinlogTagBytes> tag_text{};  // kMysql

  std::string_view tag() const { return {tag_text.data(), tag_bytes}; }
  void set_tag(std::string_view tag);  // of kMaxBinlogTagBytes at the most

  friend bool operator==(const BinlogGtid&, const BinlogGtid&) = default;
};

// As the servers print it; "anonymous", or empty for kNone.
std::string to_string(const BinlogGtid& gtid);

}  // namespace causeway::protocol
