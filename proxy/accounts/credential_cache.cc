#include "proxy/accounts/credential_cache.h"

#include <algorithm>
#include <span>

namespace causeway::proxy {
namespace {

using protocol::Credentials;
using protocol::SecretBytes;

// Neither a user nor a host has a NUL in it.
std::string make_key(std::string_view user, std::string_view host) {
  std::string key(user);
  key.push_back('\0');
  return key.append(host);
}

bool keep_hash(const SecretBytes& secret, std::span<uint8_t> slot) {
  if (secret.size() != slot.size()) return false;
  std::ranges::copy(secret.view(), slot.begin());
  return true;
}

void add(const Credentials& credentials, CredentialSlot& slot) {
  slot.known_empty = slot.known_empty || credentials.known_empty;
  slot.has_sha1 = keep_hash(credentials.sha1, slot.sha1) || slot.has_sha1;
  slot.has_sha256 = keep_hash(credentials.sha256, slot.sha256) || slot.has_sha256;
  const SecretBytes& password = credentials.clear_password;
  if (password.empty() || password.size() > CredentialSlot::kMaxPasswordBytes) return;
  slot.has_password = true;
  slot.password_bytes = static_cast<uint16_t>(password.size());
  std::ranges::copy(password.view(), slot.password.begin());
}

Credentials copy_of(const CredentialSlot& slot) {
  Credentials credentials;
  credentials.known_empty = slot.known_empty;
  if (slot.has_sha1) credentials.sha1 = SecretBytes(protocol::Bytes(slot.sha1));
  if (slot.has_sha256) credentials.sha256 = SecretBytes(protocol::Bytes(slot.sha256));
  if (slot.has_password)
    credentials.clear_password = SecretBytes(protocol::Bytes(slot.password).first(slot.password_bytes));
  return credentials;
}

}  // namespace

void CredentialCache::put(std::string_view user, std::string_view host, std::string_view auth_string,
                          const Credentials& credentials) {
  if (max_accounts_ == 0) return;
  std::string key = make_key(user, host);
  const std::lock_guard lock(mutex_);
  auto entry = locate(key);
  if (entry != entries_.end() && entry->auth_string != auth_string) {
    drop(entry);
    entry = entries_.end();
  }
  if (entry == entries_.end()) {
    if (entries_.size() >= max_accounts_) drop(std::prev(entries_.end()));
    entries_.push_front(
        {.key = std::move(key), .auth_string = std::string(auth_string), .slot = pages_.take()});
    entry = entries_.begin();
    by_key_.emplace(entry->key, entry);
  }
  add(credentials, *entry->slot);
}

std::optional<Credentials> CredentialCache::find(std::string_view user, std::string_view host,
                                                 std::string_view auth_string) {
  const std::string key = make_key(user, host);
  const std::lock_guard lock(mutex_);
  const auto entry = locate(key);
  if (entry == entries_.end()) return std::nullopt;
  if (entry->auth_string != auth_string) {
    drop(entry);
    return std::nullopt;
  }
  return copy_of(*entry->slot);
}

void CredentialCache::forget(std::string_view user, std::string_view host) {
  const std::string key = make_key(user, host);
  const std::lock_guard lock(mutex_);
  const auto entry = locate(key);
  if (entry != entries_.end()) drop(entry);
}

void CredentialCache::clear() {
  const std::lock_guard lock(mutex_);
  while (!entries_.empty())
    drop(entries_.begin());
}

size_t CredentialCache::size() const {
  const std::lock_guard lock(mutex_);
  return entries_.size();
}

// The entry, which is the most recently used one now; the end if there is none.
CredentialCache::Entries::iterator CredentialCache::locate(const std::string& key) {
  const auto found = by_key_.find(key);
  if (found == by_key_.end()) return entries_.end();
  entries_.splice(entries_.begin(), entries_, found->second);
  return found->second;
}

void CredentialCache::drop(Entries::iterator entry) {
  by_key_.erase(entry->key);
  pages_.give_back(entry->slot);
  entries_.erase(entry);
}

}  // namespace causeway::proxy
