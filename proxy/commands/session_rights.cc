#include "proxy/commands/session_rights.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "protocol/text_resultset.h"
#include "proxy/backend/ask.h"
#include "proxy/backend/backend_connector.h"
#include "proxy/backend/cancel_after.h"
#include "proxy/backend/server_kill.h"
#include "proxy/backend/shard.h"
#include "proxy/session/client_session.h"

namespace causeway::proxy {
namespace {

constexpr RowLimits kGrantLimits{.columns = 1, .max_packet_bytes = size_t{1} << 20};

// Of SHOW GRANTS: the rows are added up as they come. Nothing if it is refused or cut.
Awaitable<std::optional<AccountRights>> read_grants(BackendConnection& connection) {
  AccountRights rights;
  const TakeRow take = [&](std::span<const protocol::TextValue> row) {
    add_rights_of_grant(rights, row.front().value_or(""));
  };
  const Answer<void> answer = co_await ask_rows(connection, "SHOW GRANTS", kGrantLimits, take);
  if (!answer) co_return std::nullopt;
  co_return rights;
}

Awaitable<std::optional<AccountRights>> ask_a_server(Shard& shard, AccountLogin login) {
  if (login.credentials == nullptr || shard.rights_questions() >= kMaxRightsQuestions) co_return std::nullopt;
  struct UnderWay {
    explicit UnderWay(size_t& questions) : count(questions) { ++count; }
    UnderWay(const UnderWay&) = delete;
    UnderWay& operator=(const UnderWay&) = delete;
    ~UnderWay() { --count; }
    size_t& count;
  };
  const UnderWay under_way(shard.rights_questions());
  const auto deadline = Clock::now() + shard.config().timeouts.connect;
  for (const size_t node : shard.cluster().view().nodes_to_ask()) {
    if (Clock::now() >= deadline) break;
    CancelAfter watch(shard.io(), deadline);
    const ConnectResult opened =
        co_await connect_backend(shard, node, login.key, *login.credentials, watch.connection());
    if (!opened.connection) continue;
    watch.connection() = opened.connection.get();
    const std::optional<AccountRights> rights = co_await read_grants(*opened.connection);
    watch.connection() = nullptr;
    if (rights) co_return rights;
  }
  co_return std::nullopt;
}

}  // namespace

AccountRights rights_in_table(const ClientSession& session) {
  const AccountStore* accounts = session.shard.services().accounts;
  if (accounts == nullptr) return {};
  const AccountStore::SnapshotPtr snapshot = accounts->current();
  // Who has logged in before the accounts could be read is found by name and address, as a server would.
  if (!session.identity.login.account) {
    const Account* found = snapshot->table.lookup(session.identity.user, session.client.host);
    return found == nullptr ? AccountRights{} : found->rights;
  }
  const auto is_own = [&](const Account& account) {
    return account.user == session.identity.login.account->user &&
           account.host == session.identity.login.account->host;
  };
  const auto& list = snapshot->table.accounts();
  const auto account = std::ranges::find_if(list, is_own);
  return account == list.end() ? AccountRights{} : account->rights;
}

Awaitable<AccountRights> rights_on_servers(ClientSession& session) {
  if (!session.identity.rights_on_servers)
    session.identity.rights_on_servers =
        co_await ask_a_server(session.shard, login_beside(session.identity.login));
  co_return session.identity.rights_on_servers.value_or(AccountRights{});
}

Awaitable<AccountRights> ask_rights(Shard& shard, AccountLogin login) {
  const std::optional<AccountRights> rights = co_await ask_a_server(shard, std::move(login));
  co_return rights.value_or(AccountRights{});
}

void add_rights_of_grant(AccountRights& rights, std::string_view row) {
  constexpr std::string_view kGrant = "GRANT ";
  const size_t end = row.find(" ON *.* TO ");
  if (!row.starts_with(kGrant) || end == std::string_view::npos) return;
  std::string_view list = row.substr(0, end).substr(kGrant.size());
  if (list.find_first_of("`\"'(") != std::string_view::npos) return;
  while (!list.empty()) {
    std::string_view right = list.substr(0, list.find(','));
    list.remove_prefix(std::min(right.size() + 1, list.size()));
    if (right.starts_with(' ')) right.remove_prefix(1);
    const bool all = right == "ALL PRIVILEGES";
    if (all || right == "PROCESS") rights.see_all = true;
    if (all || right == "SUPER" || right == "CONNECTION_ADMIN" || right == "CONNECTION ADMIN")
      rights.kill_any = true;
    if (all || right == "SYSTEM_USER") rights.protects = true;
  }
}

}  // namespace causeway::proxy
