// A server that sends anything, against the machine that logs in to it. The first byte chooses what is known
// of the password, the transport and TLS; then packets: two bytes of length, one that is added to the right
// sequence id, the payload.

#include <cstdint>
#include <cstdlib>

#include "protocol/backend_connection_phase.h"
#include "protocol/packet_header.h"

namespace {

using namespace causeway::protocol;

void require(bool condition) {
  if (!condition) std::abort();
}

// What may be known of a password.
const Credentials& credentials(unsigned choice) {
  static const Credentials whole = Credentials::from_password("secret");
  static const Credentials none = Credentials::from_password("");
  static const Credentials sha1 = [] {
    Credentials of_native;
    of_native.sha1 = sha1_secret(as_bytes("secret"));
    return of_native;
  }();
  static const Credentials sha256 = [] {
    Credentials of_caching_sha2;
    of_caching_sha2.sha256 = sha256_secret(as_bytes("secret"));
    return of_caching_sha2;
  }();
  switch (choice % 4) {
    case 0:
      return whole;
    case 1:
      return sha1;
    case 2:
      return sha256;
    default:
      return none;
  }
}

TlsMode tls_mode(unsigned choice) {
  switch (choice % 3) {
    case 0:
      return TlsMode::kDisabled;
    case 1:
      return TlsMode::kPreferred;
    default:
      return TlsMode::kRequired;
  }
}

bool has_password(Bytes bytes) {
  return as_text(bytes).find("secret") != std::string_view::npos;
}

// One whole packet with this sequence id, or nothing.
void check_output(const Buffer& out, uint8_t sequence_id) {
  if (out.empty()) return;
  require(out.size() >= kPacketHeaderBytes);
  const PacketHeader header = read_packet_header(out.data());
  require(header.sequence_id == sequence_id && out.size() == kPacketHeaderBytes + header.payload_bytes);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  ByteReader input(Bytes(data, size));
  const unsigned choice = input.int1();
  bool secure = (choice & 0x20) != 0;
  const bool server_says_it = has_password(Bytes(data, size));
  BackendConnectionPhase phase({.user = "ann",
                                .credentials = &credentials(choice),
                                .database = (choice & 0x40) != 0 ? "app" : "",
                                .capabilities = (choice & 0x80) != 0 ? ~CapabilityFlags{0} : 0,
                                .tls = tls_mode(choice >> 2),
                                .secure_transport = secure,
                                .allow_public_key_retrieval = (choice & 0x10) != 0});
  Buffer out;
  BackendAction action = phase.start();
  uint8_t sequence_id = 0;
  for (int step = 0; step < 64 && !input.at_end(); ++step) {
    switch (action) {
      case BackendAction::kReadPacket: {
        const size_t length = input.int2();
        const uint8_t difference = input.int1();
        const Bytes payload = input.bytes(length < input.remaining() ? length : input.remaining());
        action = phase.on_packet(payload, static_cast<uint8_t>(sequence_id + difference), out);
        ++sequence_id;
        break;
      }
      case BackendAction::kStartTls:
        require(phase.profile().capabilities & capability::kSsl);
        secure = true;
        action = phase.on_tls_started(out);
        break;
      case BackendAction::kDone:
        require(phase.failure().reason == BackendFailure::Reason::kNone);
        return 0;
      case BackendAction::kFailed:
        require(phase.failure().reason != BackendFailure::Reason::kNone && out.empty());
        action = phase.on_packet({}, 0, out);
        require(action == BackendAction::kFailed && out.empty());
        return 0;
    }
    check_output(out, sequence_id);
    // Who reads along must not see the password.
    require(secure || server_says_it || !has_password(out));
    if (!out.empty()) ++sequence_id;
    out.clear();
  }
  return 0;
}
