#include "protocol/client_connection_phase.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "phase_packets.h"

namespace causeway::protocol {
namespace {

using test::err_text;
using test::from_hex;
using test::Packet;
using test::payload_of;
using test::take_packet;
using test::take_packets;

constexpr CapabilityFlags kOffered = capability::kLongPassword | capability::kProtocol41 |
                                     capability::kSecureConnection | capability::kPluginAuth |
                                     capability::kPluginAuthLenencClientData | capability::kConnectWithDb |
                                     capability::kConnectAttrs | capability::kSsl;

const RsaKeyPair& rsa_key() {
  static const RsaKeyPair key = RsaKeyPair::generate();
  return key;
}

ServerIdentity identity(std::string_view plugin = auth_plugin::kNativePassword) {
  return {.server_version = "8.4.0-causeway",
          .connection_id = 7,
          .nonce = make_nonce(),
          .capabilities = kOffered,
          .collation = 45,
          .status = status::kAutocommit,
          .default_plugin = std::string(plugin),
          .client_host = "127.0.0.1",
          .rsa_key = &rsa_key()};
}

const Credentials& secret() {
  static const Credentials credentials = Credentials::from_password("secret");
  return credentials;
}

AccountVerifier native_account() {
  return AccountVerifier::native(sha1_digest(secret().sha1.view()));
}

AccountVerifier cached_account() {
  return AccountVerifier::caching_sha2(sha256_digest(secret().sha256.view()), std::nullopt);
}

CachingSha2Hash stored_hash(std::string_view password) {
  CachingSha2Hash stored{.rounds = 5000};
  stored.salt.fill('s');
  stored.hash = sha256_crypt(as_bytes(password), stored.salt, stored.rounds);
  return stored;
}

// A client played by the test: knows the machine's nonce and numbers packets as a real one does.
struct Script {
  explicit Script(ServerIdentity server) : nonce(server.nonce), phase(std::move(server)) {
    EXPECT_EQ(phase.start(out), ClientAction::kReadPacket);
    greeting = take_packet(out);
  }

  // The client's next packet.
  ClientAction send(Bytes payload) {
    ClientAction action = phase.on_packet(payload, sequence_id++, out);
    if (action == ClientAction::kRefreshAccount) action = refresh();
    if (action == ClientAction::kReadPacket || action == ClientAction::kFailed) {
      if (!out.empty()) {
        answer = take_packet(out);
        EXPECT_EQ(answer.sequence_id, sequence_id);
        sequence_id = static_cast<uint8_t>(answer.sequence_id + 1);
      }
    }
    return action;
  }
  ClientAction send(std::string_view payload) { return send(as_bytes(payload)); }

  ClientAction respond(std::string_view plugin, Bytes response,
                       CapabilityFlags flags = kOffered & ~capability::kSsl) {
    Buffer payload;
    append_handshake_response41(payload, {.capabilities = flags,
                                          .max_packet_bytes = 1 << 24,
                                          .collation = 33,
                                          .user = "ann",
                                          .auth_response = response,
                                          .database = "app",
                                          .auth_plugin = plugin});
    return send(payload);
  }

  // Answers the machine's kLookupAccount, and kRefreshAccount by the same account, or by `refreshed`.
  ClientAction account(const AccountVerifier& verifier) {
    given = verifier;
    return after(phase.on_account(verifier, out));
  }

  ClientAction start_tls() {
    Buffer payload;
    append_ssl_request(payload, {.capabilities = kOffered, .max_packet_bytes = 1 << 24, .collation = 33});
    const ClientAction action = send(payload);
    if (action != ClientAction::kStartTls) return action;
    EXPECT_TRUE(out.empty());
    return phase.on_tls_started(out);
  }

  ClientAction after(ClientAction action) {
    if (action == ClientAction::kRefreshAccount) action = refresh();
    if (!out.empty()) {
      answer = take_packet(out);
      EXPECT_EQ(answer.sequence_id, sequence_id);
      sequence_id = static_cast<uint8_t>(answer.sequence_id + 1);
    }
    return action;
  }

  ClientAction refresh() {
    EXPECT_EQ(refreshes++, 0);
    EXPECT_TRUE(out.empty());
    return phase.on_account_refreshed(refreshed.value_or(given), out);
  }

  Nonce nonce;
  ClientConnectionPhase phase;
  AccountVerifier given;
  std::optional<AccountVerifier> refreshed;
  int refreshes = 0;
  Buffer out;
  Packet greeting;
  Packet answer;
  uint8_t sequence_id = 1;
};

Buffer native_answer(const Nonce& nonce, const Credentials& credentials = secret()) {
  const Sha1Digest scramble = native_scramble(nonce, credentials.sha1.view());
  return {scramble.begin(), scramble.end()};
}

Buffer sha2_answer(const Nonce& nonce, const Credentials& credentials = secret()) {
  const Sha256Digest scramble = caching_sha2_scramble(nonce, credentials.sha256.view());
  return {scramble.begin(), scramble.end()};
}

const std::string kDeniedYes = "1045 28000 Access denied for user 'ann'@'127.0.0.1' (using password: YES)";
const std::string kDeniedNo = "1045 28000 Access denied for user 'ann'@'127.0.0.1' (using password: NO)";

TEST(ClientConnectionPhase, GreetsWithItsIdentity) {
  const Script script(identity());
  EXPECT_EQ(script.greeting.sequence_id, 0);
  const auto greeting = parse_handshake_v10(script.greeting.payload);
  ASSERT_TRUE(greeting);
  EXPECT_EQ(greeting->server_version, "8.4.0-causeway");
  EXPECT_EQ(greeting->thread_id, 7U);
  EXPECT_EQ(greeting->nonce, script.nonce);
  EXPECT_EQ(greeting->capabilities, kOffered);
  EXPECT_EQ(greeting->auth_plugin, auth_plugin::kNativePassword);
}

TEST(ClientConnectionPhase, NativePasswordIsCheckedAtOnce) {
  Script script(identity());
  ASSERT_EQ(script.respond(auth_plugin::kNativePassword, native_answer(script.nonce)),
            ClientAction::kLookupAccount);
  EXPECT_EQ(script.phase.user(), "ann");
  EXPECT_EQ(script.phase.profile().database, "app");
  EXPECT_EQ(script.phase.profile().capabilities, kOffered & ~capability::kSsl);
  EXPECT_EQ(script.phase.profile().max_packet_bytes, 1U << 24);
  ASSERT_EQ(script.account(native_account()), ClientAction::kDone);
  EXPECT_EQ(script.phase.next_sequence_id(), 2);
  const Credentials learnt = script.phase.take_credentials();
  EXPECT_EQ(learnt.sha1, secret().sha1);
  EXPECT_TRUE(learnt.clear_password.empty());
  EXPECT_TRUE(script.phase.take_credentials().sha1.empty());
}

TEST(ClientConnectionPhase, OffersOnlyWhatBothHave) {
  ServerIdentity server = identity();
  server.capabilities &= ~(capability::kConnectAttrs | capability::kConnectWithDb);
  Script script(std::move(server));
  ASSERT_EQ(script.respond(auth_plugin::kNativePassword, {}), ClientAction::kLookupAccount);
  EXPECT_FALSE(has(script.phase.profile().capabilities, capability::kConnectAttrs));
}

TEST(ClientConnectionPhase, WrongPasswordsAndUnknownUsersGetTheSameAnswer) {
  const Credentials wrong = Credentials::from_password("wrong");
  for (const AccountVerifier& account : {native_account(), AccountVerifier::unknown(),
                                         AccountVerifier::without_password(AccountVerifier::Kind::kNative)}) {
    Script script(identity());
    script.respond(auth_plugin::kNativePassword, native_answer(script.nonce, wrong));
    EXPECT_EQ(script.account(account), ClientAction::kFailed);
    EXPECT_EQ(err_text(script.answer), kDeniedYes);
    EXPECT_EQ(script.phase.failure(), ClientFailure::kAccessDenied);
  }
  for (const AccountVerifier& account : {native_account(), AccountVerifier::unknown()}) {
    Script script(identity());
    script.respond(auth_plugin::kNativePassword, {});
    EXPECT_EQ(script.account(account), ClientAction::kFailed);
    EXPECT_EQ(err_text(script.answer), kDeniedNo);
  }
}

TEST(ClientConnectionPhase, UnknownUsersOfCachingSha2GoThroughTheFullAuthentication) {
  for (const AccountVerifier& account : {AccountVerifier::unknown(stored_hash("secret")),
                                         AccountVerifier::caching_sha2(std::nullopt, stored_hash("other"))}) {
    Script script(identity(auth_plugin::kCachingSha2Password));
    ASSERT_EQ(script.start_tls(), ClientAction::kReadPacket);
    script.respond(auth_plugin::kCachingSha2Password, sha2_answer(script.nonce), kOffered);
    ASSERT_EQ(script.account(account), ClientAction::kReadPacket);
    EXPECT_EQ(script.answer.payload, from_hex("0104"));
    EXPECT_EQ(script.send(std::string_view("secret\0", 7)), ClientAction::kFailed);
    EXPECT_EQ(err_text(script.answer), kDeniedYes);
  }
}

TEST(ClientConnectionPhase, UnknownUsersWithoutADecoyAreTheShellsToVerify) {
  Script script(identity(auth_plugin::kCachingSha2Password));
  ASSERT_EQ(script.start_tls(), ClientAction::kReadPacket);
  script.respond(auth_plugin::kCachingSha2Password, sha2_answer(script.nonce), kOffered);
  ASSERT_EQ(script.account(AccountVerifier::unknown()), ClientAction::kReadPacket);
  ASSERT_EQ(script.send(std::string_view("secret\0", 7)), ClientAction::kVerifyPassword);
  EXPECT_EQ(script.after(script.phase.on_password_verified(false, script.out)), ClientAction::kFailed);
  EXPECT_EQ(err_text(script.answer), kDeniedYes);
}

TEST(ClientConnectionPhase, EmptyPasswordOfAnAccountWithoutOne) {
  using Kind = AccountVerifier::Kind;
  const struct {
    Kind kind;
    std::string_view plugin;
    Buffer response;
  } rows[] = {{Kind::kNative, auth_plugin::kNativePassword, {}},
              {Kind::kCachingSha2, auth_plugin::kCachingSha2Password, {}},
              {Kind::kCachingSha2, auth_plugin::kCachingSha2Password, {0}}};
  for (const auto& row : rows) {
    Script script(identity());
    script.respond(row.plugin, row.response);
    ASSERT_EQ(script.account(AccountVerifier::without_password(row.kind)), ClientAction::kDone);
    EXPECT_TRUE(script.phase.take_credentials().known_empty);
  }
}

TEST(ClientConnectionPhase, OtherPluginsOfTheClientAreSwitched) {
  Script script(identity());
  script.respond("some_plugin", as_bytes("whatever"));
  ASSERT_EQ(script.account(native_account()), ClientAction::kReadPacket);
  EXPECT_EQ(script.answer.sequence_id, 2);
  const auto request = parse_auth_switch_request(script.answer.payload);
  ASSERT_TRUE(request);
  EXPECT_EQ(request->plugin, auth_plugin::kNativePassword);
  EXPECT_EQ(request->data.size(), 21U);
  const auto nonce = parse_nonce(request->data);
  ASSERT_TRUE(nonce);
  EXPECT_EQ(*nonce, script.nonce);
  ASSERT_EQ(script.send(native_answer(*nonce)), ClientAction::kDone);
  EXPECT_EQ(script.phase.next_sequence_id(), 4);
}

TEST(ClientConnectionPhase, EmptyAnswerToASwitchIsTheEmptyPassword) {
  Script script(identity());
  script.respond("some_plugin", as_bytes("whatever"));
  ASSERT_EQ(script.account(native_account()), ClientAction::kReadPacket);
  ASSERT_EQ(script.send(Bytes{}), ClientAction::kFailed);
  EXPECT_EQ(err_text(script.answer), kDeniedNo);
}

TEST(ClientConnectionPhase, ClientsWithoutPluginsCannotBeSwitched) {
  Script script(identity());
  const CapabilityFlags flags = capability::kProtocol41 | capability::kSecureConnection;
  script.respond("", native_answer(script.nonce), flags);
  EXPECT_EQ(script.account(cached_account()), ClientAction::kFailed);
  EXPECT_TRUE(err_text(script.answer).starts_with("1251 08004 Client does not support"));

  Script native(identity());
  native.respond("", native_answer(native.nonce), flags);
  EXPECT_EQ(native.account(native_account()), ClientAction::kDone);

  // Before 4.1.1 the answer was eight bytes of another kind.
  Script old(identity());
  old.respond("", as_bytes("scramble"), capability::kProtocol41);
  EXPECT_EQ(old.account(native_account()), ClientAction::kFailed);
  EXPECT_TRUE(err_text(old.answer).starts_with("1251 08004 Client does not support"));
}

TEST(ClientConnectionPhase, FastPathOfCachingSha2) {
  Script script(identity(auth_plugin::kCachingSha2Password));
  script.respond(auth_plugin::kCachingSha2Password, sha2_answer(script.nonce));
  ASSERT_EQ(script.account(cached_account()), ClientAction::kDone);
  EXPECT_EQ(script.answer.payload, from_hex("0103"));
  EXPECT_EQ(script.answer.sequence_id, 2);
  EXPECT_EQ(script.phase.next_sequence_id(), 3);
  EXPECT_EQ(script.phase.take_credentials().sha256, secret().sha256);
}

TEST(ClientConnectionPhase, WrongPasswordOfACachedAccountLeavesTheFastPath) {
  Script script(identity(auth_plugin::kCachingSha2Password));
  script.respond(auth_plugin::kCachingSha2Password,
                 sha2_answer(script.nonce, Credentials::from_password("wrong")));
  ASSERT_EQ(script.account(cached_account()), ClientAction::kReadPacket);
  EXPECT_EQ(script.answer.payload, from_hex("0104"));
}

TEST(ClientConnectionPhase, FullAuthenticationOverTlsIsVerifiedByTheStoredHash) {
  for (const bool right : {true, false}) {
    Script script(identity(auth_plugin::kCachingSha2Password));
    ASSERT_EQ(script.start_tls(), ClientAction::kReadPacket);
    EXPECT_TRUE(script.phase.profile().tls);
    script.respond(auth_plugin::kCachingSha2Password, sha2_answer(script.nonce), kOffered);
    ASSERT_EQ(script.account(AccountVerifier::caching_sha2(std::nullopt, stored_hash("secret"))),
              ClientAction::kReadPacket);
    EXPECT_EQ(script.answer.sequence_id, 3);  // 1 was the SslRequest, 2 the response
    const ClientAction action = script.send(std::string_view(right ? "secret\0" : "sEcret\0", 7));
    EXPECT_EQ(action, right ? ClientAction::kDone : ClientAction::kFailed);
    if (right)
      EXPECT_EQ(script.phase.take_credentials().clear_password.text(), "secret");
    else
      EXPECT_EQ(err_text(script.answer), kDeniedYes);
  }
}

TEST(ClientConnectionPhase, OtherPasswordsAreAsGoodAsTheFirst) {
  for (const auto& [password, which] :
       std::vector<std::pair<std::string, int>>{{"secret", -1}, {"old", 0}, {"older", 1}, {"wrong", -2}}) {
    const Credentials typed = Credentials::from_password(password);
    const ClientAction expected = which == -2 ? ClientAction::kFailed : ClientAction::kDone;

    AccountVerifier native = native_account();
    AccountVerifier sha2 = AccountVerifier::caching_sha2(std::nullopt, stored_hash("secret"));
    for (const std::string_view other : {"old", "older"}) {
      native.other_native_double_hashes.push_back(sha1_digest(sha1_secret(as_bytes(other)).view()));
      sha2.other_stored_hashes.push_back(stored_hash(other));
    }
    Script by_native(identity());
    by_native.respond(auth_plugin::kNativePassword, native_answer(by_native.nonce, typed));
    EXPECT_EQ(by_native.account(native), expected) << password;

    Script by_sha2(identity(auth_plugin::kCachingSha2Password));
    ASSERT_EQ(by_sha2.start_tls(), ClientAction::kReadPacket);
    by_sha2.respond(auth_plugin::kCachingSha2Password, sha2_answer(by_sha2.nonce, typed), kOffered);
    ASSERT_EQ(by_sha2.account(sha2), ClientAction::kReadPacket);
    EXPECT_EQ(by_sha2.send(std::string_view(password.c_str(), password.size() + 1)), expected) << password;

    if (which == -2) continue;
    const auto other = which >= 0 ? std::optional<size_t>(which) : std::nullopt;
    EXPECT_EQ(by_native.phase.matched_other(), other) << password;
    EXPECT_EQ(by_sha2.phase.matched_other(), other) << password;
    EXPECT_EQ(by_native.phase.take_credentials().sha1, typed.sha1);
    EXPECT_EQ(by_sha2.phase.take_credentials().clear_password, typed.clear_password);
  }
}

TEST(ClientConnectionPhase, ThePasswordOfAnotherPluginIsAskedForNext) {
  AccountVerifier account = native_account();
  account.fallbacks = {AccountVerifier::ed25519(ed25519_public_key(as_bytes("other"))),
                       AccountVerifier::clear_password()};
  const auto wrong = Credentials::from_password("other");
  for (const std::string_view typed : {"other", "third"}) {
    Script script(identity());
    ASSERT_EQ(script.start_tls(), ClientAction::kReadPacket);
    script.respond(auth_plugin::kNativePassword, native_answer(script.nonce, wrong), kOffered);
    ASSERT_EQ(script.account(account), ClientAction::kReadPacket)
        << "once it is known that nothing has changed";
    EXPECT_EQ(script.refreshes, 1);
    const auto request = parse_auth_switch_request(script.answer.payload);
    ASSERT_TRUE(request);
    EXPECT_EQ(request->plugin, auth_plugin::kClearPassword);
    const ClientAction action = script.send(std::string(typed) + '\0');
    if (typed == "other") {
      EXPECT_EQ(action, ClientAction::kDone);
      EXPECT_EQ(script.phase.matched_fallback(), 0u);
      EXPECT_EQ(script.phase.take_credentials().clear_password.text(), typed);
      continue;
    }
    // Not asked for again: what it has given is as good for the next.
    ASSERT_EQ(action, ClientAction::kVerifyPassword);
    EXPECT_EQ(script.phase.matched_fallback(), 1u);
    EXPECT_EQ(script.phase.clear_password().text(), typed);
    EXPECT_EQ(script.after(script.phase.on_password_verified(false, script.out)), ClientAction::kFailed);
    EXPECT_EQ(err_text(script.answer), kDeniedYes);
  }

  Script first(identity());
  ASSERT_EQ(first.start_tls(), ClientAction::kReadPacket);
  first.respond(auth_plugin::kNativePassword, native_answer(first.nonce, secret()), kOffered);
  EXPECT_EQ(first.account(account), ClientAction::kDone);
  EXPECT_EQ(first.phase.matched_fallback(), std::nullopt);

  Script in_clear(identity());
  in_clear.respond(auth_plugin::kNativePassword, native_answer(in_clear.nonce, wrong));
  EXPECT_EQ(in_clear.account(account), ClientAction::kFailed) << "neither can be asked for without TLS";
  EXPECT_EQ(err_text(in_clear.answer), kDeniedYes);
}

TEST(ClientConnectionPhase, FullAuthenticationByRsaIsVerifiedByTheShell) {
  Script script(identity(auth_plugin::kCachingSha2Password));
  script.respond(auth_plugin::kCachingSha2Password, sha2_answer(script.nonce));
  ASSERT_EQ(script.account(AccountVerifier::caching_sha2(std::nullopt, std::nullopt)),
            ClientAction::kReadPacket);
  ASSERT_EQ(script.send(from_hex("02")), ClientAction::kReadPacket);
  const auto key = parse_auth_more_data(script.answer.payload);
  ASSERT_TRUE(key);
  EXPECT_EQ(as_text(key->data), rsa_key().public_key_pem());
  const auto encrypted = rsa_encrypt_password(as_bytes("secret"), script.nonce, as_text(key->data));
  ASSERT_TRUE(encrypted);
  ASSERT_EQ(script.send(*encrypted), ClientAction::kVerifyPassword);
  EXPECT_EQ(script.phase.clear_password().text(), "secret");
  ASSERT_EQ(script.phase.on_password_verified(true, script.out), ClientAction::kDone);
  EXPECT_EQ(script.phase.next_sequence_id(), 6);
  const Credentials learnt = script.phase.take_credentials();
  EXPECT_EQ(learnt.clear_password.text(), "secret");
  EXPECT_EQ(learnt.sha1, secret().sha1);
  EXPECT_EQ(learnt.sha256, secret().sha256);
}

TEST(ClientConnectionPhase, ClientThatHasTheKeyNeedNotAskForIt) {
  Script script(identity(auth_plugin::kCachingSha2Password));
  script.respond(auth_plugin::kCachingSha2Password, sha2_answer(script.nonce));
  script.account(AccountVerifier::caching_sha2(std::nullopt, std::nullopt));
  const auto encrypted = rsa_encrypt_password(as_bytes("secret"), script.nonce, rsa_key().public_key_pem());
  ASSERT_TRUE(encrypted);
  EXPECT_EQ(script.send(*encrypted), ClientAction::kVerifyPassword);
}

TEST(ClientConnectionPhase, ClearPasswordOverPlainTcpIsNotTaken) {
  Script script(identity(auth_plugin::kCachingSha2Password));
  script.respond(auth_plugin::kCachingSha2Password, sha2_answer(script.nonce));
  script.account(AccountVerifier::caching_sha2(std::nullopt, stored_hash("secret")));
  EXPECT_EQ(script.send(std::string_view("secret\0", 7)), ClientAction::kFailed);
  EXPECT_EQ(err_text(script.answer), kDeniedYes);
}

TEST(ClientConnectionPhase, FullAuthenticationWithoutTlsAndKeyIsRefused) {
  ServerIdentity server = identity(auth_plugin::kCachingSha2Password);
  server.rsa_key = nullptr;
  Script script(std::move(server));
  script.respond(auth_plugin::kCachingSha2Password, sha2_answer(script.nonce));
  EXPECT_EQ(script.account(AccountVerifier::caching_sha2(std::nullopt, std::nullopt)), ClientAction::kFailed);
  EXPECT_EQ(script.phase.failure(), ClientFailure::kInsecureTransport);
  EXPECT_TRUE(err_text(script.answer).starts_with("3159 HY000"));
}

TEST(ClientConnectionPhase, OtherAccountsGiveTheirPasswordInClearOverASecureTransportOnly) {
  ServerIdentity unix_socket = identity();
  unix_socket.secure_transport = true;
  Script script(std::move(unix_socket));
  script.respond(auth_plugin::kNativePassword, native_answer(script.nonce));
  ASSERT_EQ(script.account(AccountVerifier::clear_password()), ClientAction::kReadPacket);
  const auto request = parse_auth_switch_request(script.answer.payload);
  ASSERT_TRUE(request);
  EXPECT_EQ(request->plugin, auth_plugin::kClearPassword);
  ASSERT_EQ(script.send(std::string_view("secret\0", 7)), ClientAction::kVerifyPassword);
  EXPECT_EQ(script.phase.on_password_verified(true, script.out), ClientAction::kDone);
  EXPECT_EQ(script.phase.take_credentials().clear_password.text(), "secret");

  Script plain(identity());
  plain.respond(auth_plugin::kNativePassword, native_answer(plain.nonce));
  EXPECT_EQ(plain.account(AccountVerifier::clear_password()), ClientAction::kFailed);
  EXPECT_EQ(plain.phase.failure(), ClientFailure::kInsecureTransport);
}

TEST(ClientConnectionPhase, TlsIsRefusedIfNotOffered) {
  ServerIdentity server = identity();
  server.capabilities &= ~capability::kSsl;
  Script script(std::move(server));
  EXPECT_EQ(script.start_tls(), ClientAction::kFailed);
  EXPECT_EQ(err_text(script.answer), "1043 08S01 Bad handshake");
}

TEST(ClientConnectionPhase, SecondSslRequestIsABadHandshake) {
  Script script(identity());
  ASSERT_EQ(script.start_tls(), ClientAction::kReadPacket);
  EXPECT_EQ(script.start_tls(), ClientAction::kFailed);
}

TEST(ClientConnectionPhase, PacketInTheMiddleOfTheTlsHandshakeFailsInSilence) {
  Script script(identity());
  Buffer payload;
  append_ssl_request(payload, {.capabilities = kOffered, .max_packet_bytes = 1, .collation = 33});
  ASSERT_EQ(script.send(payload), ClientAction::kStartTls);
  EXPECT_EQ(script.phase.on_packet(payload, 2, script.out), ClientAction::kFailed);
  EXPECT_TRUE(script.out.empty());
}

TEST(ClientConnectionPhase, ResponseCutAtAnyByteIsABadHandshake) {
  Buffer payload;
  append_handshake_response41(payload, {.capabilities = kOffered & ~capability::kSsl,
                                        .user = "ann",
                                        .auth_response = as_bytes("12345678901234567890"),
                                        .database = "app",
                                        .auth_plugin = auth_plugin::kNativePassword});
  for (size_t length = 2; length < payload.size(); ++length) {
    Script script(identity());
    EXPECT_EQ(script.send(Bytes(payload).first(length)), ClientAction::kFailed) << length;
    EXPECT_EQ(err_text(script.answer), "1043 08S01 Bad handshake") << length;
    EXPECT_EQ(script.phase.failure(), ClientFailure::kMalformedPacket);
  }
}

TEST(ClientConnectionPhase, OldClientsAreToldWithoutAnSqlstate) {
  for (const std::string_view hex : {"", "00", "01000000006d6500"}) {
    Script script(identity());
    EXPECT_EQ(script.send(from_hex(hex)), ClientAction::kFailed);
    EXPECT_EQ(script.answer.payload[0], kErrHeader);
  }
  Script script(identity());
  script.send(from_hex("01000000006d6500"));
  EXPECT_TRUE(err_text(script.answer).starts_with("1251  Client does not support"))
      << err_text(script.answer);
}

TEST(ClientConnectionPhase, AnswersOfAWrongLengthAreRefusedAsTheServersDo) {
  Script native(identity());
  native.respond(auth_plugin::kNativePassword, Buffer(19, 'x'));
  EXPECT_EQ(native.account(native_account()), ClientAction::kFailed);
  EXPECT_EQ(err_text(native.answer), "1043 08S01 Bad handshake");

  Script sha2(identity(auth_plugin::kCachingSha2Password));
  sha2.respond(auth_plugin::kCachingSha2Password, Buffer(31, 'x'));
  EXPECT_EQ(sha2.account(cached_account()), ClientAction::kFailed);
  EXPECT_EQ(err_text(sha2.answer), kDeniedYes);
}

// The machine at each of its points where it waits for a packet.
Script at_step(int step) {
  Script script(identity(auth_plugin::kCachingSha2Password));
  if (step >= 1) script.respond("some_plugin", as_bytes("x"));
  if (step >= 1) script.account(AccountVerifier::caching_sha2(std::nullopt, std::nullopt));
  if (step >= 2) script.send(sha2_answer(script.nonce));
  if (step >= 3) script.send(from_hex("02"));
  return script;
}

TEST(ClientConnectionPhase, WrongSequenceIdAtEachStep) {
  for (int step = 0; step <= 3; ++step) {
    for (const int difference : {-1, 1, 100}) {
      Script script = at_step(step);
      const uint8_t due = script.sequence_id;
      EXPECT_EQ(script.phase.on_packet(as_bytes("x"), static_cast<uint8_t>(due + difference), script.out),
                ClientAction::kFailed);
      const Packet err = take_packet(script.out);
      EXPECT_EQ(err_text(err), "1156 08S01 Got packets out of order");
      EXPECT_EQ(err.sequence_id, due);  // as MySQL and MariaDB number it
      EXPECT_EQ(script.phase.failure(), ClientFailure::kOutOfOrder);
    }
  }
}

TEST(ClientConnectionPhase, EmptyAndOverlongPacketsAtEachStepFail) {
  for (int step = 0; step <= 3; ++step) {
    for (const size_t length : {size_t{0}, kMaxConnectionPhasePayloadBytes + 1}) {
      Script script = at_step(step);
      EXPECT_EQ(script.send(Buffer(length, 'x')), ClientAction::kFailed) << step << " " << length;
      EXPECT_EQ(script.answer.payload[0], kErrHeader);
    }
  }
}

TEST(ClientConnectionPhase, StaysFailedAndSilent) {
  Script script(identity());
  script.send(as_bytes("x"));
  EXPECT_EQ(script.phase.on_packet(as_bytes("x"), 3, script.out), ClientAction::kFailed);
  EXPECT_EQ(script.phase.on_account(native_account(), script.out), ClientAction::kFailed);
  EXPECT_EQ(script.phase.on_password_verified(true, script.out), ClientAction::kFailed);
  EXPECT_EQ(script.phase.on_tls_started(script.out), ClientAction::kFailed);
  EXPECT_EQ(script.phase.refuse(1, "HY000", "x", script.out), ClientAction::kFailed);
  EXPECT_TRUE(script.out.empty());
}

TEST(ClientConnectionPhase, ShellMayRefuseAtEachStep) {
  for (int step = 0; step <= 3; ++step) {
    Script script = at_step(step);
    EXPECT_EQ(script.after(script.phase.refuse(1040, "08004", "Too many connections", script.out)),
              ClientAction::kFailed);
    EXPECT_EQ(err_text(script.answer), "1040 08004 Too many connections");
    EXPECT_EQ(script.phase.failure(), ClientFailure::kRefusedByShell);
  }
}

TEST(ClientAuthExchange, SpentNonceIsReplaced) {
  const Nonce old_nonce = make_nonce();
  ClientAuthExchange exchange({.client_host = "h",
                               .default_plugin = std::string(auth_plugin::kNativePassword),
                               .capabilities = kOffered},
                              "ann", auth_plugin::kNativePassword, native_answer(make_nonce()), old_nonce,
                              /*nonce_is_spent=*/true, /*next_sequence_id=*/1);
  Buffer out;
  ASSERT_EQ(exchange.on_account(native_account(), out), ClientAction::kReadPacket);
  const Packet packet = take_packet(out);
  EXPECT_EQ(packet.sequence_id, 1);
  const auto request = parse_auth_switch_request(packet.payload);
  ASSERT_TRUE(request);
  const auto nonce = parse_nonce(request->data);
  ASSERT_TRUE(nonce);
  EXPECT_NE(*nonce, old_nonce);
  EXPECT_EQ(exchange.on_packet(native_answer(*nonce), 2, out), ClientAction::kDone);
}

// MariaDB takes it, and its clients give no other.
TEST(ClientAuthExchange, RightAnswerToASpentNonceIsTaken) {
  const Nonce nonce = make_nonce();
  ClientAuthExchange exchange({.client_host = "h",
                               .default_plugin = std::string(auth_plugin::kNativePassword),
                               .capabilities = kOffered},
                              "ann", auth_plugin::kNativePassword, native_answer(nonce), nonce,
                              /*nonce_is_spent=*/true, /*next_sequence_id=*/1);
  Buffer out;
  EXPECT_EQ(exchange.on_account(native_account(), out), ClientAction::kDone);
  EXPECT_TRUE(out.empty());
}

TEST(ClientAuthExchange, LongNamesAreCutInTheRefusal) {
  const std::string name(100, 'n');
  ClientAuthExchange exchange({.client_host = std::string(100, 'h'),
                               .default_plugin = std::string(auth_plugin::kNativePassword),
                               .capabilities = kOffered},
                              name, auth_plugin::kNativePassword, {}, make_nonce(), false, 2);
  Buffer out;
  ASSERT_EQ(exchange.on_account(AccountVerifier::unknown(), out), ClientAction::kRefreshAccount);
  ASSERT_EQ(exchange.on_account_refreshed(AccountVerifier::unknown(), out), ClientAction::kFailed);
  EXPECT_EQ(err_text(take_packet(out)), "1045 28000 Access denied for user '" + std::string(48, 'n') + "'@'" +
                                            std::string(64, 'h') + "' (using password: NO)");
}

TEST(ClientConnectionPhase, ChangedNativePasswordIsTakenAtOnce) {
  const AccountVerifier old = AccountVerifier::native(sha1_digest(sha1_secret(as_bytes("old")).view()));
  for (const bool switched : {false, true}) {
    Script script(identity());
    script.refreshed = native_account();
    script.respond(switched ? "some_plugin" : auth_plugin::kNativePassword, native_answer(script.nonce));
    ClientAction action = script.account(old);
    if (switched) {
      ASSERT_EQ(action, ClientAction::kReadPacket);
      action = script.send(native_answer(script.nonce));
    }
    EXPECT_EQ(action, ClientAction::kDone);
    EXPECT_EQ(script.refreshes, 1);
    EXPECT_EQ(script.phase.take_credentials().sha1, secret().sha1);
  }
}

TEST(ClientConnectionPhase, WrongPasswordOfAChangedAccountIsRefused) {
  Script script(identity());
  script.refreshed = native_account();
  script.respond(auth_plugin::kNativePassword,
                 native_answer(script.nonce, Credentials::from_password("neither")));
  const AccountVerifier old = AccountVerifier::native(sha1_digest(sha1_secret(as_bytes("old")).view()));
  EXPECT_EQ(script.account(old), ClientAction::kFailed);
  EXPECT_EQ(script.refreshes, 1);
  EXPECT_EQ(err_text(script.answer), kDeniedYes);
}

TEST(ClientConnectionPhase, ChangedPasswordOfCachingSha2IsTakenAtOnce) {
  Script script(identity(auth_plugin::kCachingSha2Password));
  ASSERT_EQ(script.start_tls(), ClientAction::kReadPacket);
  script.refreshed = AccountVerifier::caching_sha2(std::nullopt, stored_hash("secret"));
  script.respond(auth_plugin::kCachingSha2Password, sha2_answer(script.nonce), kOffered);
  ASSERT_EQ(script.account(AccountVerifier::caching_sha2(std::nullopt, stored_hash("old"))),
            ClientAction::kReadPacket);
  EXPECT_EQ(script.send(std::string_view("secret\0", 7)), ClientAction::kDone);
  EXPECT_EQ(script.refreshes, 1);
  EXPECT_EQ(script.phase.take_credentials().clear_password.text(), "secret");
}

TEST(ClientConnectionPhase, AccountThatIsNewOrGoneIsKnownAtOnce) {
  Script added(identity());
  added.refreshed = native_account();
  added.respond(auth_plugin::kNativePassword, native_answer(added.nonce));
  EXPECT_EQ(added.account(AccountVerifier::unknown()), ClientAction::kDone);

  Script gone(identity());
  gone.refreshed = AccountVerifier::unknown();
  gone.respond(auth_plugin::kNativePassword, native_answer(gone.nonce, Credentials::from_password("wrong")));
  EXPECT_EQ(gone.account(native_account()), ClientAction::kFailed);
  EXPECT_EQ(err_text(gone.answer), kDeniedYes);
}

TEST(ClientConnectionPhase, AccountWithAnotherPluginNowIsSwitchedOnce) {
  Script script(identity());
  script.refreshed = cached_account();
  script.respond(auth_plugin::kNativePassword, native_answer(script.nonce));
  const AccountVerifier old = AccountVerifier::native(sha1_digest(sha1_secret(as_bytes("old")).view()));
  ASSERT_EQ(script.account(old), ClientAction::kReadPacket);
  const auto request = parse_auth_switch_request(script.answer.payload);
  ASSERT_TRUE(request);
  EXPECT_EQ(request->plugin, auth_plugin::kCachingSha2Password);
  EXPECT_EQ(script.send(sha2_answer(script.nonce)), ClientAction::kDone);

  // Clients take one switch; the next login knows the plugin.
  Script twice(identity());
  twice.refreshed = cached_account();
  twice.respond("some_plugin", {});
  ASSERT_EQ(twice.account(old), ClientAction::kReadPacket);
  EXPECT_EQ(twice.send(native_answer(twice.nonce)), ClientAction::kFailed);
  EXPECT_EQ(err_text(twice.answer), kDeniedYes);
}

TEST(ClientConnectionPhase, Ed25519AccountsGiveTheirPasswordOverTlsOnly) {
  const AccountVerifier account = AccountVerifier::ed25519(ed25519_public_key(as_bytes("secret")));
  for (const bool right : {true, false}) {
    Script script(identity());
    ASSERT_EQ(script.start_tls(), ClientAction::kReadPacket);
    script.respond(auth_plugin::kNativePassword, native_answer(script.nonce), kOffered);
    ASSERT_EQ(script.account(account), ClientAction::kReadPacket);
    const auto request = parse_auth_switch_request(script.answer.payload);
    ASSERT_TRUE(request);
    EXPECT_EQ(request->plugin, auth_plugin::kClearPassword);
    EXPECT_TRUE(request->data.empty());
    EXPECT_EQ(script.send(std::string_view(right ? "secret\0" : "sEcret\0", 7)),
              right ? ClientAction::kDone : ClientAction::kFailed);
    if (!right) {
      EXPECT_EQ(err_text(script.answer), kDeniedYes);
    }
  }
  Script plain(identity());
  plain.respond(auth_plugin::kNativePassword, native_answer(plain.nonce));
  EXPECT_EQ(plain.account(account), ClientAction::kFailed);
  EXPECT_TRUE(err_text(plain.answer).starts_with("3159 HY000"));
}

}  // namespace
}  // namespace causeway::protocol
