// The few Asio types that the data path is made of, with the concrete executor of a worker (no type erasure
// per operation).
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/error_code.hpp>

#include "proxy/base/clock.h"

namespace causeway::proxy {

namespace asio = boost::asio;

using Executor = asio::io_context::executor_type;

template <class T>
using Awaitable = asio::awaitable<T, Executor>;

// TCP or Unix alike.
using Socket = asio::basic_stream_socket<asio::generic::stream_protocol, Executor>;

using ErrorCode = boost::system::error_code;

// Completion token: suspend the coroutine, put the error into `error` rather than throw it.
inline auto await_into(ErrorCode& error) {
  return asio::redirect_error(asio::use_awaitable_t<Executor>{}, error);
}

}  // namespace causeway::proxy
