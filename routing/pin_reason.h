// Why a session holds on to its backend connection.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace causeway::routing {

enum class PinReason : uint8_t {
  kTransaction,     // a transaction is open
  kTemporaryTable,  // temporary tables exist
  kLockTables,      // LOCK TABLES, FLUSH TABLES WITH READ LOCK
  kUserLock,        // GET_LOCK
  kUserVariable,    // user variables whose values are not known
  kPreparedText,    // statements prepared by PREPARE
  kCursor,          // a cursor of the binary protocol is open
  kDiagnostics,     // warnings or counts that the next statement may ask for
  kHandler,         // HANDLER ... OPEN
  kUntrackable,     // state that the server cannot report
};
inline constexpr size_t kPinReasons = 10;

// A name for metrics and the status page: "temporary_table".
std::string_view to_string(PinReason reason);

// A set of reasons.
class PinReasons {
 public:
  void add(PinReason reason) { bits_ = static_cast<uint16_t>(bits_ | bit(reason)); }
  void remove(PinReason reason) { bits_ = static_cast<uint16_t>(bits_ & ~bit(reason)); }
  void clear() { bits_ = 0; }
  bool has(PinReason reason) const { return (bits_ & bit(reason)) != 0; }
  bool any() const { return bits_ != 0; }

  friend bool operator==(const PinReasons&, const PinReasons&) = default;

 private:
  static constexpr unsigned bit(PinReason reason) { return 1U << static_cast<unsigned>(reason); }
  uint16_t bits_ = 0;
};

}  // namespace causeway::routing
