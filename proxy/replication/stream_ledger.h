// What is remembered of clients that read the binary log by file and position: from whose log, and how far.
// Over restarts, where there is a file for it: coordinates of another server must never be taken for those of
// this one.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "consistency/log_coordinates.h"
#include "proxy/base/log.h"
#include "proxy/base/or_problem.h"

namespace causeway::proxy {

// Which client it is. A server id of 0 is that of no replica, and is not remembered.
struct ReplicaKey {
  std::string user;
  uint32_t server_id = 0;

  friend auto operator<=>(const ReplicaKey&, const ReplicaKey&) = default;  // NOLINT(modernize-use-nullptr)
};

// What was sent to a client.
struct SentStream {
  std::string owner;  // whose log it is: binlog_owner()
  // With what stands ahead of it in that log, as far as that was read.
  consistency::SentLog sent = consistency::SentLog();
  // Where the client began, before anything was sent.
  std::optional<consistency::LogCoordinates> start = std::nullopt;
};

struct KnownWriter {
  std::string owner;
  std::string node;   // its address when it became the writer
  int64_t since = 0;  // seconds since 1970

  friend bool operator==(const KnownWriter&, const KnownWriter&) = default;
};

// All of it, as it stands in the file. What was remembered longest ago goes first where there is too much.
struct LedgerContent {
  static constexpr size_t kMaxClients = 256;
  static constexpr size_t kMaxWriters = 64;
  // So many transactions of each client are kept in the file.
  static constexpr size_t kTransactionsInFile = 64;

  struct Client {
    SentStream stream;
    int64_t updated = 0;  // seconds since 1970
  };

  std::map<ReplicaKey, Client> clients;
  std::vector<KnownWriter> writers;  // in the order in which they became it; each once

  void put(const ReplicaKey& key, const SentStream& stream, int64_t now);
  // Whether it is news.
  bool add_writer(std::string_view owner, std::string_view node, int64_t now);
};

// The file's text, and back. What is wrong with a text is said with its place.
std::string to_text(const LedgerContent& content);
OrProblem<LedgerContent> parse_ledger(std::string_view text);

// Any thread. Writing the file has a thread of its own: at most once a second, and at the end.
class StreamLedger {
 public:
  // Without a path nothing lasts longer than the process. Throws std::runtime_error where the file is there
  // but cannot be read or understood, or where none can be written.
  StreamLedger(std::string path, Logger logger);
  ~StreamLedger();
  StreamLedger(const StreamLedger&) = delete;
  StreamLedger& operator=(const StreamLedger&) = delete;

  // Whether what is not remembered was never there.
  bool is_lasting() const { return !path_.empty(); }

  std::optional<SentStream> find(const ReplicaKey& key) const;
  void put(const ReplicaKey& key, const SentStream& stream);

  void note_writer(std::string_view owner, std::string_view node);
  std::vector<KnownWriter> writers() const;

 private:
  void write_when_changed();
  OrProblem<> write(const std::string& text) const;

  const std::string path_;
  Logger logger_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  LedgerContent content_;
  bool dirty_ = false;
  bool ending_ = false;
  std::thread writer_;
};

}  // namespace causeway::proxy
