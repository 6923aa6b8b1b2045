#include "proxy/cluster/connection_count.h"

#include <charconv>
#include <string>

#include "proxy/cluster/native_client.h"

namespace causeway::proxy {
namespace {

constexpr std::chrono::milliseconds kInterval{950};  // polls are not quite in time

}  // namespace

void count_connections(NativeClient& client, ConnectionCount& last) {
  const auto now = std::chrono::steady_clock::now();
  if (now - last.counted_at < kInterval) return;
  last = {.counted_at = now};
  const auto answer = client.query("SHOW GLOBAL STATUS LIKE 'Threads_connected'");
  if (!answer || answer->rows.size() != 1 || answer->rows[0].size() != 2 || !answer->rows[0][1]) return;
  const std::string& text = *answer->rows[0][1];
  uint64_t open = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), open);
  if (error == std::errc() && end == text.data() + text.size()) last.open = open;
}

}  // namespace causeway::proxy
