// Errors of the protocol layer, as values. Grouped by whose fault they are.
#pragma once

#include <boost/system/error_code.hpp>
#include <boost/system/result.hpp>
#include <string>
#include <type_traits>

namespace causeway::protocol {

enum class ProtocolError {
  // The peer broke the protocol.
  kTruncated = 1,     // a packet ends before a field of it does
  kTrailingBytes,     // a packet goes on after its last field
  kMalformed,         // a field has a value that the protocol does not allow
  kSequence,          // a sequence id out of order
  kPacketTooLarge,    // longer than the limit for this place
  kUnexpectedPacket,  // a packet that cannot come here
  // The peer cannot do what is needed.
  kUnsupportedVersion,  // not handshake protocol 10 with 4.1 authentication
  kUnknownAuthPlugin,   // an authentication plugin that is not known here
  kInsecureTransport,   // a clear-text secret was asked for without TLS
};

const boost::system::error_category& protocol_category() noexcept;

inline boost::system::error_code make_error_code(ProtocolError e) noexcept {
  return {static_cast<int>(e), protocol_category()};
}

// A value, or why there is none.
template <class T>
using Result = boost::system::result<T>;

}  // namespace causeway::protocol

template <>
struct boost::system::is_error_code_enum<causeway::protocol::ProtocolError> : std::true_type {};
