#include "clients/cpp/connect.hpp"

#include "clients/cpp/as_values.hpp"

#include <boost/asio/connect.hpp>
#include <boost/asio/this_coro.hpp>

namespace client {

namespace asio = boost::asio;
using asio::ip::tcp;

asio::awaitable<Result<EncryptedStream>> connect(std::string host, std::string port, const noise::Curve& curve,
                                                 noise::XOnlyKey authority) {
    const auto executor = co_await asio::this_coro::executor;

    tcp::resolver resolver{executor};
    const auto [unresolved, endpoints] = co_await resolver.async_resolve(host, port, as_values);
    if (unresolved) co_return std::unexpected(StreamError{unresolved});

    tcp::socket socket{executor};
    const auto [unreachable, endpoint] = co_await asio::async_connect(socket, endpoints, as_values);
    if (unreachable) co_return std::unexpected(StreamError{unreachable});

    boost::system::error_code ignored; // without it the connection is only slower
    socket.set_option(tcp::no_delay{true}, ignored);
    co_return co_await EncryptedStream::initiate(std::move(socket), curve, authority);
}

} // namespace client
