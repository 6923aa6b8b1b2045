// A client that sends anything, against the machine that plays the server. The first byte chooses the account
// and the transport; then packets: two bytes of length, one that is added to the right sequence id, the
// payload.

#include <cstdint>
#include <cstdlib>
#include <string>

#include "protocol/client_connection_phase.h"
#include "protocol/packet_header.h"

namespace {

using namespace causeway::protocol;

void require(bool condition) {
  if (!condition) std::abort();
}

const RsaKeyPair& rsa_key() {
  static const RsaKeyPair key = RsaKeyPair::generate();
  return key;
}

AccountVerifier account(unsigned choice) {
  static const Credentials secret = Credentials::from_password("secret");
  switch (choice % 7) {
    case 0:
      return AccountVerifier::native(sha1_digest(secret.sha1.view()));
    case 1:
      return AccountVerifier::caching_sha2(sha256_digest(secret.sha256.view()), std::nullopt);
    case 2:
      return AccountVerifier::caching_sha2(std::nullopt, CachingSha2Hash{.rounds = 1});
    case 3:
      return AccountVerifier::clear_password();
    case 4:
      return AccountVerifier::without_password(AccountVerifier::Kind::kCachingSha2);
    case 5:
      return AccountVerifier::ed25519(ed25519_public_key(as_bytes("secret")));
    default:
      return AccountVerifier::unknown();
  }
}

// All of it is whole packets with sequence ids that go on from the last one. Returns the id that follows.
uint8_t check_output(const Buffer& out, uint8_t sequence_id) {
  Bytes rest(out);
  while (!rest.empty()) {
    require(rest.size() >= kPacketHeaderBytes);
    const PacketHeader header = read_packet_header(rest.data());
    require(header.sequence_id == sequence_id++);
    rest = rest.subspan(kPacketHeaderBytes);
    require(rest.size() >= header.payload_bytes);
    rest = rest.subspan(header.payload_bytes);
  }
  return sequence_id;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  ByteReader input(Bytes(data, size));
  const unsigned choice = input.int1();
  Nonce nonce;
  nonce.fill('n');
  const bool native = (choice & 0x40) == 0;
  ClientConnectionPhase phase(
      {.server_version = "8.4.0",
       .nonce = nonce,
       .capabilities = CapabilityFlags{(choice & 0x80) != 0 ? 0x1d81fffffeU : 0x81ffffffU},
       .default_plugin =
           std::string(native ? auth_plugin::kNativePassword : auth_plugin::kCachingSha2Password),
       .client_host = "localhost",
       .secure_transport = (choice & 0x20) != 0,
       .rsa_key = (choice & 0x10) != 0 ? &rsa_key() : nullptr});
  Buffer out;
  ClientAction action = phase.start(out);
  uint8_t sequence_id = check_output(out, 0);
  out.clear();
  for (int step = 0; step < 64 && !input.at_end(); ++step) {
    switch (action) {
      case ClientAction::kReadPacket: {
        const size_t length = input.int2();
        const uint8_t difference = input.int1();
        const Bytes payload = input.bytes(length < input.remaining() ? length : input.remaining());
        action = phase.on_packet(payload, static_cast<uint8_t>(sequence_id + difference), out);
        // An error about the order is numbered as the packet that was due.
        if (difference == 0) ++sequence_id;
        break;
      }
      case ClientAction::kStartTls:
        require(out.empty());
        action = phase.on_tls_started(out);
        break;
      case ClientAction::kLookupAccount:
        require(phase.user().size() <= kMaxUserNameBytes);
        action = phase.on_account(account(choice & 0x0f), out);
        break;
      case ClientAction::kRefreshAccount:
        require(out.empty());
        action = phase.on_account_refreshed(account((choice & 0x0f) + (choice >> 7)), out);
        break;
      case ClientAction::kVerifyPassword:
        action = phase.on_password_verified(phase.clear_password().text() == "secret", out);
        break;
      case ClientAction::kDone:
        require(phase.next_sequence_id() == sequence_id);
        (void)phase.take_credentials();
        return 0;
      case ClientAction::kFailed:
        require(phase.failure() != ClientFailure::kNone);
        require(phase.clear_password().empty());
        action = phase.on_packet({}, 0, out);
        require(action == ClientAction::kFailed && out.empty());
        return 0;
    }
    sequence_id = check_output(out, sequence_id);
    out.clear();
  }
  return 0;
}
