#include "proxy/commands/password_check.h"

#include <boost/asio/post.hpp>
#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

#include "protocol/scramble.h"
#include "proxy/backend/backend_connector.h"
#include "proxy/backend/shard.h"
#include "proxy/commands/client_address.h"

namespace causeway::proxy {
namespace {

using protocol::Credentials;

// utf8mb4_general_ci
constexpr uint8_t kCollation = 45;

// Somebody waits for a reading of the accounts. The store's thread holds it too.
struct AccountsWaiter {
  ClientSession* session = nullptr;  // null once it waits no more; worker's thread only
  bool done = false;
};

}  // namespace

Awaitable<PasswordVerdict> check_password(ClientSession& session, const LoginAccount& account,
                                          const std::string& user, const protocol::SecretBytes& password) {
  if (account.all() == nullptr) {
    const UserConfig* const configured = account.configured();
    const bool right = configured != nullptr &&
                       protocol::equal_in_constant_time(configured->password.view(), password.view());
    co_return PasswordVerdict{.accepted = right};
  }
  const Credentials credentials = Credentials::from_password(password.text());
  const auto key = std::make_shared<const PoolKey>(PoolKey{.user = user,
                                                           .capabilities = 0,
                                                           .collation = kCollation,
                                                           .credentials_version = 0,
                                                           .requires_tls = account.requires_server_tls(),
                                                           .client_address = told_address(session)});
  const NodeIndex writer = session.shard.cluster().view().writer;
  const std::vector<NodeIndex> nodes = session.shard.cluster().view().nodes_to_ask();
  PasswordVerdict verdict{.unknown = no_server_for_login()};
  for (const NodeIndex node : nodes) {
    if (session.waiter.timed_out || session.waiter.closing) break;
    ConnectResult opened;
    {
      // One that hangs leaves time for the others.
      const EarlierDeadline scope(session.waiter, Clock::now() + session.shard.config().timeouts.connect);
      opened = co_await connect_backend(session.shard, node, key, credentials, session.backends.in_flight);
      session.backends.in_flight = nullptr;
    }
    if (opened.connection) {
      opened.connection->say_goodbye();
      co_return PasswordVerdict{.accepted = true};
    }
    if (opened.access_denied && node == writer) co_return PasswordVerdict{};
    if (opened.access_denied && writer == kNoNode) verdict = PasswordVerdict{};
    if (opened.refusal && !opened.access_denied) verdict.unknown = std::move(opened.refusal);
  }
  co_return verdict;
}

Awaitable<void> read_accounts_again(ClientSession& session) {
  AccountStore* const accounts = session.shard.services().accounts;
  if (accounts == nullptr) co_return;
  const auto waiter = std::make_shared<AccountsWaiter>();
  waiter->session = &session;
  const bool asked = accounts->refresh([waiter, &io = session.shard.io()] {
    asio::post(io, [waiter] {
      waiter->done = true;
      if (waiter->session != nullptr) waiter->session->waiter.wake_up.set();
    });
  });
  while (asked && !waiter->done && !session.waiter.timed_out && !session.waiter.closing) {
    session.waiter.wake_up.reset();
    co_await session.waiter.wake_up.wait();
  }
  waiter->session = nullptr;
}

}  // namespace causeway::proxy
