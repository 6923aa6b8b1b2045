#include "proxy/commands/session_rights.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "protocol/command.h"
#include "protocol/err_packet.h"
#include "protocol/text_resultset.h"
#include "proxy/backend/backend_connector.h"
#include "proxy/backend/cancel_after.h"
#include "proxy/backend/server_kill.h"
#include "proxy/backend/shard.h"
#include "proxy/net/packet_io.h"
#include "proxy/session/client_session.h"

namespace causeway::proxy {
namespace {

constexpr size_t kMaxGrantBytes = size_t{1} << 20;

bool is_first_byte(const PacketView& packet, uint8_t byte) {
  return !packet.payload.empty() && packet.payload[0] == byte;
}

bool is_end_of_rows(const PacketView& packet) {
  constexpr uint8_t kEof = 0xfe;
  constexpr size_t kMaxEofBytes = 9;
  return is_first_byte(packet, kEof) && packet.payload.size() < kMaxEofBytes;
}

// Of SHOW GRANTS: one column, of which the rows are added up as they come. Nothing if it is refused or cut.
Awaitable<std::optional<AccountRights>> read_grants(BackendConnection& connection) {
  protocol::Buffer out;
  protocol::append_command(out, protocol::Command::kQuery, "SHOW GRANTS", connection.capabilities);
  ErrorCode error;
  co_await connection.stream.write_all(out, {}, error);
  if (error) co_return std::nullopt;
  AccountRights rights;
  protocol::Buffer in;
  bool in_rows = false;
  for (;;) {
    const PacketView packet = co_await read_packet(connection.stream, in, kMaxGrantBytes, error);
    if (error || is_first_byte(packet, protocol::kErrHeader)) co_return std::nullopt;
    if (is_end_of_rows(packet)) {
      if (in_rows) co_return rights;
      in_rows = true;
    } else if (in_rows) {
      const auto row = protocol::parse_text_row(packet.payload, 1);
      if (!row) co_return std::nullopt;
      add_rights_of_grant(rights, row->front().value_or(""));
    }
  }
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
