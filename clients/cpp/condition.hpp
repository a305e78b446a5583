// Lets coroutines of one executor wait for each other. Not for several threads.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <utility>

namespace client {

class Condition {
  public:
    explicit Condition(boost::asio::any_io_executor executor)
        : timer_{std::move(executor), boost::asio::steady_timer::time_point::max()} {}

    // Until notify(); one that came before is forgotten. False if the waiting coroutine was cancelled instead.
    boost::asio::awaitable<bool> wait() {
        co_await timer_.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
        const auto state = co_await boost::asio::this_coro::cancellation_state;
        co_return state.cancelled() == boost::asio::cancellation_type::none;
    }

    void notify() { timer_.cancel(); } // all who wait

  private:
    boost::asio::steady_timer timer_; // never expires
};

} // namespace client
