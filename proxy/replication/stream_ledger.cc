#include "proxy/replication/stream_ledger.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <system_error>
#include <utility>

namespace causeway::proxy {
namespace {

constexpr std::chrono::seconds kBetweenWrites{1};

int64_t seconds_now() {
  return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

std::string reason(int error) {
  return std::generic_category().message(error);
}

// Causeway is not started without what it once knew: a client would be sent what it has, or not what it
// lacks.
std::runtime_error not_usable(const std::string& why) {
  return std::runtime_error("replication.state_file: " + why);
}

// Nothing: there is no such file.
std::optional<std::string> read_file(const std::string& path) {
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (status.type() == std::filesystem::file_type::not_found) return std::nullopt;
  if (error) throw not_usable(path + ": " + error.message());
  if (!std::filesystem::is_regular_file(status)) throw not_usable(path + ": not a file");
  std::ifstream file(path, std::ios::binary);
  if (!file) throw not_usable(path + ": cannot be read: " + reason(errno));
  return std::string{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// Closed at the end, whatever happens.
struct Descriptor {
  explicit Descriptor(int number) : fd(number) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd >= 0) ::close(fd);
  }
  int fd;
};

bool write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    text.remove_prefix(static_cast<size_t>(written));
  }
  return true;
}

}  // namespace

void LedgerContent::put(const ReplicaKey& key, const SentStream& stream, int64_t now) {
  const auto oldest = [](const auto& a, const auto& b) { return a.second.updated < b.second.updated; };
  if (clients.size() >= kMaxClients && !clients.contains(key))
    clients.erase(std::min_element(clients.begin(), clients.end(), oldest));
  clients.insert_or_assign(key, Client{.stream = stream, .updated = now});
}

bool LedgerContent::add_writer(std::string_view owner, std::string_view node, int64_t now) {
  const auto known = [&](const KnownWriter& writer) { return writer.owner == owner; };
  if (std::ranges::any_of(writers, known)) return false;
  if (writers.size() >= kMaxWriters) writers.erase(writers.begin());
  writers.push_back({.owner = std::string(owner), .node = std::string(node), .since = now});
  return true;
}

StreamLedger::StreamLedger(std::string path, Logger logger)
    : path_(std::move(path)), logger_(std::move(logger)) {
  if (path_.empty()) return;
  if (const std::optional<std::string> text = read_file(path_)) {
    OrProblem<LedgerContent> content = parse_ledger(*text);
    if (!content)
      throw not_usable(path_ + ": not what Causeway has written there (" + content.error().text +
                       "). Without the file, clients by file and position have to say once whose "
                       "coordinates they have");
    content_ = *std::move(content);
  }
  if (const OrProblem<> written = write(to_text(content_)); !written) throw not_usable(written.error().text);
  writer_ = std::thread([this] { write_when_changed(); });
}

StreamLedger::~StreamLedger() {
  {
    const std::scoped_lock lock(mutex_);
    ending_ = true;
  }
  changed_.notify_one();
  if (writer_.joinable()) writer_.join();
}

std::optional<SentStream> StreamLedger::find(const ReplicaKey& key) const {
  const std::scoped_lock lock(mutex_);
  const auto found = content_.clients.find(key);
  if (found == content_.clients.end()) return std::nullopt;
  return found->second.stream;
}

void StreamLedger::put(const ReplicaKey& key, const SentStream& stream) {
  if (key.server_id == 0) return;
  {
    const std::scoped_lock lock(mutex_);
    content_.put(key, stream, seconds_now());
    dirty_ = true;
  }
  changed_.notify_one();
}

void StreamLedger::note_writer(std::string_view owner, std::string_view node) {
  {
    const std::scoped_lock lock(mutex_);
    if (!content_.add_writer(owner, node, seconds_now())) return;
    dirty_ = true;
  }
  changed_.notify_one();
}

std::vector<KnownWriter> StreamLedger::writers() const {
  const std::scoped_lock lock(mutex_);
  return content_.writers;
}

// What was put before the end is written before it, too.
void StreamLedger::write_when_changed() {
  bool failing = false;
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return dirty_ || ending_; });
    if (!dirty_) return;
    dirty_ = false;
    const LedgerContent content = content_;
    lock.unlock();
    const OrProblem<> written = write(to_text(content));
    if (!written && !failing)
      logger_.error("the state of replication was not saved", {{"reason", written.error().text}});
    failing = !written;
    lock.lock();
    if (failing && ending_) return;
    dirty_ |= failing;
    changed_.wait_for(lock, kBetweenWrites, [this] { return ending_; });
  }
}

// A reader sees the old text or the new one, whatever happens meanwhile.
OrProblem<> StreamLedger::write(const std::string& text) const {
  const std::string fresh = path_ + ".new";
  const Descriptor file(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (file.fd < 0 || !write_all(file.fd, text) || ::fsync(file.fd) != 0)
    return Problem{fresh + ": cannot be written: " + reason(errno)};
  if (::rename(fresh.c_str(), path_.c_str()) != 0)
    return Problem{path_ + ": cannot be replaced: " + reason(errno)};
  return {};
}

}  // namespace causeway::proxy
