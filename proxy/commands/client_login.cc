#include "proxy/commands/client_login.h"

#include <utility>

#include "protocol/client_connection_phase.h"
#include "proxy/backend/shard.h"
#include "proxy/commands/client_address.h"
#include "proxy/commands/client_greeting.h"
#include "proxy/commands/login_account.h"
#include "proxy/commands/login_refusal.h"
#include "proxy/commands/password_check.h"
#include "proxy/commands/session_opening.h"
#include "proxy/net/packet_io.h"
#include "proxy/session/local_answers.h"

namespace causeway::proxy {
namespace {

using protocol::AccountVerifier;
using protocol::ClientAction;
using protocol::ClientConnectionPhase;
using protocol::ClientFailure;

// Null where the users of the configuration are the accounts.
AccountStore::SnapshotPtr accounts_now(ClientSession& session) {
  const AccountStore* const store = session.shard.services().accounts;
  return store == nullptr ? nullptr : store->current();
}

// One login: the protocol's machine says what comes next, and each of these does one such thing. Nothing in
// place of the next one: the login has ended, and end_ says why.
class Login {
 public:
  using Next = std::optional<ClientAction>;

  explicit Login(ClientSession& session)
      : session_(session),
        account_(session.shard.config().users, session.shard.services().credentials, accounts_now(session)) {}

  // `change` is of a session that has logged in already.
  Awaitable<std::optional<EndReason>> run(const protocol::ComChangeUser* change);

 private:
  ClientAction begin(const protocol::ComChangeUser* change);
  Awaitable<bool> send();
  Awaitable<Next> take_step(ClientAction action);
  Awaitable<Next> read();
  Awaitable<Next> start_tls();
  Awaitable<Next> look_account_up();
  Awaitable<Next> look_account_up_again();
  Awaitable<Next> verify_password();
  Awaitable<Next> open();
  Awaitable<Next> fail();

  Next end(EndReason reason) {
    end_ = reason;
    return std::nullopt;
  }
  ClientAction refuse(const LoginRefusal& refusal) {
    end_ = refusal.reason;
    const ClientError& error = refusal.error;
    return phase().refuse(error.code, error.sql_state, error.message, out_);
  }
  void take_profile() { proxy::take_profile(session_, phase().profile(), account_, identity_); }
  void take_way();
  ClientConnectionPhase& phase() { return *phase_; }

  ClientSession& session_;
  LoginAccount account_;
  std::optional<ClientConnectionPhase> phase_;  // from begin() on
  bool is_first_ = true;                        // not by COM_CHANGE_USER
  Identity identity_;                           // the session's, once it is who it says
  protocol::Buffer in_;
  protocol::Buffer out_;
  EndReason end_ = EndReason::kNone;
};

Awaitable<std::optional<EndReason>> Login::run(const protocol::ComChangeUser* change) {
  Next next = begin(change);
  while (next) {
    const bool sent = co_await send();
    if (!sent) co_return EndReason::kClientGone;
    next = co_await take_step(*next);
  }
  co_return end_ == EndReason::kNone ? std::nullopt : std::optional(end_);
}

ClientAction Login::begin(const protocol::ComChangeUser* change) {
  protocol::ServerIdentity greeting = greeting_for(session_, account_.all());
  is_first_ = change == nullptr;
  if (!is_first_) greeting.nonce = session_.client.nonce;
  phase_.emplace(std::move(greeting));
  if (is_first_) return phase().start(out_);
  return phase().change_user(*change, session_.client.capabilities, session_.identity.login.key->collation,
                             session_.client.stream.is_tls());
}

// What the machine has to say. False: the client is gone.
Awaitable<bool> Login::send() {
  if (out_.empty()) co_return true;
  ErrorCode error;
  co_await session_.client.stream.write_all(out_, {}, error);
  out_.clear();
  co_return !error;
}

Awaitable<Login::Next> Login::take_step(ClientAction action) {
  switch (action) {
    case ClientAction::kReadPacket:
      return read();
    case ClientAction::kStartTls:
      return start_tls();
    case ClientAction::kLookupAccount:
      return look_account_up();
    case ClientAction::kRefreshAccount:
      return look_account_up_again();
    case ClientAction::kVerifyPassword:
      return verify_password();
    case ClientAction::kDone:
      return open();
    case ClientAction::kFailed:
      break;
  }
  return fail();
}

Awaitable<Login::Next> Login::read() {
  ErrorCode error;
  const PacketView packet = co_await read_packet(session_.client.stream, in_, kMaxLoginPayloadBytes, error);
  if (error == protocol::ProtocolError::kPacketTooLarge)
    co_return refuse({.reason = EndReason::kHandshake, .error = bad_handshake()});
  if (error) co_return end(EndReason::kClientGone);
  co_return phase().on_packet(packet.payload, packet.sequence_id, out_);
}

Awaitable<Login::Next> Login::start_tls() {
  ErrorCode error;
  const TlsContext& context = session_.shard.client_tls();
  co_await session_.client.stream.start_tls_as_server(context, error);
  if (!error) co_return phase().on_tls_started(out_);
  session_.shard.logger().info(
      "TLS handshake with a client failed",
      {{"client", session_.client.host},
       {"reason", describe_handshake_error(session_.client.stream.native_tls(), error)}});
  co_return end(EndReason::kTlsFailed);
}

Awaitable<Login::Next> Login::look_account_up() {
  const std::string& user = phase().user();
  const auto unseen = refuse_unseen(session_, account_, user, phase().profile().collation);
  if (unseen) co_return refuse(*unseen);
  const AccountVerifier verifier = account_.look_up(user, session_.client.host);
  const auto unasked = refuse_unasked(session_, account_, user);
  if (unasked) co_return refuse(*unasked);
  take_profile();
  co_return phase().on_account(verifier, out_);
}

Awaitable<Login::Next> Login::look_account_up_again() {
  co_await read_accounts_again(session_);
  account_.replace_all(accounts_now(session_));
  const AccountVerifier verifier = account_.look_up(phase().user(), session_.client.host);
  take_profile();
  co_return phase().on_account_refreshed(verifier, out_);
}

Awaitable<Login::Next> Login::verify_password() {
  take_way();
  const PasswordVerdict verdict =
      co_await check_password(session_, account_, phase().user(), phase().clear_password());
  if (verdict.unknown) co_return refuse({.error = *verdict.unknown});
  co_return phase().on_password_verified(verdict.accepted, out_);
}

// The one by which the client was asked last.
void Login::take_way() {
  const auto fallback = phase().matched_fallback();
  if (fallback && account_.take_fallback(*fallback)) take_profile();
}

// Authenticated; what remains may still end in an error, with the sequence id of the OK.
Awaitable<Login::Next> Login::open() {
  session_.client.nonce = phase().nonce();
  take_way();
  const auto other = phase().matched_other();
  if (other && account_.take_other_password(*other)) take_profile();
  const uint8_t sequence_id = phase().next_sequence_id();
  const auto refusal = refuse_owner(session_, account_, identity_.user, phase().used_password());
  if (refusal) {
    co_await answer_error(session_, sequence_id, refusal->error);
    co_return end(refusal->reason);
  }
  const bool by_first_password = !other && !phase().matched_fallback();
  identity_.login.credentials = account_.keep(phase().take_credentials(), by_first_password);
  if (const Account* const account = account_.account(); account != nullptr)
    identity_.login.account = AccountName{.user = account->user, .host = account->host};
  session_.identity = std::move(identity_);
  const std::string& schema = phase().profile().database;
  const std::optional<EndReason> refused = co_await open_session(session_, schema, sequence_id);
  if (refused) co_return end(*refused);
  if (is_first_) start_compression(session_, phase().profile());
  co_return std::nullopt;
}

// The error has been sent.
Awaitable<Login::Next> Login::fail() {
  Shard& shard = session_.shard;
  if (phase().failure() == ClientFailure::kAccessDenied) {
    shard.metrics().clients.auth_failures.add();
    shard.logger().info("access denied", {{"user", phase().user()}, {"client", session_.client.host}});
    co_return end(EndReason::kAccessDenied);
  }
  shard.metrics().clients.reject(RejectReason::kHandshake);
  co_return end(end_ == EndReason::kNone ? EndReason::kHandshake : end_);
}

// Who has timed out is not just gone.
EndReason why(const ClientSession& session, EndReason reason) {
  const bool timed_out = reason == EndReason::kClientGone && session.waiter.timed_out;
  return timed_out ? EndReason::kLoginTimeout : reason;
}

Awaitable<std::optional<EndReason>> log_in(ClientSession& session, const protocol::ComChangeUser* change) {
  Login login(session);
  const DeadlineScope scope(session.waiter, Clock::now() + session.shard.config().timeouts.login);
  if (change == nullptr && expects_proxy_header(session)) {
    const bool known = co_await take_proxy_header(session);
    if (!known) co_return why(session, EndReason::kNoProxyHeader);
  }
  const std::optional<EndReason> end = co_await login.run(change);
  if (!end) co_return std::nullopt;
  co_return why(session, *end);
}

}  // namespace

Awaitable<std::optional<EndReason>> log_in_client(ClientSession& session) {
  return log_in(session, nullptr);
}

Awaitable<std::optional<EndReason>> log_in_again(ClientSession& session,
                                                 const protocol::ComChangeUser& change) {
  return log_in(session, &change);
}

}  // namespace causeway::proxy
