// Accounts as Causeway reads them from the database, from a scripted server that nobody else uses.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/accounts/account_store.h"
#include "tests/support/scripted_server.h"

namespace causeway::test {

// "$A$005$...": what the table of accounts holds of a password for caching_sha2_password.
std::string stored_sha2(std::string_view password);

// A row of mysql.user. Of plugins that are not known the password is found right or wrong by a server.
struct StoredAccount {
  std::string user;
  std::string plugin;
  std::string auth_string;
  std::string host = "%";
  bool see_all = false;    // Process_priv
  bool reads_log = false;  // Repl_slave_priv
};

// The store reads in a thread of its own, from a server that is served while change() waits for it.
class DatabaseAccounts {
 public:
  explicit DatabaseAccounts(std::vector<StoredAccount> accounts);
  ~DatabaseAccounts();
  DatabaseAccounts(const DatabaseAccounts&) = delete;
  DatabaseAccounts& operator=(const DatabaseAccounts&) = delete;

  // The table holds these now, and the store knows it.
  void change(std::vector<StoredAccount> accounts);
  // The thread ends. What has been read stays as it is; a reading that a login asks for is over at once.
  void stop() { store_.stop(); }

  proxy::AccountStore& store() { return store_; }

 private:
  ScriptedServer server_;
  proxy::ClusterState cluster_;
  proxy::AccountStore store_;
};

// "app" with the password "secret", by caching_sha2_password; and "other", whose plugin only servers know.
// Read once for all tests, and stopped.
proxy::AccountStore& usual_database_accounts();

}  // namespace causeway::test
