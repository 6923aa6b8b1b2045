#include "proxy/accounts/auth_methods.h"

#include <algorithm>
#include <functional>
#include <string>

#include "protocol/scramble.h"

namespace causeway::proxy {

bool is_for_local_processes(std::string_view plugin) {
  return plugin == "unix_socket" || plugin == "auth_socket";
}

int preference(std::string_view plugin) {
  if (plugin == protocol::auth_plugin::kNativePassword) return 4;
  if (plugin == protocol::auth_plugin::kCachingSha2Password) return 3;
  if (plugin == kEd25519Account) return 2;
  return is_for_local_processes(plugin) ? 0 : 1;
}

AuthMethod method_of(const Account& account) {
  AuthMethod best{.plugin = account.plugin, .auth_string = account.auth_string};
  for (const AuthMethod& other : account.alternatives) {
    if (preference(other.plugin) > preference(best.plugin)) best = other;
  }
  return best;
}

std::vector<AuthMethod> others_like(const Account& account, const AuthMethod& method) {
  std::vector<AuthMethod> others;
  const auto take = [&](const AuthMethod& other) {
    if (other.plugin == method.plugin && other != method && !other.auth_string.empty())
      others.push_back(other);
  };
  take({.plugin = account.plugin, .auth_string = account.auth_string});
  std::ranges::for_each(account.alternatives, take);
  return others;
}

std::vector<AuthWay> fallbacks_of(const Account& account, const AuthMethod& best) {
  std::vector<AuthMethod> methods = account.alternatives;
  methods.push_back({.plugin = account.plugin, .auth_string = account.auth_string});
  std::ranges::stable_sort(methods, std::ranges::greater(),
                           [](const AuthMethod& method) { return preference(method.plugin); });
  std::vector<AuthWay> ways;
  int worst = preference(best.plugin);
  for (const AuthMethod& method : methods) {
    const int how_well = preference(method.plugin);
    const bool usable = how_well == 1 || (how_well > 1 && !method.auth_string.empty());
    if (!usable || how_well >= worst) continue;
    worst = how_well;
    ways.push_back({.method = method, .others = others_like(account, method)});
  }
  return ways;
}

uint64_t version_of(const AuthMethod& method) {
  return std::hash<std::string>{}(method.auth_string);
}

}  // namespace causeway::proxy
