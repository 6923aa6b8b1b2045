#include "proxy/commands/client_login.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <chrono>
#include <memory>
#include <string>
#include <utility>

#include "protocol/client_connection_phase.h"
#include "protocol/command.h"
#include "protocol/packet_header.h"
#include "proxy/accounts/auth_methods.h"
#include "proxy/accounts/required_tls.h"
#include "proxy/backend/backend_connector.h"
#include "proxy/backend/shard.h"
#include "proxy/commands/client_address.h"
#include "proxy/commands/query_commands.h"
#include "proxy/net/packet_io.h"
#include "proxy/session/local_answers.h"
#include "proxy/session/session_tracking.h"
#include "routing/sql_lexer.h"

namespace causeway::proxy {
namespace {

using protocol::AccountVerifier;
using protocol::ClientAction;
using protocol::ClientConnectionPhase;
using protocol::Credentials;

namespace capability = protocol::capability;

// Shown while no server has been heard of yet.
constexpr std::string_view kFallbackVersion = "8.0.0-causeway";

// What servers use.
constexpr int kZlibLevel = 6;

// What can be offered: what all servers have and what passes through, and what the proxy does itself.
protocol::CapabilityFlags offered_capabilities(Shard& shard) {
  protocol::CapabilityFlags common =
      passed_on_capabilities(shard.config().statements) | capability::kSessionTrack;
  for (const NodeView& node : shard.cluster().view().nodes) {
    if (node.reachable) common &= node.facts.capabilities;
  }
  common |= required_backend_capabilities() & ~capability::kSessionTrack;
  common |= capability::kConnectWithDb | capability::kConnectAttrs | capability::kIgnoreSigpipe |
            capability::kReserved | capability::kCompress | capability::kZstdCompression;
  if (shard.client_tls() != nullptr) common |= capability::kSsl;
  // Its absence says that there are extended ones.
  if (shard.cluster().view().flavor == ServerFlavor::kMariadb) common &= ~capability::kLongPassword;
  return common;
}

std::string default_plugin(const AccountStore::SnapshotPtr& accounts, ServerFlavor flavor) {
  // The plugin of most accounts spares most clients a round trip.
  if (accounts != nullptr && accounts->available) {
    const auto& list = accounts->table.accounts();
    const auto native = std::ranges::count(list, protocol::auth_plugin::kNativePassword, &Account::plugin);
    const auto sha2 = std::ranges::count(list, protocol::auth_plugin::kCachingSha2Password, &Account::plugin);
    return std::string(native > sha2 ? protocol::auth_plugin::kNativePassword
                                     : protocol::auth_plugin::kCachingSha2Password);
  }
  return std::string(flavor == ServerFlavor::kMariadb && accounts != nullptr
                         ? protocol::auth_plugin::kNativePassword
                         : protocol::auth_plugin::kCachingSha2Password);
}

// Those that can be read; `others` becomes the list of their methods.
template <typename Parse>
auto parse_others(std::vector<AuthMethod>& others, Parse parse) {
  std::vector<typename decltype(parse(std::string()))::value_type> parsed;
  std::erase_if(others, [&](const AuthMethod& other) {
    auto one = parse(other.auth_string);
    if (one) parsed.push_back(*one);
    return !one;
  });
  return parsed;
}

// Somebody waits for a reading of the accounts. The store's thread holds it too.
struct AccountsWaiter {
  ClientSession* session = nullptr;  // null once it waits no more; worker's thread only
  bool done = false;
};

// What a password is, by the word of whoever can tell.
struct PasswordVerdict {
  bool accepted = false;
  std::optional<ClientError> unknown = std::nullopt;  // nobody could tell: what the client is told instead
};

// The state of one login; its member functions are its steps.
class Login {
 public:
  explicit Login(ClientSession& session)
      : session_(session), shard_(session.shard), services_(session.shard.services()) {
    if (services_.accounts != nullptr) accounts_ = services_.accounts->current();
  }

  // `change` is of a session that has logged in already.
  Awaitable<bool> run(const protocol::ComChangeUser* change = nullptr);

 private:
  protocol::ServerIdentity identity();
  AccountVerifier find_account(const std::string& user);
  AccountVerifier verifier_of(const Account& account);
  static AccountVerifier verifier_of(AuthWay& way, const std::optional<Credentials>& known);
  void take_way(const ClientConnectionPhase& phase);
  std::optional<protocol::CachingSha2Hash> decoy() const;
  bool needs_tls() const {
    return shard_.config().tls.mode == TlsMode::kRequired && !session_.client.stream.is_tls() &&
           !session_.listener.address.is_unix();
  }
  // Whether the servers take this account over TLS only.
  bool requires_server_tls() const {
    return account_ != nullptr &&
           (account_->required_tls != RequiredTls::kNone || preference(way_.method.plugin) < 2);
  }
  // What nodes are told of the client, if there is one that is told.
  std::string told_address() const {
    const bool any = std::ranges::any_of(shard_.config().nodes, &NodeConfig::proxy_protocol);
    return any && !session_.listener.address.is_unix() ? session_.client.host : std::string();
  }
  Awaitable<void> refresh_accounts();
  Awaitable<PasswordVerdict> verify_password(const ClientConnectionPhase& phase);
  // Nobody can say whether a password is right: no account was ever read, and no server answers.
  bool nobody_to_ask() const {
    return accounts_ != nullptr && !accounts_->available &&
           std::ranges::none_of(shard_.cluster().view().nodes, &NodeView::reachable);
  }
  std::optional<ClientError> refusal_of_account(const ClientConnectionPhase& phase);
  Awaitable<bool> finish(ClientConnectionPhase& phase);
  bool is_subject_to_init_connect();
  void take_profile(const protocol::ClientProfile& profile);
  void start_compression(const protocol::ClientProfile& profile);
  std::shared_ptr<const Credentials> credentials_of(ClientConnectionPhase& phase);

  ClientSession& session_;
  Shard& shard_;
  Services& services_;
  Identity identity_;  // the session's, once it is who it says
  AccountStore::SnapshotPtr accounts_;
  const Account* account_ = nullptr;        // in accounts_
  AuthWay way_;                             // the account's, if there is one
  std::vector<AuthWay> fallbacks_;          // the next ones of an account of several plugins
  const UserConfig* configured_ = nullptr;  // where the configuration's users are the accounts: its user
  std::optional<Credentials> known_;
};

protocol::ServerIdentity Login::identity() {
  const ClusterView& view = shard_.cluster().view();
  protocol::ServerIdentity identity;
  identity.server_version = kFallbackVersion;
  for (const NodeView& node : view.nodes) {
    if (node.facts.server_version.empty()) continue;
    identity.server_version = node.facts.server_version;
    identity.collation = node.facts.default_collation;
    if (node.role == NodeRole::kWriter) break;
  }
  // MariaDB 10 hides its version from old replicas, and clients look for this prefix.
  const bool hides =
      shard_.cluster().view().flavor == ServerFlavor::kMariadb && identity.server_version.starts_with("10.");
  if (hides) identity.server_version.insert(0, "5.5.5-");
  identity.connection_id = session_.id;
  identity.nonce = protocol::make_nonce();
  identity.capabilities = offered_capabilities(shard_);
  if (identity.collation == 0) identity.collation = 45;
  identity.status = protocol::status::kAutocommit;
  identity.default_plugin = default_plugin(accounts_, view.flavor);
  identity.client_host = session_.client.host;
  identity.secure_transport = session_.listener.address.is_unix();
  identity.rsa_key = services_.rsa_key.get();
  return identity;
}

AccountVerifier Login::verifier_of(const Account& account) {
  way_.method = method_of(account);
  way_.others = others_like(account, way_.method);
  known_ = services_.credentials.find(account.user, account.host, way_.method.auth_string);
  AccountVerifier verifier = verifier_of(way_, known_);
  if (verifier.kind == AccountVerifier::Kind::kUnknown) return verifier;
  for (AuthWay& way : fallbacks_of(account, way_.method)) {
    AccountVerifier fallback = verifier_of(way, std::nullopt);
    if (fallback.kind == AccountVerifier::Kind::kUnknown) continue;
    verifier.fallbacks.push_back(std::move(fallback));
    fallbacks_.push_back(std::move(way));
  }
  return verifier;
}

AccountVerifier Login::verifier_of(AuthWay& way, const std::optional<Credentials>& known) {
  using Kind = AccountVerifier::Kind;
  const AuthMethod& method = way.method;
  const bool empty = method.auth_string.empty();
  if (method.plugin == protocol::auth_plugin::kNativePassword) {
    if (empty) return AccountVerifier::without_password(Kind::kNative);
    const auto hash = protocol::parse_native_hash(method.auth_string);
    if (!hash) return AccountVerifier::unknown();
    AccountVerifier verifier = AccountVerifier::native(*hash);
    verifier.other_native_double_hashes = parse_others(way.others, protocol::parse_native_hash);
    return verifier;
  }
  if (method.plugin == kEd25519Account) {
    if (empty) return AccountVerifier::without_password(Kind::kEd25519);
    const auto key = protocol::parse_ed25519_key(method.auth_string);
    if (!key) return AccountVerifier::unknown();
    AccountVerifier verifier = AccountVerifier::ed25519(*key);
    verifier.other_ed25519_keys = parse_others(way.others, protocol::parse_ed25519_key);
    return verifier;
  }
  if (method.plugin == protocol::auth_plugin::kCachingSha2Password) {
    if (empty) return AccountVerifier::without_password(Kind::kCachingSha2);
    std::optional<protocol::Sha256Digest> double_hash;
    if (known && !known->sha256.empty()) double_hash = protocol::sha256_digest(known->sha256.view());
    std::optional<protocol::CachingSha2Hash> stored;
    const auto parsed = protocol::parse_caching_sha2_hash(method.auth_string);
    if (parsed) stored = *parsed;
    AccountVerifier verifier = AccountVerifier::caching_sha2(double_hash, stored);
    if (stored) verifier.other_stored_hashes = parse_others(way.others, protocol::parse_caching_sha2_hash);
    return verifier;
  }
  return AccountVerifier::clear_password();
}

// Some account's stored hash, so that an unknown user costs the time of a known one.
std::optional<protocol::CachingSha2Hash> Login::decoy() const {
  for (const Account& account : accounts_->table.accounts()) {
    if (account.plugin != protocol::auth_plugin::kCachingSha2Password) continue;
    const auto parsed = protocol::parse_caching_sha2_hash(account.auth_string);
    if (parsed) return *parsed;
  }
  return std::nullopt;
}

AccountVerifier Login::find_account(const std::string& user) {
  account_ = nullptr;
  way_ = {};
  fallbacks_.clear();
  known_.reset();
  configured_ = nullptr;
  if (services_.accounts == nullptr) {
    const auto& users = shard_.config().users;
    const auto configured = users.find(user);
    if (configured == users.end()) return AccountVerifier::unknown();
    configured_ = &configured->second;
    if (configured_->password.empty())
      return AccountVerifier::without_password(AccountVerifier::Kind::kCachingSha2);
    const protocol::SecretBytes once = protocol::sha256_secret(configured_->password.view());
    return AccountVerifier::caching_sha2(protocol::sha256_digest(once.view()), std::nullopt);
  }
  if (!accounts_->available) {
    // Everyone is asked for a clear password by way of caching_sha2_password, and a server decides.
    return AccountVerifier::caching_sha2(std::nullopt, std::nullopt);
  }
  account_ = accounts_->table.lookup(user, session_.client.host);
  return account_ == nullptr ? AccountVerifier::unknown(decoy()) : verifier_of(*account_);
}

// By the configuration, where it lists the users; else by logging in to a server as the user. A replica may
// not have the account, or not its new password, yet: only the writer's no counts, any replica's if there is
// none.
Awaitable<PasswordVerdict> Login::verify_password(const ClientConnectionPhase& phase) {
  if (services_.accounts == nullptr) {
    const bool right =
        configured_ != nullptr &&
        protocol::equal_in_constant_time(configured_->password.view(), phase.clear_password().view());
    co_return PasswordVerdict{.accepted = right};
  }
  const Credentials credentials = Credentials::from_password(phase.clear_password().text());
  const auto key = std::make_shared<const PoolKey>(PoolKey{.user = phase.user(),
                                                           .capabilities = 0,
                                                           .collation = 45,
                                                           .credentials_version = 0,
                                                           .requires_tls = requires_server_tls(),
                                                           .client_address = told_address()});
  const ClusterView& view = shard_.cluster().view();
  const int writer = view.writer;
  std::vector<size_t> nodes;
  if (writer >= 0) nodes.push_back(static_cast<size_t>(writer));
  for (size_t i = 0; i < view.nodes.size(); ++i) {
    if (view.nodes[i].reachable && static_cast<int>(i) != writer) nodes.push_back(i);
  }
  PasswordVerdict verdict{.unknown = no_server_for_login()};
  for (const size_t node : nodes) {
    ConnectResult opened =
        co_await connect_backend(shard_, node, key, credentials, session_.backends.in_flight);
    session_.backends.in_flight = nullptr;
    if (opened.connection) {
      opened.connection->say_goodbye();
      co_return PasswordVerdict{.accepted = true};
    }
    if (opened.access_denied && static_cast<int>(node) == writer) co_return PasswordVerdict{};
    if (opened.access_denied && writer < 0) verdict = PasswordVerdict{};
    if (opened.refusal && !opened.access_denied) verdict.unknown = std::move(opened.refusal);
  }
  co_return verdict;
}

// Reads the accounts from the servers once more, so that a password that was changed a moment ago is known.
Awaitable<void> Login::refresh_accounts() {
  if (services_.accounts == nullptr) co_return;
  const auto waiter = std::make_shared<AccountsWaiter>();
  waiter->session = &session_;
  const bool asked = services_.accounts->refresh([waiter, &io = shard_.io()] {
    asio::post(io, [waiter] {
      waiter->done = true;
      if (waiter->session != nullptr) waiter->session->waiter.wake_up.set();
    });
  });
  while (asked && !waiter->done && !session_.waiter.timed_out && !session_.waiter.closing) {
    session_.waiter.wake_up.reset();
    co_await session_.waiter.wake_up.wait();
  }
  waiter->session = nullptr;
  accounts_ = services_.accounts->current();
}

void Login::take_profile(const protocol::ClientProfile& profile) {
  identity_.user = profile.user;
  session_.client.capabilities = profile.capabilities;
  session_.state.start(shard_.cluster().view(), profile.collation);
  identity_.login.key = std::make_shared<const PoolKey>(
      PoolKey{.user = profile.user,
              .capabilities = profile.capabilities & passed_on_capabilities(shard_.config().statements),
              .collation = profile.collation,
              .credentials_version = version_of(way_.method),
              .requires_tls = requires_server_tls(),
              .client_address = told_address()});
}

std::shared_ptr<const Credentials> Login::credentials_of(ClientConnectionPhase& phase) {
  Credentials credentials = phase.take_credentials();
  if (configured_ != nullptr)
    return std::make_shared<const Credentials>(Credentials::from_password(configured_->password.text()));
  // What is remembered is the first password, which all of the account's logins begin with.
  if (phase.matched_other() || phase.matched_fallback())
    return std::make_shared<const Credentials>(std::move(credentials));
  if (account_ != nullptr)
    services_.credentials.put(account_->user, account_->host, way_.method.auth_string, credentials);
  if (credentials.clear_password.empty() && known_ && !known_->clear_password.empty()) {
    // The client has proved that it knows all of it; a server may ask for all of it.
    return std::make_shared<const Credentials>(known_->clone());
  }
  return std::make_shared<const Credentials>(std::move(credentials));
}

// What the account's owner has done right with the password and may not do all the same.
std::optional<ClientError> Login::refusal_of_account(const ClientConnectionPhase& phase) {
  if (account_ == nullptr) return std::nullopt;
  const ServerFlavor flavor = shard_.cluster().view().flavor;
  if (account_->locked) return account_locked(flavor, identity_.user, session_.client.host);
  if (!has_required_tls(*account_, client_tls(session_.client.stream.native_tls()))) {
    const bool unverifiable =
        requires_certificate(*account_) && session_.client.stream.is_tls() && shard_.config().tls.ca.empty();
    shard_.logger().info("access denied: the connection has not the TLS that the account requires",
                         {{"user", identity_.user},
                          {"client", session_.client.host},
                          {"reason", unverifiable ? "certificates are not verified without tls.ca"
                                                  : "no TLS, or another certificate or cipher"}});
    return unverifiable ? certificate_not_verifiable(identity_.user, session_.client.host)
                        : access_denied(identity_.user, session_.client.host, phase.used_password());
  }
  if (account_->expired) return password_expired(flavor);
  return std::nullopt;
}

// What init_connect makes of a session (its sql_mode, no autocommit) has to be known before its first
// statement.
bool Login::is_subject_to_init_connect() {
  return !session_.state.was_reset &&
         std::ranges::any_of(shard_.cluster().view().nodes,
                             [](const NodeView& node) { return node.facts.init_connect; });
}

// Authenticated; what remains may still end in an error, with the sequence id of the OK.
Awaitable<bool> Login::finish(ClientConnectionPhase& phase) {
  const uint8_t sequence_id = phase.next_sequence_id();
  const std::optional<ClientError> refusal = refusal_of_account(phase);
  if (refusal) {
    co_await answer_error(session_, sequence_id, *refusal);
    co_return false;
  }
  identity_.login.credentials = credentials_of(phase);
  if (account_ != nullptr)
    identity_.login.account = AccountName{.user = account_->user, .host = account_->host};
  session_.identity = std::move(identity_);
  const std::string& schema = phase.profile().database;
  if (schema.empty() && is_subject_to_init_connect()) {
    const InitDbOutcome outcome = co_await run_login_ping(session_, sequence_id);
    co_return !outcome.close && !outcome.is_error;
  }
  if (schema.empty()) {
    const bool sent = co_await answer_ok(session_, sequence_id);
    co_return sent;
  }
  protocol::Buffer wire;
  protocol::append_command(wire, protocol::Command::kInitDb, schema, session_.client.capabilities);
  const InitDbOutcome outcome = co_await run_init_db(session_, wire, sequence_id);
  co_return !outcome.close && !outcome.is_error;
}

// Behind the OK. A client that can do both means zlib, as for a server.
void Login::start_compression(const protocol::ClientProfile& profile) {
  if (protocol::has(profile.capabilities, capability::kCompress)) {
    session_.client.stream.start_compression(CompressionAlgorithm::kZlib, kZlibLevel);
  } else if (protocol::has(profile.capabilities, capability::kZstdCompression)) {
    session_.client.stream.start_compression(CompressionAlgorithm::kZstd, profile.zstd_level);
  }
}

// The one by which the client was asked last.
void Login::take_way(const ClientConnectionPhase& phase) {
  const auto fallback = phase.matched_fallback();
  if (!fallback || *fallback >= fallbacks_.size()) return;
  way_ = fallbacks_[*fallback];
  known_.reset();
  take_profile(phase.profile());
}

Awaitable<bool> Login::run(const protocol::ComChangeUser* change) {
  ErrorCode error;
  protocol::Buffer in;
  protocol::Buffer out;
  protocol::ServerIdentity who = identity();
  if (change != nullptr) who.nonce = session_.client.nonce;
  ClientConnectionPhase phase(std::move(who));
  ClientAction action = change == nullptr ? phase.start(out)
                                          : phase.change_user(*change, session_.client.capabilities,
                                                              session_.identity.login.key->collation,
                                                              session_.client.stream.is_tls());
  for (;;) {
    if (!out.empty()) {
      co_await session_.client.stream.write_all(out, {}, error);
      if (error) co_return false;
      out.clear();
    }
    switch (action) {
      case ClientAction::kReadPacket: {
        const PacketView packet =
            co_await read_packet(session_.client.stream, in, kMaxLoginPayloadBytes, error);
        if (error == protocol::ProtocolError::kPacketTooLarge) {
          const ClientError refusal = bad_handshake();
          action = phase.refuse(refusal.code, refusal.sql_state, refusal.message, out);
          break;
        }
        if (error) co_return false;
        action = phase.on_packet(packet.payload, packet.sequence_id, out);
        break;
      }
      case ClientAction::kStartTls: {
        const TlsContext& context = shard_.client_tls();
        co_await session_.client.stream.start_tls_as_server(context, error);
        if (error) {
          shard_.logger().info(
              "TLS handshake with a client failed",
              {{"client", session_.client.host},
               {"reason", describe_handshake_error(session_.client.stream.native_tls(), error)}});
          co_return false;
        }
        action = phase.on_tls_started(out);
        break;
      }
      case ClientAction::kLookupAccount: {
        if (needs_tls()) {
          const ClientError refusal = secure_transport_required();
          shard_.metrics().clients.reject(RejectReason::kTlsRequired);
          shard_.logger().info("a client was refused: tls.mode is required, and it uses no TLS",
                               {{"user", phase.user()}, {"client", session_.client.host}});
          action = phase.refuse(refusal.code, refusal.sql_state, refusal.message, out);
          break;
        }
        const std::string_view unusable = routing::unusable_client_charset(phase.profile().collation);
        if (!unusable.empty()) {
          const ClientError refusal = wrong_value_for_variable("character_set_client", unusable);
          action = phase.refuse(refusal.code, refusal.sql_state, refusal.message, out);
          break;
        }
        if (nobody_to_ask()) {
          const ClientError refusal = no_server_for_login();
          action = phase.refuse(refusal.code, refusal.sql_state, refusal.message, out);
          break;
        }
        const AccountVerifier verifier = find_account(phase.user());
        if (account_ != nullptr && is_for_local_processes(way_.method.plugin)) {
          const ClientError refusal = access_denied_without_password(phase.user(), session_.client.host);
          action = phase.refuse(refusal.code, refusal.sql_state, refusal.message, out);
          break;
        }
        take_profile(phase.profile());
        action = phase.on_account(verifier, out);
        break;
      }
      case ClientAction::kRefreshAccount: {
        co_await refresh_accounts();
        const AccountVerifier verifier = find_account(phase.user());
        take_profile(phase.profile());
        action = phase.on_account_refreshed(verifier, out);
        break;
      }
      case ClientAction::kVerifyPassword: {
        take_way(phase);
        const PasswordVerdict verdict = co_await verify_password(phase);
        action = verdict.unknown ? phase.refuse(verdict.unknown->code, verdict.unknown->sql_state,
                                                verdict.unknown->message, out)
                                 : phase.on_password_verified(verdict.accepted, out);
        break;
      }
      case ClientAction::kDone: {
        session_.client.nonce = phase.nonce();
        take_way(phase);
        if (const auto other = phase.matched_other(); other && *other < way_.others.size()) {
          way_.method = way_.others[*other];
          take_profile(phase.profile());
        }
        const bool finished = co_await finish(phase);
        if (finished && change == nullptr) start_compression(phase.profile());
        co_return finished;
      }
      case ClientAction::kFailed:
        if (phase.failure() == protocol::ClientFailure::kAccessDenied) {
          shard_.metrics().clients.auth_failures.add();
          shard_.logger().info("access denied", {{"user", phase.user()}, {"client", session_.client.host}});
        } else {
          shard_.metrics().clients.reject(RejectReason::kHandshake);
        }
        co_return false;
    }
  }
}

}  // namespace

Awaitable<bool> log_in_client(ClientSession& session) {
  Login login(session);
  bool accepted = false;
  {
    const DeadlineScope scope(session.waiter, Clock::now() + session.shard.config().timeouts.login);
    bool known = true;
    if (expects_proxy_header(session)) known = co_await take_proxy_header(session);
    if (known) accepted = co_await login.run();
  }
  co_return accepted;
}

Awaitable<bool> log_in_again(ClientSession& session, const protocol::ComChangeUser& change) {
  Login login(session);
  bool accepted = false;
  {
    const DeadlineScope scope(session.waiter, Clock::now() + session.shard.config().timeouts.login);
    accepted = co_await login.run(&change);
  }
  co_return accepted;
}

}  // namespace causeway::proxy
