// A limit in time for an operation on a stream.
#pragma once

#include "clients/cpp/stream_error.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <chrono>
#include <utility>

namespace client {

// The result of `work`, or error::timed_out if it took longer than `limit`; it has then been cancelled and has ended.
// `work` reports its errors as values: Asio's operators wait for the first success, which an exception is not.
template <class T>
boost::asio::awaitable<Result<T>> within(std::chrono::milliseconds limit, boost::asio::awaitable<Result<T>> work) {
    using namespace boost::asio::experimental::awaitable_operators;
    boost::asio::steady_timer timer{co_await boost::asio::this_coro::executor, limit};
    auto first = co_await (std::move(work) || timer.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable)));
    if (first.index() == 0) co_return std::get<0>(std::move(first));
    const auto [cancelled] = std::get<1>(first); // by whoever cancelled us: a stop, not a time-out
    co_return std::unexpected(StreamError{cancelled ? cancelled : boost::asio::error::timed_out});
}

} // namespace client
