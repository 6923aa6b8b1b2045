// A connection's byte stream: TCP or Unix socket, plain or TLS, compressed or not.
#pragma once

#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "protocol/byte_reader.h"
#include "proxy/config/config.h"
#include "proxy/net/compression.h"
#include "proxy/net/io.h"

namespace causeway::proxy {

// The compressed protocol is underneath what is read and written here, and TLS underneath that.
// Used by its worker's thread only. Every operation has at most one waiter; cancel() makes them all end with
// operation_aborted. Timeouts are the caller's: a watchdog calls cancel().
class MysqlStream {
 public:
  // Takes over a connected socket; makes it non-blocking and switches Nagle's algorithm off.
  explicit MysqlStream(Socket socket);

  // Reads at least one byte. 0 with an error at the end of the stream (asio::error::eof) or on failure.
  Awaitable<size_t> read_some(std::span<uint8_t> buffer, ErrorCode& error);

  // Writes everything: the first bytes, then the second. Tries at once and suspends only when the peer does
  // not take it all.
  Awaitable<void> write_all(protocol::Bytes first, protocol::Bytes second, ErrorCode& error);

  // Writes as much as goes without waiting; returns the number of bytes. Plain connections only (0 under
  // TLS or compression).
  size_t write_now(protocol::Bytes first, protocol::Bytes second, ErrorCode& error);

  // Handshakes. The context outlives the stream (shared).
  Awaitable<void> start_tls_as_server(std::shared_ptr<asio::ssl::context> context, ErrorCode& error);
  Awaitable<void> start_tls_as_client(std::shared_ptr<asio::ssl::context> context, TlsMode mode,
                                      const std::string& host, ErrorCode& error);

  bool is_tls() const { return tls_ != nullptr; }
  // Null without TLS; lives as long as the stream.
  SSL* native_tls() { return tls_ ? tls_->native_handle() : nullptr; }

  // From now on both sides compress. Sequence ids of the compressed packets begin with 0 at every command of
  // the client: begin_command() says that the next one is awaited.
  void start_compression(CompressionAlgorithm algorithm, int level);
  void begin_command();
  bool is_compressed() const { return compression_ != nullptr; }

  // From now on, until begin_command(), both sides send on their own (as in a stream of the binary log), and
  // count their compressed packets apart: what is read begins with 0, here and behind every begin_message();
  // what is written goes on, and with this one behind count_anew(). Nothing of it means anything without
  // compression.
  void count_apart();
  void begin_message();
  void count_anew(uint8_t sequence_id);

  // Whether the peer has closed, or has sent something unasked: for a connection that should be silent. Does
  // not wait.
  bool is_quiet();

  // Whether the peer has closed its side. Does not wait, and leaves what was sent before where it is.
  bool has_ended();

  void cancel();
  // Sends a last message, if that goes without waiting, and closes. Nothing may be under way.
  void close_after(protocol::Bytes last);
  void close();
  bool is_open() const { return socket_.is_open(); }
  Socket& socket() { return socket_; }

 private:
  using TlsStream = asio::ssl::stream<Socket&>;

  struct Compression {
    Compression(CompressionAlgorithm algorithm, int level)
        : compressor(algorithm, level), decompressor(algorithm) {}

    Compressor compressor;
    Decompressor decompressor;
    uint8_t sequence_id = 0;  // of the next compressed packet, whoever sends it
    // ... but for what is read while both sides count apart.
    std::optional<uint8_t> read_sequence_id;
    protocol::Buffer received;  // as it came, from `taken` on not yet looked at
    size_t taken = 0;
    protocol::Buffer content;  // for a moment
  };

  Awaitable<size_t> read_wire(std::span<uint8_t> buffer, ErrorCode& error);
  size_t write_wire_now(protocol::Bytes first, protocol::Bytes second, ErrorCode& error);
  Awaitable<void> write_wire(protocol::Bytes first, protocol::Bytes second, ErrorCode& error);
  Awaitable<size_t> read_compressed(std::span<uint8_t> buffer, ErrorCode& error);
  Awaitable<void> write_compressed(protocol::Bytes first, protocol::Bytes second, ErrorCode& error);

  std::unique_ptr<Compression> compression_;
  Socket socket_;
  std::shared_ptr<asio::ssl::context> tls_context_;
  std::unique_ptr<TlsStream> tls_;
};

}  // namespace causeway::proxy
