// Capability flags of the connection phase.
// https://dev.mysql.com/doc/dev/mysql-server/latest/group__group__cs__capabilities__flags.html
// MariaDB's extended ones: https://mariadb.com/kb/en/connection/#capabilities
#pragma once

#include <cstdint>

namespace causeway::protocol {

// The low 32 bits are those of MySQL; MariaDB's extended capabilities, which travel in the handshake's
// filler, are the high 32.
using CapabilityFlags = uint64_t;

namespace capability {
inline constexpr CapabilityFlags kLongPassword =
    1u << 0;  // MariaDB: CLIENT_MYSQL; absent says "MariaDB with extended ones"
inline constexpr CapabilityFlags kFoundRows = 1u << 1;
inline constexpr CapabilityFlags kLongFlag = 1u << 2;
inline constexpr CapabilityFlags kConnectWithDb = 1u << 3;
inline constexpr CapabilityFlags kNoSchema = 1u << 4;
inline constexpr CapabilityFlags kCompress = 1u << 5;
inline constexpr CapabilityFlags kOdbc = 1u << 6;
inline constexpr CapabilityFlags kLocalFiles = 1u << 7;
inline constexpr CapabilityFlags kIgnoreSpace = 1u << 8;
inline constexpr CapabilityFlags kProtocol41 = 1u << 9;
inline constexpr CapabilityFlags kInteractive = 1u << 10;
inline constexpr CapabilityFlags kSsl = 1u << 11;
inline constexpr CapabilityFlags kIgnoreSigpipe = 1u << 12;
inline constexpr CapabilityFlags kTransactions = 1u << 13;
inline constexpr CapabilityFlags kReserved = 1u << 14;
inline constexpr CapabilityFlags kSecureConnection = 1u << 15;
inline constexpr CapabilityFlags kMultiStatements = 1u << 16;
inline constexpr CapabilityFlags kMultiResults = 1u << 17;
inline constexpr CapabilityFlags kPsMultiResults = 1u << 18;
inline constexpr CapabilityFlags kPluginAuth = 1u << 19;
inline constexpr CapabilityFlags kConnectAttrs = 1u << 20;
inline constexpr CapabilityFlags kPluginAuthLenencClientData = 1u << 21;
inline constexpr CapabilityFlags kCanHandleExpiredPasswords = 1u << 22;
inline constexpr CapabilityFlags kSessionTrack = 1u << 23;
inline constexpr CapabilityFlags kDeprecateEof = 1u << 24;
inline constexpr CapabilityFlags kOptionalResultsetMetadata = 1u << 25;
inline constexpr CapabilityFlags kZstdCompression = 1u << 26;
inline constexpr CapabilityFlags kQueryAttributes = 1u << 27;
inline constexpr CapabilityFlags kMultiFactorAuthentication = 1u << 28;
inline constexpr CapabilityFlags kSslVerifyServerCert = 1u << 30;
inline constexpr CapabilityFlags kRememberOptions = 1u << 31;
inline constexpr CapabilityFlags kMariadbProgress = CapabilityFlags{1} << 32;
inline constexpr CapabilityFlags kMariadbComMulti = CapabilityFlags{1} << 33;
inline constexpr CapabilityFlags kMariadbStmtBulkOperations = CapabilityFlags{1} << 34;
inline constexpr CapabilityFlags kMariadbExtendedMetadata = CapabilityFlags{1} << 35;
inline constexpr CapabilityFlags kMariadbCacheMetadata = CapabilityFlags{1} << 36;
inline constexpr CapabilityFlags kMariadbBulkUnitResults = CapabilityFlags{1} << 37;
}  // namespace capability

inline constexpr bool has(CapabilityFlags flags, CapabilityFlags flag) {
  return (flags & flag) == flag;
}

}  // namespace causeway::protocol
