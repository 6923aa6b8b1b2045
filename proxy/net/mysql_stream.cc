#include "proxy/net/mysql_stream.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/write.hpp>
#include <cstddef>
#include <cstring>
#include <utility>

#include "proxy/net/tls_context.h"

namespace causeway::proxy {
namespace {

// Of the compressed wire.
constexpr size_t kReadAtOnce = size_t{16} << 10;

}  // namespace

MysqlStream::MysqlStream(Socket socket) : socket_(std::move(socket)) {
  ErrorCode ignored;
  socket_.non_blocking(true, ignored);
  if (!socket_.is_open()) return;
  // On a Unix socket there is no such option: the failure means nothing.
  const int on = 1;
  ::setsockopt(socket_.native_handle(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  ::setsockopt(socket_.native_handle(), SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
}

Awaitable<size_t> MysqlStream::read_some(std::span<uint8_t> buffer, ErrorCode& error) {
  return compression_ ? read_compressed(buffer, error) : read_wire(buffer, error);
}

Awaitable<size_t> MysqlStream::read_wire(std::span<uint8_t> buffer, ErrorCode& error) {
  const asio::mutable_buffer target(buffer.data(), buffer.size());
  if (tls_) return tls_->async_read_some(target, await_into(error));
  return socket_.async_read_some(target, await_into(error));
}

size_t MysqlStream::write_now(protocol::Bytes first, protocol::Bytes second, ErrorCode& error) {
  if (tls_ || compression_) return 0;
  return write_wire_now(first, second, error);
}

size_t MysqlStream::write_wire_now(protocol::Bytes first, protocol::Bytes second, ErrorCode& error) {
  if (first.empty()) std::swap(first, second);
  size_t written = 0;
  if (second.empty()) {
    written = socket_.write_some(asio::const_buffer(first.data(), first.size()), error);
  } else {
    const std::array<asio::const_buffer, 2> buffers = {asio::const_buffer(first.data(), first.size()),
                                                       asio::const_buffer(second.data(), second.size())};
    written = socket_.write_some(buffers, error);
  }
  if (error == asio::error::would_block) error.clear();
  return written;
}

Awaitable<void> MysqlStream::write_all(protocol::Bytes first, protocol::Bytes second, ErrorCode& error) {
  return compression_ ? write_compressed(first, second, error) : write_wire(first, second, error);
}

void MysqlStream::start_compression(CompressionAlgorithm algorithm, int level) {
  compression_ = std::make_unique<Compression>(algorithm, level);
}

// An idle connection holds no codec's memory.
void MysqlStream::begin_command() {
  if (!compression_) return;
  compression_->sequence_id = 0;
  compression_->read_sequence_id.reset();
  compression_->compressor.release();
  compression_->decompressor.release();
  if (compression_->taken == compression_->received.size()) {
    compression_->received = protocol::Buffer();
    compression_->taken = 0;
  }
}

void MysqlStream::count_apart() {
  if (compression_) compression_->read_sequence_id = 0;
}

void MysqlStream::begin_message() {
  if (compression_ && compression_->read_sequence_id) compression_->read_sequence_id = 0;
}

void MysqlStream::count_anew(uint8_t sequence_id) {
  if (compression_) compression_->sequence_id = sequence_id;
}

Awaitable<size_t> MysqlStream::read_compressed(std::span<uint8_t> buffer, ErrorCode& error) {
  Compression& compression = *compression_;
  const bool apart = compression.read_sequence_id.has_value();
  uint8_t& sequence_id = apart ? *compression.read_sequence_id : compression.sequence_id;
  for (;;) {
    if (compression.decompressor.at_packet_end()) compression.decompressor.set_next_sequence_id(sequence_id);
    const protocol::Bytes wire = protocol::Bytes(compression.received).subspan(compression.taken);
    compression.content.clear();
    const auto taken = compression.decompressor.decompress(compression.content, wire, buffer.size());
    if (!taken) {
      error = taken.error();
      co_return 0;
    }
    compression.taken += *taken;
    sequence_id = compression.decompressor.next_sequence_id();
    if (!compression.content.empty()) {
      std::memcpy(buffer.data(), compression.content.data(), compression.content.size());
      co_return compression.content.size();
    }
    if (*taken > 0) continue;
    if (compression.taken > 0) {
      compression.received.erase(
          compression.received.begin(),
          compression.received.begin() + static_cast<std::ptrdiff_t>(compression.taken));
      compression.taken = 0;
    }
    const size_t before = compression.received.size();
    compression.received.resize(before + kReadAtOnce);
    const std::span<uint8_t> room = std::span(compression.received).subspan(before);
    const size_t got = co_await read_wire(room, error);
    compression.received.resize(before + got);
    if (got == 0) co_return 0;
  }
}

Awaitable<void> MysqlStream::write_compressed(protocol::Bytes first, protocol::Bytes second,
                                              ErrorCode& error) {
  Compression& compression = *compression_;
  protocol::Buffer wire;
  for (const protocol::Bytes part : {first, second})
    compression.sequence_id = compression.compressor.compress(wire, part, compression.sequence_id);
  co_await write_wire(wire, {}, error);
}

Awaitable<void> MysqlStream::write_wire(protocol::Bytes first, protocol::Bytes second, ErrorCode& error) {
  error.clear();
  if (tls_) {
    const std::array<asio::const_buffer, 2> all = {asio::const_buffer(first.data(), first.size()),
                                                   asio::const_buffer(second.data(), second.size())};
    co_await asio::async_write(*tls_, all, await_into(error));
    co_return;
  }
  const size_t written = write_wire_now(first, second, error);
  if (error || written == first.size() + second.size()) co_return;
  if (written < first.size()) {
    first = first.subspan(written);
  } else {
    second = second.subspan(written - first.size());
    first = {};
  }
  const std::array<asio::const_buffer, 2> rest = {asio::const_buffer(first.data(), first.size()),
                                                  asio::const_buffer(second.data(), second.size())};
  co_await asio::async_write(socket_, rest, await_into(error));
}

Awaitable<void> MysqlStream::start_tls_as_server(std::shared_ptr<asio::ssl::context> context,
                                                 ErrorCode& error) {
  tls_context_ = std::move(context);
  tls_ = std::make_unique<TlsStream>(socket_, *tls_context_);
  co_await tls_->async_handshake(asio::ssl::stream_base::server, await_into(error));
}

Awaitable<void> MysqlStream::start_tls_as_client(std::shared_ptr<asio::ssl::context> context, TlsMode mode,
                                                 const std::string& host, ErrorCode& error) {
  tls_context_ = std::move(context);
  tls_ = std::make_unique<TlsStream>(socket_, *tls_context_);
  if (!prepare_server_tls(tls_->native_handle(), mode, host)) {
    error = asio::error::no_memory;
    co_return;
  }
  co_await tls_->async_handshake(asio::ssl::stream_base::client, await_into(error));
}

bool MysqlStream::is_quiet() {
  if (!socket_.is_open()) return false;
  uint8_t byte = 0;
  const ssize_t got = ::recv(socket_.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

bool MysqlStream::has_ended() {
  if (!socket_.is_open()) return true;
  // Reading would say nothing of the end behind a command that was sent ahead, such as COM_QUIT.
  pollfd state{.fd = socket_.native_handle(), .events = POLLRDHUP, .revents = 0};
  return ::poll(&state, 1, 0) > 0;
}

void MysqlStream::cancel() {
  ErrorCode ignored;
  socket_.cancel(ignored);
}

void MysqlStream::close_after(protocol::Bytes last) {
  ErrorCode ignored;
  if (socket_.is_open() && tls_) {
    tls_->write_some(asio::const_buffer(last.data(), last.size()), ignored);
  } else if (socket_.is_open()) {
    write_wire_now(last, {}, ignored);
  }
  close();
}

void MysqlStream::close() {
  ErrorCode ignored;
  socket_.close(ignored);
}

}  // namespace causeway::proxy
