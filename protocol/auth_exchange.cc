#include "protocol/auth_exchange.h"

#include <algorithm>

namespace causeway::protocol {

Result<AuthSwitchRequest> parse_auth_switch_request(Bytes payload) {
  ByteReader reader(payload);
  if (reader.int1() != kAuthSwitchRequestHeader)
    return reader.ok() ? ProtocolError::kUnexpectedPacket : ProtocolError::kTruncated;
  if (reader.at_end()) return AuthSwitchRequest{.plugin = auth_plugin::kOldPassword, .data = {}};
  AuthSwitchRequest request;
  request.plugin = reader.text_nul();
  request.data = reader.bytes_eof();
  if (!reader.ok()) return ProtocolError::kTruncated;
  return request;
}

void append_auth_switch_request(Buffer& out, const AuthSwitchRequest& request) {
  ByteWriter writer(out);
  writer.int1(kAuthSwitchRequestHeader);
  writer.text_nul(request.plugin);
  writer.bytes(request.data);
}

Result<Nonce> parse_nonce(Bytes data) {
  Nonce nonce;
  const bool with_nul = data.size() == nonce.size() + 1 && data.back() == 0;
  if (data.size() != nonce.size() && !with_nul) return ProtocolError::kMalformed;
  std::copy_n(data.begin(), nonce.size(), nonce.begin());
  return nonce;
}

Result<AuthMoreData> parse_auth_more_data(Bytes payload) {
  ByteReader reader(payload);
  if (reader.int1() != kAuthMoreDataHeader)
    return reader.ok() ? ProtocolError::kUnexpectedPacket : ProtocolError::kTruncated;
  return AuthMoreData{.data = reader.bytes_eof()};
}

void append_auth_more_data(Buffer& out, const AuthMoreData& more) {
  ByteWriter writer(out);
  writer.int1(kAuthMoreDataHeader);
  writer.bytes(more.data);
}

AuthSwitchResponse parse_auth_switch_response(Bytes payload) {
  return {.data = payload};
}

void append_auth_switch_response(Buffer& out, const AuthSwitchResponse& response) {
  ByteWriter(out).bytes(response.data);
}

}  // namespace causeway::protocol
