#include "proxy/commands/login_account.h"

#include <utility>

namespace causeway::proxy {
namespace {

using protocol::AccountVerifier;
using protocol::Credentials;
using Kind = AccountVerifier::Kind;

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

AccountVerifier native_verifier(AuthWay& way) {
  if (way.method.auth_string.empty()) return AccountVerifier::without_password(Kind::kNative);
  const auto hash = protocol::parse_native_hash(way.method.auth_string);
  if (!hash) return AccountVerifier::unknown();
  AccountVerifier verifier = AccountVerifier::native(*hash);
  verifier.other_native_double_hashes = parse_others(way.others, protocol::parse_native_hash);
  return verifier;
}

AccountVerifier ed25519_verifier(AuthWay& way) {
  if (way.method.auth_string.empty()) return AccountVerifier::without_password(Kind::kEd25519);
  const auto key = protocol::parse_ed25519_key(way.method.auth_string);
  if (!key) return AccountVerifier::unknown();
  AccountVerifier verifier = AccountVerifier::ed25519(*key);
  verifier.other_ed25519_keys = parse_others(way.others, protocol::parse_ed25519_key);
  return verifier;
}

AccountVerifier caching_sha2_verifier(AuthWay& way, const std::optional<Credentials>& known) {
  if (way.method.auth_string.empty()) return AccountVerifier::without_password(Kind::kCachingSha2);
  std::optional<protocol::Sha256Digest> double_hash;
  if (known && !known->sha256.empty()) double_hash = protocol::sha256_digest(known->sha256.view());
  std::optional<protocol::CachingSha2Hash> stored;
  const auto parsed = protocol::parse_caching_sha2_hash(way.method.auth_string);
  if (parsed) stored = *parsed;
  AccountVerifier verifier = AccountVerifier::caching_sha2(double_hash, stored);
  if (stored) verifier.other_stored_hashes = parse_others(way.others, protocol::parse_caching_sha2_hash);
  return verifier;
}

AccountVerifier verifier_of(AuthWay& way, const std::optional<Credentials>& known) {
  const std::string& plugin = way.method.plugin;
  if (plugin == protocol::auth_plugin::kNativePassword) return native_verifier(way);
  if (plugin == kEd25519Account) return ed25519_verifier(way);
  if (plugin == protocol::auth_plugin::kCachingSha2Password) return caching_sha2_verifier(way, known);
  return AccountVerifier::clear_password();
}

}  // namespace

void LoginAccount::replace_all(AccountStore::SnapshotPtr all) {
  forget();
  all_ = std::move(all);
}

void LoginAccount::forget() {
  account_ = nullptr;
  way_ = {};
  fallbacks_.clear();
  known_.reset();
  configured_ = nullptr;
}

AccountVerifier LoginAccount::look_up(const std::string& user, const std::string& host) {
  forget();
  if (all_ == nullptr) return verifier_of_configured(user);
  // Everyone is asked for a clear password by way of caching_sha2_password, and a server decides.
  if (!all_->available) return AccountVerifier::caching_sha2(std::nullopt, std::nullopt);
  account_ = all_->table.lookup(user, host);
  return account_ == nullptr ? AccountVerifier::unknown(decoy()) : verifier_of_account();
}

AccountVerifier LoginAccount::verifier_of_configured(const std::string& user) {
  const auto configured = users_.find(user);
  if (configured == users_.end()) return AccountVerifier::unknown();
  configured_ = &configured->second;
  if (configured_->password.empty()) return AccountVerifier::without_password(Kind::kCachingSha2);
  const protocol::SecretBytes once = protocol::sha256_secret(configured_->password.view());
  return AccountVerifier::caching_sha2(protocol::sha256_digest(once.view()), std::nullopt);
}

AccountVerifier LoginAccount::verifier_of_account() {
  way_.method = method_of(*account_);
  way_.others = others_like(*account_, way_.method);
  known_ = credentials_.find(account_->user, account_->host, way_.method.auth_string);
  AccountVerifier verifier = verifier_of(way_, known_);
  if (verifier.kind == Kind::kUnknown) return verifier;
  for (AuthWay& way : fallbacks_of(*account_, way_.method)) {
    AccountVerifier fallback = verifier_of(way, std::nullopt);
    if (fallback.kind == Kind::kUnknown) continue;
    verifier.fallbacks.push_back(std::move(fallback));
    fallbacks_.push_back(std::move(way));
  }
  return verifier;
}

// Some account's stored hash, so that an unknown user costs the time of a known one.
std::optional<protocol::CachingSha2Hash> LoginAccount::decoy() const {
  for (const Account& account : all_->table.accounts()) {
    if (account.plugin != protocol::auth_plugin::kCachingSha2Password) continue;
    const auto parsed = protocol::parse_caching_sha2_hash(account.auth_string);
    if (parsed) return *parsed;
  }
  return std::nullopt;
}

bool LoginAccount::take_fallback(size_t number) {
  if (number >= fallbacks_.size()) return false;
  way_ = fallbacks_[number];
  known_.reset();
  return true;
}

bool LoginAccount::take_other_password(size_t number) {
  if (number >= way_.others.size()) return false;
  way_.method = way_.others[number];
  return true;
}

bool LoginAccount::is_for_local_processes() const {
  return account_ != nullptr && proxy::is_for_local_processes(way_.method.plugin);
}

bool LoginAccount::requires_server_tls() const {
  return account_ != nullptr &&
         (account_->required_tls != RequiredTls::kNone || preference(way_.method.plugin) < 2);
}

std::shared_ptr<const Credentials> LoginAccount::keep(Credentials learnt, bool by_first_password) {
  if (configured_ != nullptr)
    return std::make_shared<const Credentials>(Credentials::from_password(configured_->password.text()));
  // What is remembered is the first password, which all of the account's logins begin with.
  if (!by_first_password) return std::make_shared<const Credentials>(std::move(learnt));
  if (account_ != nullptr) credentials_.put(account_->user, account_->host, way_.method.auth_string, learnt);
  // The client has proved that it knows all of it; a server may ask for all of it.
  if (learnt.clear_password.empty() && known_ && !known_->clear_password.empty())
    return std::make_shared<const Credentials>(known_->clone());
  return std::make_shared<const Credentials>(std::move(learnt));
}

}  // namespace causeway::proxy
