#include "proxy/cluster/native_client.h"

#include <mysql.h>
#include <netdb.h>
#include <openssl/x509.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <numeric>
#include <span>
#include <string>
#include <string_view>
#include <system_error>

#include "protocol/tls_mode.h"

// The client errors of both libraries have the same numbers, but not the same headers.
namespace causeway::proxy {
namespace {

using protocol::TlsMode;

constexpr unsigned kSslConnectionError = 2026;
constexpr unsigned kServerLost = 2013;
constexpr unsigned kOutOfMemory = 2008;
constexpr unsigned kMalformedPacket = 2027;
constexpr unsigned long kMaxPacketBytes = 64ul << 20;

#if defined(LIBMARIADB)
using Flag = my_bool;
#else
using Flag = bool;
#endif

unsigned whole_seconds(std::chrono::milliseconds timeout) {
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(timeout).count();
  return static_cast<unsigned>(std::clamp<decltype(seconds)>(seconds, 1, 3600));
}

const char* or_null(const std::string& text) {
  return text.empty() ? nullptr : text.c_str();
}

// The library keeps data per thread, which a thread has to give back when it ends.
struct LibraryThread {
  LibraryThread() {
    static std::once_flag once;
    std::call_once(once, [] { mysql_library_init(0, nullptr, nullptr); });
    mysql_thread_init();
  }
  ~LibraryThread() { mysql_thread_end(); }
  LibraryThread(const LibraryThread&) = delete;
  LibraryThread& operator=(const LibraryThread&) = delete;
};

void enter_library() {
  thread_local LibraryThread thread;
  static_cast<void>(thread);
}

void set_tls(MYSQL* mysql, const NativeClient::Options& options, TlsMode mode) {
  const bool verify = verifies_certificate(mode);
#if defined(LIBMARIADB)
  // With a CA the certificate is verified against it; the flag adds the host name.
  Flag enforce = mode != TlsMode::kDisabled ? 1 : 0;
  Flag verify_identity = mode == TlsMode::kVerifyIdentity ? 1 : 0;
  mysql_optionsv(mysql, MYSQL_OPT_SSL_ENFORCE, &enforce);
  mysql_optionsv(mysql, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &verify_identity);
#else
  unsigned native_mode = mode == TlsMode::kDisabled    ? SSL_MODE_DISABLED
                         : mode == TlsMode::kPreferred ? SSL_MODE_PREFERRED
                         : mode == TlsMode::kRequired  ? SSL_MODE_REQUIRED
                         : mode == TlsMode::kVerifyCa  ? SSL_MODE_VERIFY_CA
                                                       : SSL_MODE_VERIFY_IDENTITY;
  mysql_options(mysql, MYSQL_OPT_SSL_MODE, &native_mode);
  Flag get_key = true;
  mysql_options(mysql, MYSQL_OPT_GET_SERVER_PUBLIC_KEY, &get_key);
#endif
  if (mode == TlsMode::kDisabled) return;
  // Without one or the other MariaDB's library does not verify at all.
  if (verify && options.tls_ca.empty())
    mysql_options(mysql, MYSQL_OPT_SSL_CAPATH, X509_get_default_cert_dir());
  else if (verify)
    mysql_options(mysql, MYSQL_OPT_SSL_CA, options.tls_ca.c_str());
  if (!options.tls_certificate.empty()) {
    mysql_options(mysql, MYSQL_OPT_SSL_CERT, options.tls_certificate.c_str());
    mysql_options(mysql, MYSQL_OPT_SSL_KEY, options.tls_key.c_str());
  }
}

void set_options(MYSQL* mysql, const NativeClient::Options& options, TlsMode tls) {
  const unsigned connect_timeout = whole_seconds(options.connect_timeout);
  const unsigned read_timeout = whole_seconds(options.read_timeout);
  const unsigned write_timeout = whole_seconds(options.write_timeout);
  mysql_options(mysql, MYSQL_OPT_CONNECT_TIMEOUT, &connect_timeout);
  mysql_options(mysql, MYSQL_OPT_READ_TIMEOUT, &read_timeout);
  mysql_options(mysql, MYSQL_OPT_WRITE_TIMEOUT, &write_timeout);
  mysql_options(mysql, MYSQL_SET_CHARSET_NAME, "utf8mb4");
  const unsigned local_infile = 0;  // a server must not be able to ask for our files
  mysql_options(mysql, MYSQL_OPT_LOCAL_INFILE, &local_infile);
  mysql_options(mysql, MYSQL_OPT_MAX_ALLOWED_PACKET, &kMaxPacketBytes);
  set_tls(mysql, options, tls);
}

// False if the result is longer than we take.
bool read_rows(MYSQL_RES* from, NativeRows& result) {
  const unsigned columns = mysql_num_fields(from);
  const MYSQL_FIELD* fields = mysql_fetch_fields(from);
  for (unsigned i = 0; i < columns; ++i)
    result.columns.emplace_back(fields[i].name);
  size_t bytes = 0;
  while (MYSQL_ROW row = mysql_fetch_row(from)) {
    const unsigned long* lengths = mysql_fetch_lengths(from);
    bytes = std::accumulate(lengths, lengths + columns, bytes);
    if (result.rows.size() == NativeClient::kMaxRows || bytes > NativeClient::kMaxResultBytes) return false;
    NativeRows::Row& values = result.rows.emplace_back(columns);
    for (unsigned i = 0; i < columns; ++i)
      if (row[i] != nullptr) values[i].emplace(row[i], lengths[i]);
  }
  return true;
}

// A socket file needs no TLS; who demands it gets it all the same.
TlsMode effective_tls(const NativeClient::Options& options) {
  const bool optional = options.tls == TlsMode::kPreferred;
  return optional && !options.unix_socket.empty() ? TlsMode::kDisabled : options.tls;
}

std::string error_text(int code) {
  return std::system_category().message(code);
}

// Why nothing listens there, in the system's words; the library gives a number that may be of something else.
std::string why_unreachable(const std::string& host, uint16_t port, std::chrono::milliseconds patience) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int failure = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found);
  if (failure != 0) return ::gai_strerror(failure);
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> guard(found, &freeaddrinfo);
  const int descriptor = ::socket(found->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return error_text(errno);
  int code = ::connect(descriptor, found->ai_addr, found->ai_addrlen) == 0 ? 0 : errno;
  if (code == EINPROGRESS) {
    pollfd waiting{.fd = descriptor, .events = POLLOUT, .revents = 0};
    code = ETIMEDOUT;
    socklen_t size = sizeof(code);
    if (::poll(&waiting, 1, static_cast<int>(patience.count())) == 1)
      ::getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &code, &size);
  }
  ::close(descriptor);
  return code == 0 ? "it does not speak the protocol" : error_text(code);
}

// What the library says of a server that it does not reach has neither port nor reason.
void describe_unreachable(NativeError& error, const NativeClient::Options& options,
                          std::chrono::milliseconds spent) {
  constexpr unsigned kConnectionError = 2002;
  constexpr unsigned kConnectHostError = 2003;
  constexpr std::chrono::milliseconds kPatience{200};
  if (error.code != kConnectionError && error.code != kConnectHostError) return;
  if (!options.unix_socket.empty()) return;
  const bool ipv6 = options.host.find(':') != std::string::npos;
  error.text = "no connection to " + (ipv6 ? "[" + options.host + "]" : options.host) + ":" +
               std::to_string(options.port) + ": ";
  error.text += spent >= options.connect_timeout ? error_text(ETIMEDOUT)
                                                 : why_unreachable(options.host, options.port, kPatience);
}

// What a server says ahead of TLS (it has no room, the host is blocked) MariaDB's library tells as an error
// of its own: "Received error packet before completion of TLS handshake. The authenticity of the following
// error cannot be verified: 1040 - Too many connections".
void unwrap_early_refusal(NativeError& error) {
  constexpr std::string_view kAhead = "cannot be verified: ";
  constexpr std::string_view kBehind = " - ";
  const size_t found = error.text.find(kAhead);
  if (!is_connection_error(error) || found == std::string::npos) return;
  const std::string_view said = std::string_view(error.text).substr(found + kAhead.size());
  unsigned code = 0;
  const auto parsed = std::from_chars(said.data(), said.data() + said.size(), code);
  const std::string_view text = said.substr(static_cast<size_t>(parsed.ptr - said.data()));
  if (parsed.ec != std::errc() || !text.starts_with(kBehind)) return;
  error.code = code;
  error.text = std::string(text.substr(kBehind.size()));
}

// As C has texts.
protocol::SecretBytes with_nul(const protocol::SecretBytes& text) {
  protocol::SecretBytes result(text.size() + 1);
  std::ranges::copy(text.view(), result.writable().begin());
  return result;
}

// The library keeps it for a COM_CHANGE_USER or a reconnect that it will not do.
void forget_password(MYSQL* mysql) {
  if (mysql->passwd == nullptr) return;
  const std::span<char> text(mysql->passwd, std::strlen(mysql->passwd));
  protocol::cleanse({reinterpret_cast<uint8_t*>(text.data()), text.size()});
}

NativeError interrupted_error() {
  return {.code = kServerLost, .sqlstate = "HY000", .text = "interrupted"};
}

}  // namespace

bool is_connection_error(const NativeError& error) {
  return (error.code >= 2000 && error.code < 3000) || (error.code >= 5000 && error.code < 6000);
}

std::string to_string(const NativeError& error) {
  return error.text + " (" + std::to_string(error.code) + ")";
}

struct NativeClient::Handle {
  MYSQL* mysql = mysql_init(nullptr);

  Handle() = default;
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  ~Handle() {
    if (mysql != nullptr) mysql_close(mysql);
  }
};

NativeClient::NativeClient() = default;
NativeClient::~NativeClient() {
  close();
}

NativeError NativeClient::last_error() const {
  MYSQL* mysql = handle_->mysql;
  return {.code = mysql_errno(mysql), .sqlstate = mysql_sqlstate(mysql), .text = mysql_error(mysql)};
}

void NativeClient::keep_socket(int descriptor) {
  const std::lock_guard lock(mutex_);
  if (socket_ >= 0) ::close(socket_);
  socket_ = descriptor < 0 ? -1 : ::dup(descriptor);
}

NativeResult<void> NativeClient::connect(const Options& options) {
  close();
  if (is_interrupted()) return interrupted_error();
  enter_library();
  auto handle = std::make_unique<Handle>();
  MYSQL* mysql = handle->mysql;
  if (mysql == nullptr)
    return NativeError{.code = kOutOfMemory, .sqlstate = "HY000", .text = "out of memory"};
  const TlsMode tls = effective_tls(options);
  set_options(mysql, options, tls);
  const bool local = !options.unix_socket.empty();
  // By itself the library takes "localhost" for the Unix socket of its default path.
  const unsigned protocol = local ? MYSQL_PROTOCOL_SOCKET : MYSQL_PROTOCOL_TCP;
  mysql_options(mysql, MYSQL_OPT_PROTOCOL, &protocol);
  const protocol::SecretBytes password = with_nul(options.password);
  handle_ = std::move(handle);
  const auto began = std::chrono::steady_clock::now();
  if (mysql_real_connect(mysql, local ? nullptr : options.host.c_str(), options.user.c_str(),
                         reinterpret_cast<const char*>(password.view().data()), nullptr,
                         local ? 0 : options.port, or_null(options.unix_socket), 0) == nullptr) {
    NativeError error = last_error();
    forget_password(mysql);
    close();
    const auto spent = std::chrono::steady_clock::now() - began;
    unwrap_early_refusal(error);
    describe_unreachable(error, options, std::chrono::duration_cast<std::chrono::milliseconds>(spent));
    return error;
  }
  forget_password(mysql);
  // MariaDB's library goes on without TLS if the server has none and nothing is to be verified.
  if (requires_tls(tls) && !uses_tls()) {
    close();
    return NativeError{.code = kSslConnectionError,
                       .sqlstate = "HY000",
                       .text = "TLS is required, but the server does not offer it"};
  }
#if defined(LIBMARIADB)
  keep_socket(static_cast<int>(mysql_get_socket(mysql)));
#else
  keep_socket(static_cast<int>(mysql->net.fd));
#endif
  if (is_interrupted()) {
    close();
    return interrupted_error();
  }
  return {};
}

bool NativeClient::is_interrupted() {
  const std::lock_guard lock(mutex_);
  return interrupted_;
}

void NativeClient::shut_down() {
  const std::lock_guard lock(mutex_);
  if (socket_ >= 0) ::shutdown(socket_, SHUT_RDWR);
}

NativeResult<NativeRows> NativeClient::query(std::string_view sql) {
  if (!handle_) return NativeError{.code = kServerLost, .sqlstate = "HY000", .text = "not connected"};
  enter_library();
  MYSQL* mysql = handle_->mysql;
  const auto fail = [this]() -> NativeError {
    NativeError error = last_error();
    if (is_connection_error(error)) close();
    return error;
  };
  if (mysql_real_query(mysql, sql.data(), static_cast<unsigned long>(sql.size())) != 0) return fail();

  NativeRows result;
  bool too_long = false;
  if (MYSQL_RES* rows = mysql_use_result(mysql); rows != nullptr) {
    const std::unique_ptr<MYSQL_RES, decltype(&mysql_free_result)> guard(rows, &mysql_free_result);
    too_long = !read_rows(rows, result);
    // Freeing an unfinished result reads the rest of it, of which there may be no end.
    if (too_long) shut_down();
  }
  if (too_long) {
    close();
    return NativeError{.code = kMalformedPacket, .sqlstate = "HY000", .text = "the result is too long"};
  }
  if (mysql_errno(mysql) != 0) return fail();
  while (mysql_more_results(mysql)) {
    if (mysql_next_result(mysql) != 0) return fail();
    if (MYSQL_RES* more = mysql_use_result(mysql); more != nullptr) mysql_free_result(more);
  }
  return result;
}

void NativeClient::close() {
  keep_socket(-1);
  handle_.reset();
}

void NativeClient::interrupt() {
  {
    const std::lock_guard lock(mutex_);
    interrupted_ = true;
  }
  shut_down();
}

std::string NativeClient::server_version() const {
  constexpr std::string_view kReplicationPrefix = "5.5.5-";  // MariaDB 10 hides behind it from old replicas
  std::string_view version = handle_ ? mysql_get_server_info(handle_->mysql) : "";
  if (version.starts_with(kReplicationPrefix)) version.remove_prefix(kReplicationPrefix.size());
  return std::string(version);
}

uint32_t NativeClient::server_version_number() const {
  return handle_ ? static_cast<uint32_t>(mysql_get_server_version(handle_->mysql)) : 0;
}

protocol::CapabilityFlags NativeClient::server_capabilities() const {
  if (!handle_) return 0;
  protocol::CapabilityFlags flags = handle_->mysql->server_capabilities & 0xffffffffu;
#if defined(LIBMARIADB)
  // The documents say int, the library writes a long: zeroed, it is right for both.
  unsigned long extended = 0;
  mariadb_get_infov(handle_->mysql, MARIADB_CONNECTION_EXTENDED_SERVER_CAPABILITIES, &extended);
  flags |= protocol::CapabilityFlags{extended} << 32;
#endif
  return flags;
}

uint8_t NativeClient::server_collation() const {
  return handle_ ? static_cast<uint8_t>(handle_->mysql->server_language) : uint8_t{0};
}

uint64_t NativeClient::thread_id() const {
  return handle_ ? mysql_thread_id(handle_->mysql) : 0;
}

bool NativeClient::uses_tls() const {
  return handle_ && mysql_get_ssl_cipher(handle_->mysql) != nullptr;
}

}  // namespace causeway::proxy
