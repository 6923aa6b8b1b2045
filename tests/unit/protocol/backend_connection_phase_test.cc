#include "protocol/backend_connection_phase.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "phase_packets.h"
#include "protocol/ok_packet.h"

namespace causeway::protocol {
namespace {

using test::from_hex;
using test::Packet;
using test::payload_of;
using test::take_packet;
using Reason = BackendFailure::Reason;

constexpr CapabilityFlags kMysql = 0xdfffffff;
constexpr CapabilityFlags kMariadb = 0x1d81fff7fe;

const Nonce kNonce = make_nonce();
const Buffer kOk = from_hex("00000002000000");
const Buffer kAccessDenied = payload_of("\xff\x15\x04#28000Access denied");

const RsaKeyPair& rsa_key() {
  static const RsaKeyPair key = RsaKeyPair::generate();
  return key;
}

Buffer greeting(CapabilityFlags capabilities, std::string_view plugin, std::string_view version = "9.7.0") {
  Buffer payload;
  append_handshake_v10(payload, {.server_version = version,
                                 .thread_id = 9,
                                 .nonce = kNonce,
                                 .capabilities = capabilities,
                                 .collation = 255,
                                 .status = status::kAutocommit,
                                 .auth_plugin = plugin});
  return payload;
}

Buffer switch_to(std::string_view plugin, const Nonce& nonce) {
  Buffer data(nonce.begin(), nonce.end());
  data.push_back(0);
  Buffer payload;
  append_auth_switch_request(payload, {.plugin = plugin, .data = data});
  return payload;
}

Credentials only_sha1() {
  Credentials credentials;
  credentials.sha1 = sha1_secret(as_bytes("secret"));
  return credentials;
}

Credentials only_sha256() {
  Credentials credentials;
  credentials.sha256 = sha256_secret(as_bytes("secret"));
  return credentials;
}

template <size_t size>
Buffer buffer_of(const std::array<uint8_t, size>& bytes) {
  return Buffer(bytes.begin(), bytes.end());
}

Buffer native_answer(const Nonce& nonce) {
  return buffer_of(native_scramble(nonce, sha1_secret(as_bytes("secret")).view()));
}

Buffer sha2_answer(const Nonce& nonce) {
  return buffer_of(caching_sha2_scramble(nonce, sha256_secret(as_bytes("secret")).view()));
}

// A server played by the test.
struct Script {
  explicit Script(BackendLogin login = {}, Credentials known = Credentials::from_password("secret"))
      : credentials(std::make_unique<Credentials>(std::move(known))) {
    login.user = "ann";
    login.credentials = credentials.get();
    phase.emplace(std::move(login));
    EXPECT_EQ(phase->start(), BackendAction::kReadPacket);
  }

  // The server's next packet; the proxy's answer, if there is one, is taken.
  BackendAction send(Bytes payload) { return after(phase->on_packet(payload, sequence_id++, out)); }
  BackendAction tls_started() { return after(phase->on_tls_started(out)); }

  BackendAction after(BackendAction action) {
    answer = {};
    if (out.empty()) return action;
    answer = take_packet(out);
    EXPECT_EQ(answer.sequence_id, sequence_id);
    ++sequence_id;
    return action;
  }

  HandshakeResponse41 response() const {
    const auto parsed = parse_handshake_response41(answer.payload);
    EXPECT_TRUE(parsed);
    return parsed ? *parsed : HandshakeResponse41{};
  }

  Reason reason() const { return phase->failure().reason; }

  std::unique_ptr<Credentials> credentials;
  std::optional<BackendConnectionPhase> phase;
  Buffer out;
  Packet answer;
  uint8_t sequence_id = 0;
};

BackendLogin plain() {
  return {.tls = TlsMode::kDisabled};
}

TEST(BackendConnectionPhase, LogsInWithANativePassword) {
  BackendLogin login = plain();
  login.database = "app";
  login.collation = 45;
  login.capabilities = capability::kConnectAttrs | capability::kDeprecateEof;
  append_connect_attribute(login.connect_attributes, "program_name", "causeway");
  const Buffer attributes = login.connect_attributes;
  Script script(std::move(login));
  ASSERT_EQ(script.send(greeting(kMysql, auth_plugin::kNativePassword)), BackendAction::kReadPacket);
  const HandshakeResponse41 response = script.response();
  EXPECT_EQ(response.user, "ann");
  EXPECT_EQ(response.database, "app");
  EXPECT_EQ(response.collation, 45);
  EXPECT_EQ(response.auth_plugin, auth_plugin::kNativePassword);
  EXPECT_EQ(as_text(response.auth_response), as_text(native_answer(kNonce)));
  EXPECT_EQ(as_text(response.connect_attributes), as_text(attributes));
  EXPECT_TRUE(has(response.capabilities, capability::kDeprecateEof | capability::kConnectWithDb));
  EXPECT_FALSE(has(response.capabilities, capability::kSsl));
  ASSERT_EQ(script.send(kOk), BackendAction::kDone);
  const BackendProfile& profile = script.phase->profile();
  EXPECT_EQ(profile.capabilities, response.capabilities);
  EXPECT_EQ(profile.server_capabilities, kMysql);
  EXPECT_EQ(profile.server_version, "9.7.0");
  EXPECT_EQ(profile.thread_id, 9U);
  EXPECT_EQ(profile.status, status::kAutocommit);
  EXPECT_FALSE(profile.mariadb || profile.tls || profile.full_authentication);
}

TEST(BackendConnectionPhase, ExtendedCapabilitiesGoToMariadbOnly) {
  const CapabilityFlags extended = capability::kMariadbCacheMetadata | capability::kMariadbStmtBulkOperations;
  BackendLogin login = plain();
  login.capabilities = extended | capability::kLongPassword;
  Script mariadb(login);
  mariadb.send(greeting(kMariadb, auth_plugin::kNativePassword, "5.5.5-10.11.19-MariaDB"));
  EXPECT_TRUE(mariadb.phase->profile().mariadb);
  EXPECT_TRUE(has(mariadb.response().capabilities, extended));
  EXPECT_FALSE(has(mariadb.response().capabilities, capability::kLongPassword));

  Script mysql(login);
  mysql.send(greeting(kMysql, auth_plugin::kNativePassword));
  EXPECT_FALSE(mysql.phase->profile().mariadb);
  EXPECT_EQ(mysql.response().capabilities >> 32, 0U);
  EXPECT_TRUE(has(mysql.response().capabilities, capability::kLongPassword));

  Script unwanted(plain());
  unwanted.send(greeting(kMariadb, auth_plugin::kNativePassword));
  EXPECT_TRUE(has(unwanted.response().capabilities, capability::kLongPassword));
}

TEST(BackendConnectionPhase, TlsGoesBeforeTheResponse) {
  for (const TlsMode mode :
       {TlsMode::kPreferred, TlsMode::kRequired, TlsMode::kVerifyCa, TlsMode::kVerifyIdentity}) {
    Script script({.tls = mode});
    ASSERT_EQ(script.send(greeting(kMysql, auth_plugin::kNativePassword)), BackendAction::kStartTls);
    EXPECT_TRUE(is_ssl_request(script.answer.payload));
    EXPECT_EQ(script.answer.sequence_id, 1);
    ASSERT_EQ(script.tls_started(), BackendAction::kReadPacket);
    EXPECT_EQ(script.answer.sequence_id, 2);
    EXPECT_TRUE(has(script.response().capabilities, capability::kSsl));
    ASSERT_EQ(script.send(kOk), BackendAction::kDone);
    EXPECT_TRUE(script.phase->profile().tls);
  }
}

TEST(BackendConnectionPhase, TlsThatTheServerLacks) {
  const Buffer without = greeting(kMysql & ~capability::kSsl, auth_plugin::kNativePassword);
  for (const TlsMode mode : {TlsMode::kRequired, TlsMode::kVerifyCa, TlsMode::kVerifyIdentity}) {
    Script required({.tls = mode});
    EXPECT_EQ(required.send(without), BackendAction::kFailed);
    EXPECT_EQ(required.reason(), Reason::kNoTls);
    EXPECT_TRUE(required.answer.payload.empty());
  }
  Script preferred({.tls = TlsMode::kPreferred});
  EXPECT_EQ(preferred.send(without), BackendAction::kReadPacket);
}

TEST(BackendConnectionPhase, UnixSocketIsSecureWithoutTls) {
  Script script({.tls = TlsMode::kPreferred, .secure_transport = true});
  ASSERT_EQ(script.send(greeting(kMysql, auth_plugin::kCachingSha2Password)), BackendAction::kReadPacket);
  ASSERT_EQ(script.send(from_hex("0104")), BackendAction::kReadPacket);
  EXPECT_EQ(as_text(script.answer.payload), std::string_view("secret\0", 7));
}

TEST(BackendConnectionPhase, ErrInPlaceOfTheGreetingIsTheServersRefusal) {
  Script with_state;
  EXPECT_EQ(with_state.send(payload_of("\xff\x10\x04#08004Too many connections")), BackendAction::kFailed);
  EXPECT_EQ(
      with_state.phase->failure(),
      (BackendFailure{
          .reason = Reason::kRefused, .code = 1040, .sqlstate = "08004", .message = "Too many connections"}));
  Script without_state;
  EXPECT_EQ(without_state.send(payload_of("\xff\x69\x04Host is blocked")), BackendAction::kFailed);
  EXPECT_EQ(
      without_state.phase->failure(),
      (BackendFailure{
          .reason = Reason::kRefused, .code = 1129, .sqlstate = "HY000", .message = "Host is blocked"}));
}

TEST(BackendConnectionPhase, ErrAfterTheResponseIsTheServersRefusal) {
  Script script(plain());
  script.send(greeting(kMysql, auth_plugin::kNativePassword));
  ASSERT_EQ(script.send(kAccessDenied), BackendAction::kFailed);
  EXPECT_EQ(script.phase->failure(),
            (BackendFailure{
                .reason = Reason::kRefused, .code = 1045, .sqlstate = "28000", .message = "Access denied"}));
  EXPECT_EQ(script.send(kOk), BackendAction::kFailed);
  EXPECT_EQ(script.reason(), Reason::kRefused);
}

TEST(BackendConnectionPhase, SwitchesToAnotherPlugin) {
  const Nonce other = make_nonce();
  const struct {
    std::string_view from, to;
    Buffer answer;
  } rows[] = {{auth_plugin::kCachingSha2Password, auth_plugin::kNativePassword, native_answer(other)},
              {auth_plugin::kNativePassword, auth_plugin::kCachingSha2Password, sha2_answer(other)},
              {"auth_gssapi_client", auth_plugin::kNativePassword, native_answer(other)}};
  for (const auto& row : rows) {
    Script script(plain());
    script.send(greeting(kMysql, row.from));
    ASSERT_EQ(script.send(switch_to(row.to, other)), BackendAction::kReadPacket);
    EXPECT_EQ(script.answer.payload, row.answer) << row.to;
    EXPECT_EQ(script.answer.sequence_id, 3);
    EXPECT_EQ(script.send(kOk), BackendAction::kDone);
  }
}

TEST(BackendConnectionPhase, FirstAnswerIsOneThatTheCredentialsCanMake) {
  Script sha1(plain(), only_sha1());
  sha1.send(greeting(kMysql, auth_plugin::kCachingSha2Password));
  EXPECT_EQ(sha1.response().auth_plugin, auth_plugin::kNativePassword);
  EXPECT_EQ(as_text(sha1.response().auth_response), as_text(native_answer(kNonce)));

  Script sha256(plain(), only_sha256());
  sha256.send(greeting(kMariadb, auth_plugin::kNativePassword));
  EXPECT_EQ(sha256.response().auth_plugin, auth_plugin::kCachingSha2Password);
  EXPECT_EQ(as_text(sha256.response().auth_response), as_text(sha2_answer(kNonce)));
}

TEST(BackendConnectionPhase, SwitchThatTheCredentialsCannotAnswer) {
  Script script(plain(), only_sha1());
  script.send(greeting(kMysql, auth_plugin::kCachingSha2Password));
  EXPECT_EQ(script.send(switch_to(auth_plugin::kCachingSha2Password, kNonce)), BackendAction::kFailed);
  EXPECT_EQ(script.reason(), Reason::kPasswordNotKnown);
}

TEST(BackendConnectionPhase, FastPathOfCachingSha2) {
  Script script(plain(), only_sha256());
  script.send(greeting(kMysql, auth_plugin::kCachingSha2Password));
  EXPECT_EQ(as_text(script.response().auth_response), as_text(sha2_answer(kNonce)));
  ASSERT_EQ(script.send(from_hex("0103")), BackendAction::kReadPacket);
  EXPECT_TRUE(script.answer.payload.empty());
  ASSERT_EQ(script.send(kOk), BackendAction::kDone);
  EXPECT_FALSE(script.phase->profile().full_authentication);
}

TEST(BackendConnectionPhase, FullAuthenticationOverTlsSendsTheClearPassword) {
  Script script;
  script.send(greeting(kMysql, auth_plugin::kCachingSha2Password));
  script.tls_started();
  ASSERT_EQ(script.send(from_hex("0104")), BackendAction::kReadPacket);
  EXPECT_EQ(as_text(script.answer.payload), std::string_view("secret\0", 7));
  ASSERT_EQ(script.send(kOk), BackendAction::kDone);
  EXPECT_TRUE(script.phase->profile().full_authentication);
}

TEST(BackendConnectionPhase, FullAuthenticationWithoutTlsEncryptsThePassword) {
  Script script(plain());
  script.send(greeting(kMysql, auth_plugin::kCachingSha2Password));
  ASSERT_EQ(script.send(from_hex("0104")), BackendAction::kReadPacket);
  EXPECT_EQ(script.answer.payload, from_hex("02"));
  Buffer key;
  append_auth_more_data(key, {.data = as_bytes(rsa_key().public_key_pem())});
  ASSERT_EQ(script.send(key), BackendAction::kReadPacket);
  const auto password = rsa_key().decrypt_password(script.answer.payload, kNonce);
  ASSERT_TRUE(password);
  EXPECT_EQ(password->text(), "secret");
  ASSERT_EQ(script.send(kOk), BackendAction::kDone);
  EXPECT_TRUE(script.phase->profile().full_authentication);
}

TEST(BackendConnectionPhase, FullAuthenticationThatCannotBe) {
  Script hash_only(plain(), only_sha256());
  hash_only.send(greeting(kMysql, auth_plugin::kCachingSha2Password));
  EXPECT_EQ(hash_only.send(from_hex("0104")), BackendAction::kFailed);
  EXPECT_EQ(hash_only.reason(), Reason::kPasswordNotKnown);

  BackendLogin login = plain();
  login.allow_public_key_retrieval = false;
  Script no_key(std::move(login));
  no_key.send(greeting(kMysql, auth_plugin::kCachingSha2Password));
  EXPECT_EQ(no_key.send(from_hex("0104")), BackendAction::kFailed);
  EXPECT_EQ(no_key.reason(), Reason::kInsecureTransport);

  Script bad_key(plain());
  bad_key.send(greeting(kMysql, auth_plugin::kCachingSha2Password));
  bad_key.send(from_hex("0104"));
  EXPECT_EQ(bad_key.send(payload_of("\x01no key")), BackendAction::kFailed);
  EXPECT_EQ(bad_key.reason(), Reason::kBrokenProtocol);
}

TEST(BackendConnectionPhase, ClearPasswordIsSentOverASecureTransportOnly) {
  const Buffer request = switch_to(auth_plugin::kClearPassword, kNonce);
  Script tls;
  tls.send(greeting(kMysql, auth_plugin::kNativePassword));
  tls.tls_started();
  ASSERT_EQ(tls.send(request), BackendAction::kReadPacket);
  EXPECT_EQ(as_text(tls.answer.payload), std::string_view("secret\0", 7));

  Script tcp(plain());
  tcp.send(greeting(kMysql, auth_plugin::kNativePassword));
  EXPECT_EQ(tcp.send(request), BackendAction::kFailed);
  EXPECT_EQ(tcp.reason(), Reason::kInsecureTransport);
  EXPECT_TRUE(tcp.answer.payload.empty());

  Script unasked;
  unasked.send(greeting(kMysql, auth_plugin::kClearPassword));
  unasked.tls_started();
  EXPECT_EQ(unasked.response().auth_plugin, auth_plugin::kNativePassword);
}

TEST(BackendConnectionPhase, UnknownPluginsAreNamed) {
  for (const std::string_view plugin :
       {"auth_gssapi_client", "mysql_old_password", "authentication_webauthn_client"}) {
    Script script(plain());
    script.send(greeting(kMariadb, auth_plugin::kNativePassword));
    EXPECT_EQ(script.send(switch_to(plugin, kNonce)), BackendAction::kFailed);
    EXPECT_EQ(script.reason(), Reason::kUnknownPlugin);
    EXPECT_NE(script.phase->failure().message.find(plugin), std::string::npos);
  }
}

Buffer switch_to_ed25519(Bytes nonce) {
  Buffer payload;
  append_auth_switch_request(payload, {.plugin = auth_plugin::kEd25519, .data = nonce});
  return payload;
}

TEST(BackendConnectionPhase, Ed25519IsAnsweredByASignature) {
  const Buffer nonce(kEd25519NonceBytes, 'e');
  Script script(plain());
  script.send(greeting(kMariadb, auth_plugin::kNativePassword));
  ASSERT_EQ(script.send(switch_to_ed25519(nonce)), BackendAction::kReadPacket);
  EXPECT_EQ(script.answer.payload, buffer_of(ed25519_sign(as_bytes("secret"), nonce)));
  EXPECT_EQ(script.send(kOk), BackendAction::kDone);

  Script malformed(plain());
  malformed.send(greeting(kMariadb, auth_plugin::kNativePassword));
  EXPECT_EQ(malformed.send(switch_to_ed25519(Bytes(nonce).first(20))), BackendAction::kFailed);
  EXPECT_EQ(malformed.reason(), Reason::kBrokenProtocol);
}

TEST(BackendConnectionPhase, Ed25519ThatCannotBeAnsweredIsPassedOver) {
  const Buffer nonce(kEd25519NonceBytes, 'e');
  for (const bool other_plugin : {true, false}) {
    Script script(plain(), only_sha1());
    script.send(greeting(kMariadb, auth_plugin::kNativePassword));
    ASSERT_EQ(script.send(switch_to_ed25519(nonce)), BackendAction::kReadPacket);
    if (other_plugin) {
      ASSERT_EQ(script.send(switch_to(auth_plugin::kNativePassword, kNonce)), BackendAction::kReadPacket);
      EXPECT_EQ(script.answer.payload, native_answer(kNonce));
      EXPECT_EQ(script.send(kOk), BackendAction::kDone);
    } else {
      EXPECT_EQ(script.send(as_bytes("\xff\x15\x04#28000Access denied")), BackendAction::kFailed);
      EXPECT_EQ(script.reason(), Reason::kPasswordNotKnown);
    }
  }
}

TEST(BackendConnectionPhase, EmptyPassword) {
  Script native(plain(), Credentials::from_password(""));
  native.send(greeting(kMysql, auth_plugin::kNativePassword));
  EXPECT_TRUE(native.response().auth_response.empty());
  Script sha2(plain(), Credentials::from_password(""));
  sha2.send(greeting(kMysql, auth_plugin::kCachingSha2Password));
  EXPECT_EQ(as_text(sha2.response().auth_response), std::string_view("\0", 1));
}

// The machine at each of its points where it waits for a packet.
Script at_step(int step) {
  Script script(plain());
  if (step >= 1) script.send(greeting(kMysql, auth_plugin::kNativePassword));
  if (step >= 2) script.send(switch_to(auth_plugin::kCachingSha2Password, kNonce));
  if (step >= 3) script.send(from_hex("0104"));
  if (step >= 4) {
    Buffer key;
    append_auth_more_data(key, {.data = as_bytes(rsa_key().public_key_pem())});
    script.send(key);
  }
  return script;
}

TEST(BackendConnectionPhase, WrongSequenceIdAtEachStep) {
  for (int step = 0; step <= 4; ++step) {
    Script script = at_step(step);
    ++script.sequence_id;
    EXPECT_EQ(script.send(kOk), BackendAction::kFailed);
    EXPECT_EQ(script.reason(), Reason::kBrokenProtocol);
    EXPECT_TRUE(script.answer.payload.empty());
  }
}

TEST(BackendConnectionPhase, ErrAtEachStepIsTheServersRefusal) {
  for (int step = 0; step <= 4; ++step) {
    Script script = at_step(step);
    EXPECT_EQ(script.send(kAccessDenied), BackendAction::kFailed) << step;
    EXPECT_EQ(script.phase->failure().code, 1045) << step;
  }
}

TEST(BackendConnectionPhase, BrokenPacketsAtEachStep) {
  for (int step = 0; step <= 4; ++step) {
    for (const std::string_view hex :
         {"", "fb", "02", "01", "0105", "ff", "ff15", "fe61", "feff00aa", "0000"}) {
      Script script = at_step(step);
      EXPECT_EQ(script.send(from_hex(hex)), BackendAction::kFailed) << step << " " << hex;
    }
  }
}

TEST(BackendConnectionPhase, CutPacketsOfTheServerAreBroken) {
  const Buffer hello = greeting(kMysql, auth_plugin::kNativePassword);
  for (size_t length = 0; length < hello.size(); ++length) {
    Script script(plain());
    EXPECT_EQ(script.send(Bytes(hello).first(length)), BackendAction::kFailed) << length;
    EXPECT_EQ(script.reason(), Reason::kBrokenProtocol);
  }
  const Buffer request = switch_to(auth_plugin::kNativePassword, kNonce);
  for (size_t length = 0; length + 1 < request.size(); ++length) {
    Script script = at_step(1);
    EXPECT_EQ(script.send(Bytes(request).first(length)), BackendAction::kFailed) << length;
  }
  for (size_t length = 1; length < kOk.size(); ++length) {
    Script script = at_step(1);
    EXPECT_EQ(script.send(Bytes(kOk).first(length)), BackendAction::kFailed) << length;
  }
}

TEST(BackendConnectionPhase, EndlessSwitchesEnd) {
  Script script = at_step(1);
  int switches = 0;
  while (script.send(switch_to(auth_plugin::kNativePassword, kNonce)) == BackendAction::kReadPacket)
    ASSERT_LT(++switches, 20);
  EXPECT_EQ(script.reason(), Reason::kBrokenProtocol);
}

}  // namespace
}  // namespace causeway::protocol
