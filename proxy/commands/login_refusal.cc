#include "proxy/commands/login_refusal.h"

#include <algorithm>

#include "proxy/accounts/required_tls.h"
#include "proxy/backend/shard.h"
#include "routing/sql_lexer.h"

namespace causeway::proxy {
namespace {

bool lacks_tls(ClientSession& session) {
  return session.listener.tls == TlsMode::kRequired && !session.client.stream.is_tls() &&
         !session.listener.address.is_unix();
}

// Nobody can say whether a password is right: no account was ever read, and no server answers.
bool has_nobody_to_ask(ClientSession& session, const LoginAccount& accounts) {
  return accounts.all() != nullptr && !accounts.all()->available &&
         std::ranges::none_of(session.shard.cluster().view().nodes, &NodeView::reachable);
}

LoginRefusal refuse_tls(ClientSession& session, const Account& account, const std::string& user,
                        bool used_password) {
  const std::string& host = session.client.host;
  const bool unverifiable = requires_certificate(account) && session.client.stream.is_tls() &&
                            session.shard.config().tls.ca.empty();
  session.shard.logger().info("access denied: the connection has not the TLS that the account requires",
                              {{"user", user},
                               {"client", host},
                               {"reason", unverifiable ? "certificates are not verified without tls.ca"
                                                       : "no TLS, or another certificate or cipher"}});
  return {.reason = EndReason::kAccountRefused,
          .error = unverifiable ? certificate_not_verifiable(user, host)
                                : access_denied(user, host, used_password)};
}

}  // namespace

std::optional<LoginRefusal> refuse_unseen(ClientSession& session, const LoginAccount& accounts,
                                          const std::string& user, uint8_t collation) {
  if (lacks_tls(session)) {
    session.shard.metrics().clients.reject(RejectReason::kTlsRequired);
    session.shard.logger().info("a client was refused: TLS is required, and it uses none",
                                {{"user", user}, {"client", session.client.host}});
    return LoginRefusal{.reason = EndReason::kTlsMissing, .error = secure_transport_required()};
  }
  const std::string_view unusable = routing::unusable_client_charset(collation);
  if (!unusable.empty())
    return LoginRefusal{.error = wrong_value_for_variable("character_set_client", unusable)};
  if (has_nobody_to_ask(session, accounts)) return LoginRefusal{.error = no_server_for_login()};
  return std::nullopt;
}

std::optional<LoginRefusal> refuse_unasked(ClientSession& session, const LoginAccount& account,
                                           const std::string& user) {
  if (!account.is_for_local_processes()) return std::nullopt;
  return LoginRefusal{.reason = EndReason::kAccountRefused,
                      .error = access_denied_without_password(user, session.client.host)};
}

std::optional<LoginRefusal> refuse_owner(ClientSession& session, const LoginAccount& login,
                                         const std::string& user, bool used_password) {
  const Account* const account = login.account();
  if (account == nullptr) return std::nullopt;
  const ServerFlavor flavor = session.shard.cluster().view().flavor;
  if (account->locked)
    return LoginRefusal{.reason = EndReason::kAccountRefused,
                        .error = account_locked(flavor, user, session.client.host)};
  if (!has_required_tls(*account, client_tls(session.client.stream.native_tls())))
    return refuse_tls(session, *account, user, used_password);
  if (account->expired)
    return LoginRefusal{.reason = EndReason::kAccountRefused, .error = password_expired(flavor)};
  return std::nullopt;
}

}  // namespace causeway::proxy
