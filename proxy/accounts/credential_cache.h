// What Causeway has learnt of accounts' secrets: what a client's fast login and the logins to servers need.
#pragma once

#include <cstddef>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "protocol/secret.h"
#include "proxy/accounts/credential_pages.h"

namespace causeway::proxy {

// Secrets of the accounts that have logged in. Thread-safe; used when somebody logs in, not per statement.
// Bounded: the account that was not used for longest is forgotten first. Secrets lie in pages that no core
// dump has, and are zeroed when they are dropped; whoever gets a copy holds it as short as can be.
class CredentialCache {
 public:
  explicit CredentialCache(size_t max_accounts = 10'000) : max_accounts_(max_accounts) {}

  // Adds what was learnt of `user`@`host` (the account's own user and host pattern) while the account's
  // verifier was `auth_string`: parts that were known and are missing now are kept, unless the verifier was
  // another. Passwords over CredentialSlot::kMaxPasswordBytes are not kept, their hashes are.
  void put(std::string_view user, std::string_view host, std::string_view auth_string,
           const protocol::Credentials& credentials);

  // A copy of what is known. Nothing, and all is forgotten, if the account's auth_string is another one now:
  // the password was changed.
  std::optional<protocol::Credentials> find(std::string_view user, std::string_view host,
                                            std::string_view auth_string);

  // After a server has refused them.
  void forget(std::string_view user, std::string_view host);
  void clear();
  size_t size() const;

 private:
  struct Entry {
    std::string key;
    std::string auth_string;
    CredentialSlot* slot;
  };
  using Entries = std::list<Entry>;

  Entries::iterator locate(const std::string& key);
  void drop(Entries::iterator entry);

  size_t max_accounts_;
  mutable std::mutex mutex_;
  CredentialPages pages_;
  Entries entries_;                                                 // the most recently used first
  std::unordered_map<std::string_view, Entries::iterator> by_key_;  // keys point into entries_
};

}  // namespace causeway::proxy
