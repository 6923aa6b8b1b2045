// The account that a client says it is: how its password is proved, and what becomes of the proof.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "protocol/client_auth_exchange.h"
#include "proxy/accounts/account_store.h"
#include "proxy/accounts/auth_methods.h"
#include "proxy/accounts/credential_cache.h"
#include "proxy/config/config.h"

namespace causeway::proxy {

class LoginAccount {
 public:
  // `all` are null where the users of the configuration are the accounts; `known` is what earlier logins have
  // shown. Both that and the configuration outlive it.
  LoginAccount(const std::map<std::string, UserConfig>& users, CredentialCache& known,
               AccountStore::SnapshotPtr all)
      : users_(users), credentials_(known), all_(std::move(all)) {}

  const AccountStore::SnapshotPtr& all() const { return all_; }
  // The accounts were read anew. Until the next look_up() it is nobody's.
  void replace_all(AccountStore::SnapshotPtr all);

  // How the password of this user is to be proved, who comes from `host`. Whoever was looked up before is
  // forgotten.
  protocol::AccountVerifier look_up(const std::string& user, const std::string& host);

  // The account; null for the configuration's users, and for nobody's.
  const Account* account() const { return account_; }
  // The configuration's user; null for all others.
  const UserConfig* configured() const { return configured_; }

  // The client has been asked by the account's fallback of this number, and has this other password of it.
  // False: there is none of this number, and nothing has changed.
  bool take_fallback(size_t number);
  bool take_other_password(size_t number);

  // Another one for another password.
  uint64_t password_version() const { return version_of(way_.method); }
  // The account is for clients on the servers' own hosts.
  bool is_for_local_processes() const;
  // Servers take its password over TLS only, or ought to.
  bool requires_server_tls() const;

  // What servers are shown as proof, and remembered for logins to come. `by_first_password`: not by another
  // one of the account, or by a fallback.
  std::shared_ptr<const protocol::Credentials> keep(protocol::Credentials learnt, bool by_first_password);

 private:
  void forget();
  protocol::AccountVerifier verifier_of_configured(const std::string& user);
  protocol::AccountVerifier verifier_of_account();
  std::optional<protocol::CachingSha2Hash> decoy() const;

  const std::map<std::string, UserConfig>& users_;
  CredentialCache& credentials_;
  AccountStore::SnapshotPtr all_;
  const Account* account_ = nullptr;        // in all_
  AuthWay way_;                             // the account's, if there is one
  std::vector<AuthWay> fallbacks_;          // the next ones of an account of several plugins
  const UserConfig* configured_ = nullptr;  // where the configuration's users are the accounts: its user
  std::optional<protocol::Credentials> known_;
};

}  // namespace causeway::proxy
