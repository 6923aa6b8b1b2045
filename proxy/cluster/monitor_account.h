// The account with which Causeway itself logs in to servers: monitor, account reader, questions for
// positions, KILL. Its password may change while it runs.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "protocol/secret.h"
#include "proxy/base/or_problem.h"

namespace causeway::proxy {

// Any thread.
class MonitorAccount {
 public:
  using CredentialsPtr = std::shared_ptr<const protocol::Credentials>;
  // The password as its file has it now, or why it cannot be read. May block.
  using ReadPassword = std::function<OrProblem<protocol::SecretBytes>()>;

  // Without `read` the password stays what it is.
  MonitorAccount(std::string user, const protocol::SecretBytes& password, ReadPassword read = {});

  const std::string& user() const { return user_; }

  // Never null. Takes a lock, for a moment.
  CredentialsPtr credentials() const;

  // Reads the password again, which blocks: not for workers. Whether it is another one now, or why it could
  // not be read: it then stays what it was.
  OrProblem<bool> read_again();

  // For workers, which must not read files: a server has refused the password. The monitor asks was_refused()
  // at its next poll, which is true once.
  void refused() { refused_.store(true, std::memory_order_relaxed); }
  bool was_refused() { return refused_.exchange(false, std::memory_order_relaxed); }

 private:
  const std::string user_;
  const ReadPassword read_;
  std::atomic<bool> refused_{false};
  std::mutex reading_;        // one reads at a time
  mutable std::mutex mutex_;  // of credentials_
  CredentialsPtr credentials_;
};

}  // namespace causeway::proxy
