#include "proxy/replication/attach_decision.h"

#include <array>
#include <ctime>

namespace causeway::proxy {
namespace {

bool is_same_replica(const StreamReader& one, const StreamReader& other) {
  const bool uuids_differ = !one.uuid.empty() && !other.uuid.empty() && one.uuid != other.uuid;
  return one.host == other.host && !uuids_differ;
}

}  // namespace

std::string address_of(const StreamReader& reader) {
  if (reader.port == 0) return reader.host;
  const bool is_ipv6 = reader.host.find(':') != std::string::npos;
  return (is_ipv6 ? "[" + reader.host + "]" : reader.host) + ":" + std::to_string(reader.port);
}

std::string since_of(const StreamReader& reader) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(reader.since);
  std::tm utc{};
  ::gmtime_r(&seconds, &utc);
  std::array<char, 40> text{};
  return {text.data(), std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &utc)};
}

AttachDecision decide_attach(const StreamReader& who, std::span<const StreamReader* const> attached) {
  if (who.server_id == 0) return {};
  AttachDecision decision;
  for (size_t i = 0; i < attached.size(); ++i) {
    if (attached[i]->server_id != who.server_id) continue;
    if (!is_same_replica(who, *attached[i])) return {.what = AttachDecision::What::kRefuse, .other = i};
    decision = {.what = AttachDecision::What::kReplace, .other = i};
  }
  return decision;
}

}  // namespace causeway::proxy
