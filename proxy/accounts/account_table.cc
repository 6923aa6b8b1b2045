#include "proxy/accounts/account_table.h"

#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <tuple>
#include <utility>

#include "protocol/text.h"
#include "proxy/base/network.h"

namespace causeway::proxy {
namespace {

using protocol::ascii_lower;

// One character of a pattern; an escaped wildcard is an ordinary one.
struct PatternChar {
  enum class Kind : uint8_t { kLiteral, kOne, kAny } kind;
  char literal;
  size_t length;
};

PatternChar pattern_char(std::string_view pattern, size_t at) {
  const char c = pattern[at];
  if (c == '\\' && at + 1 < pattern.size())
    return {PatternChar::Kind::kLiteral, ascii_lower(pattern[at + 1]), 2};
  if (c == '_') return {PatternChar::Kind::kOne, c, 1};
  if (c == '%') return {PatternChar::Kind::kAny, c, 1};
  return {PatternChar::Kind::kLiteral, ascii_lower(c), 1};
}

// LIKE, with one point to come back to: time is at most the product of the lengths.
bool wildcard_matches(std::string_view pattern, std::string_view text) {
  size_t p = 0;
  size_t t = 0;
  std::optional<std::pair<size_t, size_t>> retry;  // behind the last %, and where its text began
  while (t < text.size()) {
    if (p < pattern.size()) {
      const PatternChar c = pattern_char(pattern, p);
      if (c.kind == PatternChar::Kind::kAny) {
        p += c.length;
        retry = {p, t};
        continue;
      }
      if (c.kind == PatternChar::Kind::kOne || c.literal == ascii_lower(text[t])) {
        p += c.length;
        ++t;
        continue;
      }
    }
    if (!retry) return false;
    p = retry->first;
    t = ++retry->second;
  }
  return std::ranges::all_of(pattern.substr(p), [](char c) { return c == '%'; });
}

// Where the first wildcard is; nothing if there is none.
std::optional<size_t> first_wildcard(std::string_view pattern) {
  for (size_t at = 0; at < pattern.size();) {
    const PatternChar c = pattern_char(pattern, at);
    if (c.kind != PatternChar::Kind::kLiteral) return at;
    at += c.length;
  }
  return std::nullopt;
}

// Greater comes first. Found out with MySQL 9.7 and MariaDB 10.11.
// MySQL: addresses, address/bits, address/netmask by its bits, names, patterns by where the first wildcard
// is, ""; then named users before the empty one. MariaDB: whatever has no wildcard, then patterns likewise;
// then named users before the empty one.
using SortKey = std::array<size_t, 4>;

SortKey sort_key(const Account& account, ServerFlavor flavor) {
  const std::string_view host = account.host;
  const auto network = parse_network(host);
  const bool by_bits = network && !parse_ip(host.substr(host.find('/') + 1));
  const size_t bits = network ? static_cast<size_t>(network->bits()) : 0;
  const auto wildcard = network ? std::nullopt : first_wildcard(host);
  const size_t is_named = account.user.empty() ? 0 : 1;
  if (host.empty()) return {0, 0, is_named, 0};
  if (wildcard) return {1, *wildcard, is_named, host.size()};
  const size_t kind = by_bits ? 3 : network ? 2 : parse_ip(host) ? 4 : 1;
  if (flavor == ServerFlavor::kMysql) return {1 + kind, bits, is_named, 0};
  return {2, 0, is_named, network ? bits : 1000 - kind};
}

constexpr uint32_t kMariadbGlobalPriv = 100400;
constexpr uint32_t kMysqlSecondPassword = 80014;

std::string text_at(const NativeRows::Row& row, size_t column) {
  return column < row.size() ? row[column].value_or("") : "";
}

constexpr size_t kFixedColumns = 13;
constexpr size_t kMaxAlternatives = 4;  // MariaDB: methods read from auth_or

RequiredTls read_required_tls(std::string_view ssl_type) {
  if (ssl_type.empty()) return RequiredTls::kNone;
  if (ssl_type == "ANY") return RequiredTls::kEncrypted;
  return ssl_type == "X509" ? RequiredTls::kCertificate : RequiredTls::kSpecified;
}

// Whether a password of `lifetime` days (null: the server's default; 0: it never ends), set at `changed`, is
// too old now.
std::string is_too_old(const std::string& changed, const std::string& lifetime) {
  return changed + " + INTERVAL NULLIF(IFNULL(" + lifetime +
         ", @@global.default_password_lifetime), 0) DAY < NOW()";
}

// Bits of `access` in mysql.global_priv (sql/privilege.h of MariaDB 10.11).
constexpr uint64_t kMariadbProcess = uint64_t{1} << 8;
constexpr uint64_t kMariadbReplicationSlave = uint64_t{1} << 19;
constexpr uint64_t kMariadbSuper = uint64_t{1} << 15;
constexpr uint64_t kMariadbConnectionAdmin = uint64_t{1} << 32;

std::string has_right(uint64_t any_of) {
  return "IF(CAST(IFNULL(JSON_VALUE(Priv, '$.access'), 0) AS UNSIGNED) & " + std::to_string(any_of) +
         ", 'Y', 'N')";
}

Account read_account(const NativeRows::Row& row) {
  Account account;
  account.user = text_at(row, 0);
  account.host = text_at(row, 1);
  account.plugin = text_at(row, 2);
  account.auth_string = text_at(row, 3);
  account.locked = text_at(row, 4) == "Y";
  account.expired = text_at(row, 5) == "Y";
  account.required_tls = read_required_tls(text_at(row, 6));
  account.tls_cipher = text_at(row, 7);
  account.tls_issuer = text_at(row, 8);
  account.tls_subject = text_at(row, 9);
  account.rights = {.see_all = text_at(row, 10) == "Y",
                    .kill_any = text_at(row, 11) == "Y",
                    .reads_log = text_at(row, 12) == "Y"};
  for (size_t column = kFixedColumns; column + 1 < row.size(); column += 2)
    if (row[column]) account.alternatives.push_back({*row[column], text_at(row, column + 1)});
  return account;
}

}  // namespace

bool host_matches(std::string_view pattern, std::string_view address, std::string_view host_name) {
  if (pattern.empty()) return true;
  const auto ip = parse_ip(address);
  if (const auto network = parse_network(pattern)) return ip && network->contains(*ip);
  const bool loopback = ip && (*ip == parse_ip("127.0.0.1") || *ip == parse_ip("::1"));
  if (loopback && host_name.empty()) host_name = "localhost";
  if (const auto literal = parse_ip(pattern); literal && ip && *literal == *ip) return true;
  if (!host_name.empty() && wildcard_matches(pattern, host_name)) return true;
  return wildcard_matches(pattern, address);
}

AccountTable::AccountTable(std::vector<Account> accounts, ServerFlavor flavor)
    : accounts_(std::move(accounts)) {
  if (accounts_.size() > kMaxAccounts) accounts_.resize(kMaxAccounts);
  std::ranges::stable_sort(accounts_, std::ranges::greater(),
                           [flavor](const Account& account) { return sort_key(account, flavor); });
}

const Account* AccountTable::lookup(std::string_view user, std::string_view address,
                                    std::string_view host_name) const {
  for (const Account& account : accounts_) {
    if (!account.user.empty() && account.user != user) continue;
    if (host_matches(account.host, address, host_name)) return &account;
  }
  return nullptr;
}

std::string account_query(ServerFlavor flavor, uint32_t version_number) {
  if (flavor == ServerFlavor::kMysql) {
    const std::string second = "JSON_UNQUOTE(JSON_EXTRACT(User_attributes, '$.additional_password'))";
    const bool has_second = version_number >= kMysqlSecondPassword;
    return "SELECT User, Host, plugin, authentication_string, account_locked, "
           "IF(@@global.disconnect_on_expired_password AND (password_expired = 'Y' OR " +
           is_too_old("password_last_changed", "password_lifetime") +
           "), 'Y', 'N'), ssl_type, ssl_cipher, x509_issuer, x509_subject, Process_priv, Super_priv, "
           "Repl_slave_priv" +
           (has_second ? ", IF(" + second + " <> '', plugin, NULL), " + second : "") + " FROM mysql.user";
  }
  if (version_number < kMariadbGlobalPriv)
    return "SELECT User, Host, IF(plugin = '', 'mysql_native_password', plugin), "
           "IF(authentication_string = '', Password, authentication_string), 'N', 'N', ssl_type, "
           "ssl_cipher, x509_issuer, x509_subject, Process_priv, Super_priv, Repl_slave_priv FROM mysql.user "
           "WHERE is_role <> 'Y'";
  // In auth_or the empty object stands for the method at the top, which is the last one that was given.
  std::string sql =
      "SELECT User, Host, IFNULL(JSON_VALUE(Priv, '$.plugin'), 'mysql_native_password'), "
      "IFNULL(JSON_VALUE(Priv, '$.authentication_string'), ''), "
      "IF(JSON_VALUE(Priv, '$.account_locked') IN ('1', 'true'), 'Y', 'N'), "
      "IF(@@global.disconnect_on_expired_password AND (JSON_VALUE(Priv, '$.password_last_changed') = 0 OR " +
      is_too_old("FROM_UNIXTIME(JSON_VALUE(Priv, '$.password_last_changed'))",
                 "NULLIF(JSON_VALUE(Priv, '$.password_lifetime'), -1)") +
      "), 'Y', 'N'), IFNULL(ELT(JSON_VALUE(Priv, '$.ssl_type'), 'ANY', 'X509', 'SPECIFIED'), ''), "
      "IFNULL(JSON_VALUE(Priv, '$.ssl_cipher'), ''), IFNULL(JSON_VALUE(Priv, '$.x509_issuer'), ''), "
      "IFNULL(JSON_VALUE(Priv, '$.x509_subject'), ''), " +
      has_right(kMariadbProcess) + ", " + has_right(kMariadbSuper | kMariadbConnectionAdmin) + ", " +
      has_right(kMariadbReplicationSlave);
  for (size_t i = 0; i < kMaxAlternatives; ++i) {
    const std::string path = "JSON_VALUE(Priv, '$.auth_or[" + std::to_string(i) + "].";
    sql.append(", ").append(path).append("plugin'), ").append(path).append("authentication_string')");
  }
  return sql + " FROM mysql.global_priv WHERE IFNULL(JSON_VALUE(Priv, '$.is_role'), '') NOT IN ('1', 'true')";
}

std::vector<Account> read_accounts(const NativeRows& rows) {
  std::vector<Account> accounts;
  for (const NativeRows::Row& row : rows.rows)
    if (row.size() >= kFixedColumns) accounts.push_back(read_account(row));
  return accounts;
}

}  // namespace causeway::proxy
