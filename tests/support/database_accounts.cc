#include "tests/support/database_accounts.h"

#include <atomic>
#include <chrono>
#include <stdexcept>
#include <thread>
#include <utility>

#include "protocol/scramble.h"
#include "proxy/cluster/monitor_options.h"

namespace causeway::test {
namespace {

constexpr uint32_t kRounds = 5000;

proxy::MonitorOptions options_for(const ScriptedServer& server) {
  proxy::MonitorConfig config;
  config.user = "monitor";
  config.password = protocol::SecretBytes(std::string_view("watch"));
  proxy::MonitorOptions options;
  options.nodes.push_back({.host = {}, .unix_socket = server.path()});
  options.account = proxy::monitor_account(config);
  options.tls = protocol::TlsMode::kDisabled;
  return options;
}

std::vector<std::vector<std::string>> rows_of(const std::vector<StoredAccount>& accounts) {
  std::vector<std::vector<std::string>> rows;
  for (const StoredAccount& one : accounts) {
    rows.push_back({one.user, one.host, one.plugin, one.auth_string, "N", "N", "", "", "", "",
                    one.see_all ? "Y" : "N", "N", one.reads_log ? "Y" : "N", "NULL", "NULL"});
  }
  return rows;
}

}  // namespace

std::string stored_sha2(std::string_view password) {
  const std::string salt = "01234567890123456789";
  const auto hash = protocol::sha256_crypt(protocol::as_bytes(password), protocol::as_bytes(salt), kRounds);
  return "$A$005$" + salt + std::string(hash.begin(), hash.end());
}

DatabaseAccounts::DatabaseAccounts(std::vector<StoredAccount> accounts)
    : server_("accounts", Flavor::kMysql),
      store_(options_for(server_), {.interval = std::chrono::hours{1}, .min_interval = {}}, cluster_,
             proxy::Logger(proxy::LogLevel::kOff, proxy::LogFormat::kLogfmt, {})) {
  server_.passwords = {{"monitor", "watch"}};
  proxy::ClusterView view;
  view.version = 1;
  view.writer = 0;
  view.nodes.resize(1);
  view.nodes[0].reachable = true;
  cluster_.publish(std::make_shared<const proxy::ClusterView>(std::move(view)));
  store_.start();
  change(std::move(accounts));
}

DatabaseAccounts::~DatabaseAccounts() {
  stop();
}

// The store's client blocks: its server is served here meanwhile.
void DatabaseAccounts::change(std::vector<StoredAccount> accounts) {
  server_.on("FROM mysql.user", [rows = rows_of(accounts)](Reply& reply) {
    reply.rows({"1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14"}, rows);
  });
  std::atomic<bool> done = false;
  store_.refresh([&done] { done = true; });
  while (!done) {
    if (!server_.pump()) std::this_thread::yield();
  }
  if (!store_.available()) throw std::runtime_error("no accounts: " + store_.current()->reason);
}

proxy::AccountStore& usual_database_accounts() {
  static DatabaseAccounts accounts(
      {{"app", "caching_sha2_password", stored_sha2("secret")}, {"other", "authentication_elsewhere", "x"}});
  accounts.stop();
  return accounts.store();
}

}  // namespace causeway::test
