#include "protocol/protocol_error.h"

namespace causeway::protocol {
namespace {

class ProtocolCategory final : public boost::system::error_category {
 public:
  const char* name() const noexcept override { return "mysql protocol"; }

  std::string message(int code) const override {
    switch (static_cast<ProtocolError>(code)) {
      case ProtocolError::kTruncated:
        return "packet ends within a field";
      case ProtocolError::kTrailingBytes:
        return "packet has bytes after its last field";
      case ProtocolError::kMalformed:
        return "malformed packet";
      case ProtocolError::kSequence:
        return "packets out of order";
      case ProtocolError::kPacketTooLarge:
        return "packet too large";
      case ProtocolError::kUnexpectedPacket:
        return "unexpected packet";
      case ProtocolError::kUnsupportedVersion:
        return "unsupported protocol version";
      case ProtocolError::kUnknownAuthPlugin:
        return "unknown authentication plugin";
      case ProtocolError::kInsecureTransport:
        return "clear-text password needs a secure transport";
    }
    return "unknown protocol error";
  }
};

}  // namespace

const boost::system::error_category& protocol_category() noexcept {
  static const ProtocolCategory category;
  return category;
}

}  // namespace causeway::protocol
