#include "proxy/backend/node_refusals.h"

#include <algorithm>

#include "proxy/cluster/server_errors.h"

namespace causeway::proxy {

const ClientError* NodeRefusals::find(std::string_view user, uint64_t credentials_version,
                                      Clock::time_point now) const {
  for (const Entry& entry : entries_) {
    const bool concerns =
        entry.all || (entry.user == user && entry.credentials_version == credentials_version);
    if (concerns && now - entry.refused_at < kHolds) return &entry.error;
  }
  return nullptr;
}

bool NodeRefusals::note(std::string_view user, uint64_t credentials_version, const ClientError& error,
                        Clock::time_point now) {
  const bool all = is_about_everybody(error.code);
  auto known = std::ranges::find_if(entries_, [&](const Entry& entry) {
    return entry.all == all &&
           (all || (entry.user == user && entry.credentials_version == credentials_version));
  });
  if (known == entries_.end()) {
    if (entries_.size() >= kMaxEntries) {
      known = std::ranges::min_element(entries_, {}, &Entry::refused_at);
    } else {
      known = entries_.emplace(entries_.end());
    }
    *known = Entry{.all = all,
                   .user = all ? std::string() : std::string(user),
                   .credentials_version = all ? 0 : credentials_version,
                   .error = error,
                   .refused_at = now,
                   .told_at = now};
    return true;
  }
  const bool news = known->error.code != error.code || now - known->told_at >= kNews;
  known->error = error;
  known->refused_at = now;
  if (news) known->told_at = now;
  return news;
}

}  // namespace causeway::proxy
