#include "proxy/accounts/account_table.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace causeway::proxy {
namespace {

TEST(HostMatches, AsTheServerDoes) {
  const struct {
    const char* pattern;
    const char* address;
    const char* name;
    bool matches;
  } cases[] = {
      {"%", "10.1.2.3", "", true},
      {"", "10.1.2.3", "", true},
      {"10.1.2.3", "10.1.2.3", "", true},
      {"10.1.2.3", "10.1.2.30", "", false},
      {"10.1.2.3", "::ffff:10.1.2.3", "", true},
      {"10.%", "10.1.2.3", "", true},
      {"10.%", "110.1.2.3", "", false},
      {"10.1._.3", "10.1.2.3", "", true},
      {"10.1._.3", "10.1.22.3", "", false},
      {"10.0.0.0/255.0.0.0", "10.9.8.7", "", true},
      {"10.0.0.0/255.0.0.0", "11.9.8.7", "", false},
      {"10.0.0.0/255.0.0.0", "::ffff:10.1.2.3", "", true},
      {"198.51.100.0/24", "198.51.100.200", "", true},
      {"198.51.100.0/24", "198.51.101.1", "", false},
      {"198.51.100.0/33", "198.51.100.1", "", false},
      {"198.51.100.0/", "198.51.100.1", "", false},
      {"198.51.100.7/24", "198.51.100.7", "", false},  // the address has bits that the mask has not
      {"0.0.0.0/0", "198.51.100.7", "", true},
      {"0.0.0.0/0", "fd00::1", "", false},
      {"fd00::/8", "fd12::1", "", true},
      {"fd00::/8", "fe80::1", "", false},
      {"2001:db8::1", "2001:0db8:0:0::1", "", true},
      {"::1", "::1", "", true},
      {"localhost", "127.0.0.1", "", true},
      {"LOCALHOST", "localhost", "", true},
      {"localhost", "::1", "", true},
      {"localhost", "127.0.0.2", "", false},
      {"localhost", "10.0.0.1", "", false},
      {"127.0.0.1", "localhost", "", false},  // a Unix socket
      {"%.example.com", "10.0.0.1", "app.EXAMPLE.com", true},
      {"%.example.com", "10.0.0.1", "example.com", false},
      {"%.example.com", "10.0.0.1", "", false},
      {"app\\_1", "10.0.0.1", "app_1", true},
      {"app\\_1", "10.0.0.1", "appx1", false},
      {"%a%b%c%", "10.0.0.1", "xaxbxcx", true},
      {"%a%b%c%", "10.0.0.1", "xaxcxbx", false},
      {"\\", "10.0.0.1", "x", false},
  };
  for (const auto& c : cases)
    EXPECT_EQ(host_matches(c.pattern, c.address, c.name), c.matches)
        << c.pattern << " " << c.address << " " << c.name;
}

TEST(HostMatches, TakesBoundedTimeForHostilePatterns) {
  std::string pattern;
  for (int i = 0; i < 100; ++i)
    pattern += "%a";
  EXPECT_FALSE(host_matches(pattern + "b", "10.0.0.1", std::string(255, 'a')));
}

AccountTable table_of(const std::vector<std::pair<const char*, const char*>>& accounts,
                      ServerFlavor flavor = ServerFlavor::kMysql) {
  std::vector<Account> list;
  for (const auto& [user, host] : accounts)
    list.push_back({.user = user, .host = host, .plugin = {}, .auth_string = {}, .alternatives = {}});
  return AccountTable(std::move(list), flavor);
}

std::string found(const AccountTable& table, std::string_view user, std::string_view address) {
  const Account* account = table.lookup(user, address);
  return account == nullptr ? "none" : account->user + "@" + account->host;
}

TEST(AccountTable, TheMostSpecificHostComesFirst) {
  const AccountTable table = table_of({{"app", "%"},
                                       {"app", ""},
                                       {"app", "10.%"},
                                       {"app", "10.1.0.0/255.255.0.0"},
                                       {"app", "10.1.2.0/24"},
                                       {"app", "10.1.2.3"},
                                       {"app", "10.1.%"},
                                       {"app", "localhost"}});
  EXPECT_EQ(found(table, "app", "10.1.2.3"), "app@10.1.2.3");
  EXPECT_EQ(found(table, "app", "10.1.2.4"), "app@10.1.2.0/24");
  EXPECT_EQ(found(table, "app", "10.1.3.4"), "app@10.1.0.0/255.255.0.0");
  EXPECT_EQ(found(table, "app", "10.2.3.4"), "app@10.%");
  EXPECT_EQ(found(table, "app", "192.168.0.1"), "app@%");
  EXPECT_EQ(found(table, "app", "127.0.0.1"), "app@localhost");
  EXPECT_EQ(found(table, "App", "127.0.0.1"), "none") << "users are case-sensitive";
}

TEST(AccountTable, TheHostCountsBeforeTheUser) {
  const AccountTable table = table_of({{"app", "%"}, {"", "localhost"}, {"", "%"}, {"root", "localhost"}});
  EXPECT_EQ(found(table, "app", "10.0.0.1"), "app@%");
  EXPECT_EQ(found(table, "app", "localhost"), "@localhost") << "the anonymous account hides the named one";
  EXPECT_EQ(found(table, "root", "localhost"), "root@localhost");
  EXPECT_EQ(found(table, "else", "10.0.0.1"), "@%");
  EXPECT_EQ(found(table_of({}), "app", "localhost"), "none");
}

TEST(AccountTable, OrdersLikeTheServers) {
  // The accounts that a client from 127.0.0.1 got, the first one dropped each time.
  const struct {
    ServerFlavor flavor;
    std::vector<std::pair<const char*, const char*>> order;
  } cases[] = {
      {ServerFlavor::kMysql,
       {{"w", "127.0.0.1"},
        {"w", "127.0.0.0/8"},
        {"w", "127.0.0.0/255.255.255.0"},
        {"", "127.0.0.0/255.255.255.0"},
        {"w", "127.0.0.0/255.0.0.0"},
        {"w", "localhost"},
        {"", "localhost"},
        {"w", "127.0.0._"},
        {"w", "127.%"},
        {"w", "loc%"},
        {"w", "l%"},
        {"w", "%t"},
        {"w", "%"},
        {"w", ""}}},
      {ServerFlavor::kMariadb,
       {{"w", "localhost"},
        {"w", "127.0.0.1"},
        {"w", "127.0.0.0/255.255.255.0"},
        {"w", "127.0.0.0/255.0.0.0"},
        {"", "localhost"},
        {"", "127.0.0.0/255.255.255.0"},
        {"w", "127.0.0._"},
        {"w", "127.%"},
        {"w", "loc%"},
        {"w", "l%"},
        {"w", "%"}}},
  };
  for (const auto& c : cases) {
    const std::vector reversed(c.order.rbegin(), c.order.rend());
    const AccountTable table = table_of(reversed, c.flavor);
    ASSERT_EQ(table.accounts().size(), c.order.size());
    for (size_t i = 0; i < c.order.size(); ++i) {
      EXPECT_EQ(table.accounts()[i].user, c.order[i].first) << i;
      EXPECT_EQ(table.accounts()[i].host, c.order[i].second) << i;
    }
  }
}

TEST(AccountTable, ReadsTheRowsOfTheQuery) {
  // As account_query() got them from MySQL 9.7.4 and from MariaDB 10.11.19.
  const NativeRows mysql{
      .columns = {"User", "Host", "plugin", "authentication_string", "account_locked", "password_expired",
                  "ssl_type", "ssl_cipher", "x509_issuer", "x509_subject", "Process_priv", "Super_priv",
                  "Repl_slave_priv"},
      .rows = {{"tls", "10.1.0.0/255.255.0.0", "caching_sha2_password", "$A$005$q\f(Vb", "N", "N", "ANY", "",
                "", "", "Y", "N", "Y"},
               {"exp", "%", "caching_sha2_password", "$A$005$&\x12", "N", "Y", "", "", "", "", "N", "N", "N"},
               {"lock1", "localhost", "caching_sha2_password", "$A$005$", "Y", "N", "X509", "", "", "", "Y",
                "Y", "N"},
               {"spec", "%", "caching_sha2_password", "$A$005$", "N", "N", "SPECIFIED", "AES", "/CN=ca",
                "/CN=client", "N", "Y", "N"}}};
  std::vector<Account> accounts = read_accounts(mysql);
  ASSERT_EQ(accounts.size(), 4u);
  EXPECT_EQ(accounts[0].required_tls, RequiredTls::kEncrypted);
  EXPECT_EQ(accounts[1].required_tls, RequiredTls::kNone);
  EXPECT_EQ(accounts[2].required_tls, RequiredTls::kCertificate);
  EXPECT_EQ(accounts[3].required_tls, RequiredTls::kSpecified);
  EXPECT_EQ(accounts[3].tls_cipher, "AES");
  EXPECT_EQ(accounts[3].tls_issuer, "/CN=ca");
  EXPECT_EQ(accounts[3].tls_subject, "/CN=client");
  EXPECT_FALSE(accounts[0].expired);
  EXPECT_FALSE(accounts[0].locked);
  EXPECT_TRUE(accounts[1].expired);
  EXPECT_EQ(accounts[1].auth_string, "$A$005$&\x12");
  EXPECT_TRUE(accounts[2].locked);
  EXPECT_EQ(accounts[0].rights, (AccountRights{.see_all = true, .reads_log = true}));
  EXPECT_EQ(accounts[1].rights, AccountRights{});
  EXPECT_EQ(accounts[2].rights, (AccountRights{.see_all = true, .kill_any = true}));

  NativeRows mariadb;
  mariadb.rows = {{"two",
                   "10.%",
                   "mysql_native_password",
                   "*3FBEFEC33FD8E842761B011670846D73057E67BE",
                   "N",
                   "N",
                   "",
                   "",
                   "",
                   "",
                   "N",
                   "Y",
                   "Y",
                   "ed25519",
                   "ZtJ6wxKSBZ1sybxZSBnBgPpsbsmNz12Zxcj6GR1mPOY",
                   std::nullopt,
                   std::nullopt,
                   std::nullopt,
                   std::nullopt,
                   std::nullopt,
                   std::nullopt},
                  {"too", "few", "columns"}};
  accounts = read_accounts(mariadb);
  ASSERT_EQ(accounts.size(), 1u);
  EXPECT_EQ(accounts[0].plugin, "mysql_native_password");
  EXPECT_EQ(accounts[0].rights, (AccountRights{.kill_any = true, .reads_log = true}));
  ASSERT_EQ(accounts[0].alternatives.size(), 1u);
  EXPECT_EQ(accounts[0].alternatives[0].plugin, "ed25519");
}

}  // namespace
}  // namespace causeway::proxy
