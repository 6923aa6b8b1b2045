// The one door to libmysqlclient (Oracle's, or MariaDB Connector/C under the same names). Its calls block, so
// only threads of the control plane use it: monitor, account reader, `causeway check`.
#pragma once

#include <boost/system/result.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/capability_flags.h"
#include "protocol/secret.h"
#include "protocol/tls_mode.h"

namespace causeway::proxy {

// What a server, or the client library, said no with.
struct NativeError {
  unsigned code =
      0;  // errno; 2000 to 2999 and 5000 to 5999 are the library's own: the connection is at fault
  std::string sqlstate;  // "HY000" if there is none
  std::string text;

  friend bool operator==(const NativeError&, const NativeError&) = default;
};

// The connection cannot be used any more, as opposed to a statement that the server refused.
bool is_connection_error(const NativeError& error);

// "<text> (<errno>)"
std::string to_string(const NativeError& error);

template <class T>
using NativeResult = boost::system::result<T, NativeError>;

// A whole result set in memory. Empty for statements that return none.
struct NativeRows {
  using Row = std::vector<std::optional<std::string>>;  // nothing: SQL NULL

  std::vector<std::string> columns;
  std::vector<Row> rows;

  friend bool operator==(const NativeRows&, const NativeRows&) = default;
};

// One connection. Used by one thread at a time, except interrupt(). Server errors are values, never
// exceptions.
class NativeClient {
 public:
  // Timeouts have the library's granularity: they are rounded up to whole seconds, at least one.
  struct Options {
    std::string host;  // name or address; not used if unix_socket is set
    uint16_t port = 3306;
    std::string unix_socket;
    std::string user;
    protocol::SecretBytes password = {};
    std::chrono::milliseconds connect_timeout{1000};
    std::chrono::milliseconds read_timeout{1000};
    std::chrono::milliseconds write_timeout{1000};
    protocol::TlsMode tls = protocol::TlsMode::kPreferred;
    std::string tls_ca;           // PEM, for kVerifyCa and kVerifyIdentity; the system's if empty
    std::string tls_certificate;  // PEM of the client certificate
    std::string tls_key;
  };

  // The longest result that query() takes: more is an error, so that a server cannot fill our memory.
  static constexpr size_t kMaxRows = 1'000'000;
  static constexpr size_t kMaxResultBytes = size_t{256} << 20;

  NativeClient();
  ~NativeClient();
  NativeClient(const NativeClient&) = delete;
  NativeClient& operator=(const NativeClient&) = delete;

  // Connects and logs in; an open connection is closed first. All authentication plugins of the library, a
  // caching_sha2_password server's RSA key is asked for where there is no TLS.
  NativeResult<void> connect(const Options& options);

  // Runs one statement and reads its (first) result whole. After a connection error the client is closed.
  NativeResult<NativeRows> query(std::string_view sql);

  bool connected() const { return handle_ != nullptr; }
  void close();

  // Makes a query that runs in another thread, and every later one, fail at once with a connection error;
  // a connect() under way fails when its timeout is up at the latest. Any thread, any time. For good.
  void interrupt();

  // Facts of the connection; zero or empty while not connected.
  std::string server_version()
      const;  // "8.4.3", "10.11.6-MariaDB-0+deb12u1", without the old "5.5.5-" prefix
  uint32_t server_version_number() const;                 // 80403, 101106
  protocol::CapabilityFlags server_capabilities() const;  // of the handshake, MariaDB's extended ones too
  uint8_t server_collation() const;                       // of the handshake: the server's default
  uint64_t thread_id() const;
  bool uses_tls() const;

 private:
  struct Handle;

  void keep_socket(int descriptor);
  void shut_down();
  bool is_interrupted();
  NativeError last_error() const;

  std::unique_ptr<Handle> handle_;
  std::mutex mutex_;  // of the two below, which interrupt() shares
  bool interrupted_ = false;
  int socket_ = -1;  // a duplicate: the library closes its own whenever it likes
};

}  // namespace causeway::proxy
