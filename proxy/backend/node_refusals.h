// What a replica has refused a moment ago, so that not every session asks it again.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/accounts/client_error.h"

namespace causeway::proxy {

// Of one node, on one worker's thread. Only new connections are refused; those that stand go on.
class NodeRefusals {
 public:
  using Clock = std::chrono::steady_clock;

  // For how long a refusal holds, and how often the same one is worth a line in the log.
  static constexpr std::chrono::milliseconds kHolds{1000};
  static constexpr std::chrono::seconds kNews{60};

  // The account's refusal that still holds, or the one of all accounts; null: none. Valid until the next
  // note(). `credentials_version` tells the account's former password from its new one.
  const ClientError* find(std::string_view user, uint64_t credentials_version, Clock::time_point now) const;

  // The node has refused a connection of this account. True if that is news.
  bool note(std::string_view user, uint64_t credentials_version, const ClientError& error,
            Clock::time_point now);

 private:
  // Of more accounts than these the one refused longest ago is forgotten.
  static constexpr size_t kMaxEntries = 64;

  struct Entry {
    bool all = false;  // about the server, not the account
    std::string user;
    uint64_t credentials_version = 0;
    ClientError error;
    Clock::time_point refused_at;
    Clock::time_point told_at;
  };

  std::vector<Entry> entries_;
};

}  // namespace causeway::proxy
