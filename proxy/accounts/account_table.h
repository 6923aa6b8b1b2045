// The server's account table as a value, and the server's way of finding the account of a login.
// https://dev.mysql.com/doc/refman/8.4/en/connection-access.html
#pragma once

#include <boost/system/result.hpp>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/cluster/cluster_view.h"
#include "proxy/cluster/native_client.h"

namespace causeway::proxy {

// One way to log in to an account.
struct AuthMethod {
  std::string plugin;       // "mysql_native_password", "caching_sha2_password", "ed25519", ...
  std::string auth_string;  // the verifier as the table holds it: "*94BD...", "$A$005$...", may be binary

  friend bool operator==(const AuthMethod&, const AuthMethod&) = default;
};

// What REQUIRE asks of a client's connection.
enum class RequiredTls : uint8_t {
  kNone,
  kEncrypted,    // SSL
  kCertificate,  // X509: and a certificate that was verified
  kSpecified,    // CIPHER, ISSUER, SUBJECT: those of the three that are not empty
};

// Of a user's rights on the servers those that Causeway has to know itself.
struct AccountRights {
  bool see_all = false;   // PROCESS: SHOW PROCESSLIST with the sessions of others
  bool kill_any = false;  // SUPER or CONNECTION ADMIN: KILL of the sessions of others
  // MySQL's SYSTEM_USER, or all rights: only who has it as well may KILL such an account's sessions.
  bool protects = false;
  bool reads_log = false;  // REPLICATION SLAVE; as the table has it, and not asked of servers

  friend bool operator==(const AccountRights&, const AccountRights&) = default;
};

struct Account {
  std::string user;  // empty: any user
  std::string host;  // the pattern
  std::string plugin;
  std::string auth_string;
  // All after the first: MariaDB's IDENTIFIED VIA a OR b, MySQL's RETAIN CURRENT PASSWORD.
  std::vector<AuthMethod> alternatives;
  bool locked = false;
  // The password has expired, and the server refuses such logins (disconnect_on_expired_password).
  bool expired = false;
  RequiredTls required_tls = RequiredTls::kNone;
  std::string tls_cipher = {};  // kSpecified, each may be empty: OpenSSL's name of the cipher,
  std::string tls_issuer = {};  // and names as X509_NAME_oneline() writes them
  std::string tls_subject = {};
  // Of the account itself: those of roles are not in the table, nor MySQL's dynamic privileges.
  AccountRights rights = {};

  friend bool operator==(const Account&, const Account&) = default;
};

// An account of the database: the two parts of its name, as they are in the table.
struct AccountName {
  std::string user;
  std::string host;
};

// Whether a client with this address (IPv4 or IPv6 text, or "localhost" for a Unix socket) and name (empty:
// not resolved) matches the host part of an account: a name or address, `%` and `_` wildcards,
// address/netmask, address/bits. Names in any case. A client from the loopback address is "localhost" too, as
// the server resolves it.
bool host_matches(std::string_view pattern, std::string_view address, std::string_view host_name);

// Immutable after construction.
class AccountTable {
 public:
  static constexpr size_t kMaxAccounts = 100'000;

  AccountTable() = default;
  // Of a server of this flavor: they differ in which of several matching accounts comes first.
  AccountTable(std::vector<Account> accounts, ServerFlavor flavor);

  // The first match in the server's order: hosts from the most to the least specific, named users before the
  // empty one. Null if none. Valid as long as the table.
  const Account* lookup(std::string_view user, std::string_view address,
                        std::string_view host_name = {}) const;

  const std::vector<Account>& accounts() const { return accounts_; }

 private:
  std::vector<Account> accounts_;  // in the server's order
};

// The statement that reads the table. Rights: MySQL SELECT on mysql.user, MariaDB SELECT on
// mysql.global_priv.
// Its columns: user, host, plugin, auth_string, locked, expired (Y or N), ssl_type (ANY, X509, SPECIFIED or
// empty), cipher, issuer, subject, the right to see all sessions, to kill them, to read the binary log (Y or
// N), then plugin and auth_string of alternatives.
std::string account_query(ServerFlavor flavor, uint32_t version_number);

// Reads its rows, which are the same for every server. Accounts that cannot log in by a password are in, with
// their plugin; MariaDB's roles are not.
std::vector<Account> read_accounts(const NativeRows& rows);

}  // namespace causeway::proxy
