// The two machines against each other: what one sends, the other takes.

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "phase_packets.h"
#include "protocol/backend_connection_phase.h"
#include "protocol/client_connection_phase.h"
#include "protocol/ok_packet.h"

namespace causeway::protocol {
namespace {

using test::Packet;
using test::take_packets;

const RsaKeyPair& rsa_key() {
  static const RsaKeyPair key = RsaKeyPair::generate();
  return key;
}

enum class Transport { kTcp, kTls, kUnixSocket };
enum class Known { kCached, kStored, kByShell };
constexpr std::string_view kOther = "other";  // any plugin that sends the clear password

struct Case {
  std::string_view server_default, account_plugin;
  Transport transport = Transport::kTcp;
  std::string_view account_password, given_password;
  Known known = Known::kCached;
};

AccountVerifier verifier_of(const Case& c) {
  using Kind = AccountVerifier::Kind;
  if (c.account_plugin == kOther) return AccountVerifier::clear_password();
  const bool native = c.account_plugin == auth_plugin::kNativePassword;
  if (c.account_password.empty())
    return AccountVerifier::without_password(native ? Kind::kNative : Kind::kCachingSha2);
  const Credentials credentials = Credentials::from_password(c.account_password);
  if (native) return AccountVerifier::native(sha1_digest(credentials.sha1.view()));
  AccountVerifier account = AccountVerifier::caching_sha2(std::nullopt, std::nullopt);
  if (c.known == Known::kCached) account.sha256_double_hash = sha256_digest(credentials.sha256.view());
  if (c.known == Known::kStored) {
    CachingSha2Hash stored{.rounds = 5000};
    stored.salt.fill('s');
    stored.hash = sha256_crypt(as_bytes(c.account_password), stored.salt, stored.rounds);
    account.stored_hash = stored;
  }
  return account;
}

struct Outcome {
  bool client_done = false;
  bool backend_done = false;
  ClientFailure client_failure = ClientFailure::kNone;
  BackendFailure backend_failure;
  Credentials learnt;
  bool full = false;
  bool verified_by_shell = false;
};

// Plays both shells until both machines have ended.
Outcome run(const Case& c) {
  constexpr CapabilityFlags kAll = 0x81ffffff;
  Outcome outcome;
  ClientConnectionPhase server(
      {.server_version = "8.4.0",
       .connection_id = 1,
       .nonce = make_nonce(),
       .capabilities = c.transport == Transport::kTls ? kAll : kAll & ~capability::kSsl,
       .collation = 45,
       .status = status::kAutocommit,
       .default_plugin = std::string(c.server_default),
       .client_host = "localhost",
       .secure_transport = c.transport == Transport::kUnixSocket,
       .rsa_key = &rsa_key()});
  const Credentials given = Credentials::from_password(c.given_password);
  BackendConnectionPhase client({.user = "ann",
                                 .credentials = &given,
                                 .database = "app",
                                 .capabilities = capability::kConnectAttrs | capability::kDeprecateEof,
                                 .tls = TlsMode::kPreferred,
                                 .secure_transport = c.transport == Transport::kUnixSocket});
  Buffer to_client;
  Buffer to_server;
  ClientAction server_action = server.start(to_client);
  BackendAction client_action = client.start();
  const auto feed_client = [&] {
    for (const Packet& packet : take_packets(to_client))
      client_action = client.on_packet(packet.payload, packet.sequence_id, to_server);
  };
  for (int turn = 0; turn < 20; ++turn) {
    feed_client();
    if (client_action == BackendAction::kStartTls) {
      for (const Packet& packet : take_packets(to_server))
        server_action = server.on_packet(packet.payload, packet.sequence_id, to_client);
      EXPECT_EQ(server_action, ClientAction::kStartTls);
      server_action = server.on_tls_started(to_client);
      client_action = client.on_tls_started(to_server);
    }
    if (client_action != BackendAction::kReadPacket) break;
    for (const Packet& packet : take_packets(to_server))
      server_action = server.on_packet(packet.payload, packet.sequence_id, to_client);
    if (server_action == ClientAction::kLookupAccount)
      server_action = server.on_account(verifier_of(c), to_client);
    if (server_action == ClientAction::kRefreshAccount)
      server_action = server.on_account_refreshed(verifier_of(c), to_client);
    if (server_action == ClientAction::kVerifyPassword) {
      outcome.verified_by_shell = true;
      server_action =
          server.on_password_verified(server.clear_password().text() == c.account_password, to_client);
    }
    if (server_action == ClientAction::kDone)
      append_ok_packet(to_client, {.status_flags = status::kAutocommit}, server.next_sequence_id(), kOkHeader,
                       server.profile().capabilities);
  }
  outcome.client_done = server_action == ClientAction::kDone;
  outcome.backend_done = client_action == BackendAction::kDone;
  outcome.client_failure = server.failure();
  outcome.backend_failure = client.failure();
  outcome.learnt = server.take_credentials();
  outcome.full = client.profile().full_authentication;
  if (outcome.backend_done) {
    EXPECT_EQ(server.profile().user, "ann");
    EXPECT_EQ(server.profile().database, "app");
    EXPECT_EQ(server.profile().tls, c.transport == Transport::kTls);
    EXPECT_EQ(client.profile().tls, c.transport == Transport::kTls);
    EXPECT_EQ(server.profile().capabilities, client.profile().capabilities);
  }
  return outcome;
}

TEST(ConnectionPhases, AgreeInEveryCombination) {
  int cases = 0;
  for (const std::string_view server_default :
       {auth_plugin::kNativePassword, auth_plugin::kCachingSha2Password})
    for (const std::string_view plugin :
         {auth_plugin::kNativePassword, auth_plugin::kCachingSha2Password, kOther})
      for (const Transport transport : {Transport::kTcp, Transport::kTls, Transport::kUnixSocket})
        for (const std::string_view account_password : {"secret", ""})
          for (const std::string_view given_password : {"secret", "wrong", ""})
            for (const Known known : {Known::kCached, Known::kStored, Known::kByShell}) {
              const Case c{server_default, plugin, transport, account_password, given_password, known};
              SCOPED_TRACE(std::string(server_default) + " " + std::string(plugin) + " transport " +
                           std::to_string(static_cast<int>(transport)) + " '" +
                           std::string(account_password) + "' '" + std::string(given_password) + "' known " +
                           std::to_string(static_cast<int>(known)));
              ++cases;
              const Outcome outcome = run(c);
              ASSERT_EQ(outcome.client_done, outcome.backend_done);
              if (plugin == kOther && transport == Transport::kTcp) {
                EXPECT_EQ(outcome.client_failure, ClientFailure::kInsecureTransport);
                EXPECT_EQ(outcome.backend_failure.code, 3159);
                continue;
              }
              const bool right = account_password == given_password;
              EXPECT_EQ(outcome.backend_done, right) << outcome.backend_failure.message;
              if (!right) {
                EXPECT_EQ(outcome.client_failure, ClientFailure::kAccessDenied);
                EXPECT_EQ(outcome.backend_failure.code, 1045);
                EXPECT_EQ(outcome.backend_failure.message,
                          std::string("Access denied for user 'ann'@'localhost' (using password: ") +
                              (given_password.empty() ? "NO)" : "YES)"));
                EXPECT_TRUE(outcome.learnt.clear_password.empty() && outcome.learnt.sha1.empty());
                continue;
              }
              if (given_password.empty()) {
                EXPECT_TRUE(outcome.learnt.known_empty);
                continue;
              }
              const Credentials expected = Credentials::from_password(given_password);
              const bool sha2 = plugin == auth_plugin::kCachingSha2Password;
              EXPECT_EQ(outcome.full, sha2 && known != Known::kCached);
              EXPECT_EQ(outcome.verified_by_shell, plugin == kOther || (sha2 && known == Known::kByShell));
              if (plugin == auth_plugin::kNativePassword)
                EXPECT_EQ(outcome.learnt.sha1, expected.sha1);
              else
                EXPECT_EQ(outcome.learnt.sha256, expected.sha256);
            }
  EXPECT_EQ(cases, 2 * 3 * 3 * 2 * 3 * 3);
}

}  // namespace
}  // namespace causeway::protocol
