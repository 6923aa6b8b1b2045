#include "proxy/commands/kill.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "proxy/backend/shard.h"
#include "proxy/commands/session_rights.h"
#include "proxy/session/client_session.h"
#include "proxy/session/session_directory.h"

namespace causeway::proxy {
namespace {

// On whose behalf.
struct Killer {
  std::string user;
  bool any_session = false;  // not only this user's
  AccountLogin login;        // the server decides once more
};

KillOutcome kill_of(WorkerSessions& sessions, uint32_t id, const Killer& killer, KillScope scope) {
  for (ClientSession& session : sessions.list()) {
    if (session.id != id) continue;
    if (!killer.any_session && session.identity.user != killer.user) return KillOutcome::kNotOwner;
    if (scope == KillScope::kConnection) {
      session.end.because(EndReason::kKilled);
      session.waiter.closing = true;
      end_waits(session);
      return KillOutcome::kKilled;
    }
    session.waiter.query_killed = true;
    if (session.backends.in_flight != nullptr && session.backends.in_flight->lease != nullptr) {
      // A late KILL must not hit the next one who has the connection.
      session.backends.in_flight->doomed = true;
      Shard& shard = sessions.shard();
      asio::co_spawn(shard.io(),
                     kill_on_server(shard, thread_of(*session.backends.in_flight), scope, killer.login),
                     asio::detached);
    } else {
      session.waiter.wake_up.set();
    }
    return KillOutcome::kKilled;
  }
  return KillOutcome::kUnknown;
}

Awaitable<KillOutcome> kill_there(WorkerSessions& sessions, uint32_t id, Killer killer, KillScope scope) {
  co_return kill_of(sessions, id, killer, scope);
}

Awaitable<bool> is_protected_there(WorkerSessions& sessions, uint32_t id) {
  std::optional<AccountLogin> login;
  for (const ClientSession& session : sessions.list())
    if (session.id == id && session.activity.logged_in) login = login_beside(session.identity.login);
  if (!login) co_return false;
  const AccountRights rights = co_await ask_rights(sessions.shard(), *std::move(login));
  co_return rights.protects;
}

template <class T>
Awaitable<T> on_worker(WorkerSessions& owner, Awaitable<T> work) {
  const T result =
      co_await asio::co_spawn(owner.shard().io(), std::move(work), asio::use_awaitable_t<Executor>{});
  co_return result;
}

// Of another user. What no server is there to say is not held against who may kill.
Awaitable<bool> may_kill_others(ClientSession& killer, WorkerSessions& owner, uint32_t id) {
  const AccountRights rights = rights_in_table(killer);
  const bool mysql = killer.shard.cluster().view().flavor == ServerFlavor::kMysql;
  if (rights.kill_any && !mysql) co_return true;
  const AccountRights asked = co_await rights_on_servers(killer);
  if (!rights.kill_any && !asked.kill_any) co_return false;
  if (!mysql || asked.protects) co_return true;
  const bool is_protected = co_await on_worker(owner, is_protected_there(owner, id));
  co_return !is_protected;
}

}  // namespace

Awaitable<KillOutcome> kill_session(ClientSession& killer, uint64_t id, KillScope scope) {
  if (id == killer.id) co_return KillOutcome::kSelf;
  if (id > std::numeric_limits<uint32_t>::max()) co_return KillOutcome::kUnknown;
  const auto known_id = static_cast<uint32_t>(id);
  WorkerSessions& owner = killer.shard.services().sessions->of_id(known_id);
  Killer by{.user = killer.identity.user, .any_session = false, .login = login_beside(killer.identity.login)};
  const KillOutcome as_own = co_await on_worker(owner, kill_there(owner, known_id, by, scope));
  if (as_own != KillOutcome::kNotOwner) co_return as_own;
  by.any_session = co_await may_kill_others(killer, owner, known_id);
  if (!by.any_session) co_return KillOutcome::kNotOwner;
  const KillOutcome outcome = co_await on_worker(owner, kill_there(owner, known_id, by, scope));
  co_return outcome;
}

}  // namespace causeway::proxy
