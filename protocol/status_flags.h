// Server status flags, in every OK and EOF packet.
// https://dev.mysql.com/doc/dev/mysql-server/latest/mysql__com_8h.html (SERVER_STATUS_flags_enum)
#pragma once

#include <cstdint>

namespace causeway::protocol {

using StatusFlags = uint16_t;

namespace status {
inline constexpr StatusFlags kInTransaction = 0x0001;
inline constexpr StatusFlags kAutocommit = 0x0002;
inline constexpr StatusFlags kMoreResultsExist = 0x0008;
inline constexpr StatusFlags kNoGoodIndexUsed = 0x0010;
inline constexpr StatusFlags kNoIndexUsed = 0x0020;
inline constexpr StatusFlags kCursorExists = 0x0040;
inline constexpr StatusFlags kLastRowSent = 0x0080;
inline constexpr StatusFlags kDbDropped = 0x0100;
inline constexpr StatusFlags kNoBackslashEscapes = 0x0200;
inline constexpr StatusFlags kMetadataChanged = 0x0400;
inline constexpr StatusFlags kQueryWasSlow = 0x0800;
inline constexpr StatusFlags kPsOutParams = 0x1000;
inline constexpr StatusFlags kInTransactionReadonly = 0x2000;
inline constexpr StatusFlags kSessionStateChanged = 0x4000;
inline constexpr StatusFlags kAnsiQuotes = 0x8000;  // MariaDB only
}  // namespace status

}  // namespace causeway::protocol
