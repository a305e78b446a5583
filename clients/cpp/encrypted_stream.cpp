#include "clients/cpp/encrypted_stream.hpp"

#include "clients/cpp/as_values.hpp"
#include "clients/cpp/randomness.hpp"
#include "clients/cpp/within.hpp"

#include <boost/asio/async_result.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/write.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <expected>
#include <future>
#include <span>
#include <utility>

namespace client {

namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

constexpr std::size_t receive_buffer_size = 8192;

const StreamError cancelled{boost::system::error_code{asio::error::operation_aborted}};

// A cancellation that comes when one operation has just ended does not reach the next one: it has to be asked for
// before whatever may wait for ever.
asio::awaitable<bool> is_cancelled() {
    co_return (co_await asio::this_coro::cancellation_state).cancelled() != asio::cancellation_type::none;
}

asio::awaitable<Result<void>> read(tcp::socket& socket, std::span<std::uint8_t> bytes) {
    if (co_await is_cancelled()) co_return std::unexpected(cancelled);
    const auto [error, size] = co_await asio::async_read(socket, asio::buffer(bytes.data(), bytes.size()), as_values);
    if (error) co_return std::unexpected(StreamError{error});
    co_return Result<void>{};
}

asio::awaitable<Result<void>> write(tcp::socket& socket, std::span<const std::uint8_t> bytes) {
    const auto [error, size] = co_await asio::async_write(socket, asio::buffer(bytes.data(), bytes.size()), as_values);
    if (error) co_return std::unexpected(StreamError{error});
    co_return Result<void>{};
}

asio::awaitable<Result<void>> read_to_end(tcp::socket& socket) {
    std::array<std::uint8_t, 4096> dropped;
    Result<void> more;
    while (more) {
        const auto [error, size] = co_await socket.async_read_some(asio::buffer(dropped), as_values);
        if (error) more = std::unexpected(StreamError{error});
    }
    co_return more;
}

using Computation = std::packaged_task<std::expected<noise::Response, noise::NoiseError>()>;

// Done there; the coroutine goes on where it was.
asio::awaitable<void> compute(asio::any_io_executor there, Computation computation) {
    return asio::async_initiate<decltype(asio::use_awaitable), void()>(
        [](auto resume, asio::any_io_executor executor, Computation task) {
            asio::post(executor, [resume = std::move(resume), task = std::move(task)]() mutable {
                task();
                asio::post(std::move(resume));
            });
        },
        asio::use_awaitable, std::move(there), std::move(computation));
}

} // namespace

asio::awaitable<Result<EncryptedStream>> EncryptedStream::accept(tcp::socket socket, const noise::Curve& curve,
                                                                 CredentialsSource credentials,
                                                                 asio::any_io_executor computing) {
    noise::Act1 act1;
    if (auto received = co_await read(socket, act1); !received) co_return std::unexpected(received.error());
    Computation computation{
        [&curve, shown = credentials(), act1] { return noise::respond(curve, *shown, act1, make_key_pair(curve)); }};
    auto computed = computation.get_future();
    co_await compute(std::move(computing), std::move(computation));
    if (co_await is_cancelled()) co_return std::unexpected(cancelled);
    auto response = computed.get();
    if (!response) co_return std::unexpected(StreamError{response.error()});
    if (auto sent = co_await write(socket, response->act2); !sent) co_return std::unexpected(sent.error());
    co_return EncryptedStream{std::move(socket), std::move(response->transport)};
}

asio::awaitable<Result<EncryptedStream>> EncryptedStream::initiate(tcp::socket socket, const noise::Curve& curve,
                                                                   noise::XOnlyKey authority) {
    noise::Initiator initiator{curve, make_key_pair(curve), authority};
    if (auto sent = co_await write(socket, initiator.act1()); !sent) co_return std::unexpected(sent.error());
    noise::Act2 act2;
    if (auto received = co_await read(socket, act2); !received) co_return std::unexpected(received.error());
    const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
    auto finished = std::move(initiator).finish(act2, now);
    if (!finished) co_return std::unexpected(StreamError{finished.error()});
    co_return EncryptedStream{std::move(socket), std::move(finished->transport)};
}

asio::awaitable<Result<protocol::Frame>> EncryptedStream::read_frame(std::size_t max_payload) {
    if (read_failure_) co_return std::unexpected(*read_failure_);
    read_failure_ = cancelled; // what holds if this coroutine does not come to its end
    auto frame = co_await read_next(max_payload);
    read_failure_.reset();
    if (!frame) read_failure_ = frame.error();
    co_return frame;
}

asio::awaitable<Result<protocol::Frame>> EncryptedStream::read_next(std::size_t max_payload) {
    std::array<std::uint8_t, noise::encrypted_header_size> sealed;
    if (auto received = co_await receive(sealed); !received) co_return std::unexpected(received.error());
    const auto header = transport_.receive.open_header(sealed);
    if (!header) co_return std::unexpected(StreamError{header.error()});

    protocol::Frame frame{.header = protocol::decode_header(*header), .payload = {}};
    if (frame.header.payload_size > max_payload) co_return std::unexpected(StreamError{FrameTooLarge{frame.header}});
    if (frame.header.payload_size == 0) co_return frame;

    frame.payload.resize(noise::encrypted_payload_size(frame.header.payload_size));
    if (auto received = co_await receive(frame.payload); !received) co_return std::unexpected(received.error());
    if (const auto opened = transport_.receive.open_payload(frame.payload); !opened)
        co_return std::unexpected(StreamError{opened.error()});
    frame.payload.resize(frame.header.payload_size);
    co_return frame;
}

asio::awaitable<Result<void>> EncryptedStream::receive(std::span<std::uint8_t> bytes) {
    for (;;) {
        const auto ready = std::min(bytes.size(), received_.size() - used_);
        std::copy_n(received_.begin() + static_cast<std::ptrdiff_t>(used_), ready, bytes.begin());
        used_ += ready;
        bytes = bytes.subspan(ready);
        if (bytes.empty()) co_return Result<void>{};
        if (bytes.size() >= receive_buffer_size) co_return co_await read(socket_, bytes);
        if (co_await is_cancelled()) co_return std::unexpected(cancelled);
        received_.resize(receive_buffer_size);
        used_ = 0;
        const auto [error, size] = co_await socket_.async_read_some(asio::buffer(received_), as_values);
        received_.resize(size);
        if (error) co_return std::unexpected(StreamError{error});
    }
}

asio::awaitable<Result<void>> EncryptedStream::write_frame(protocol::Bytes frame) {
    if (write_failure_) co_return std::unexpected(*write_failure_);
    if (const auto sealed = transport_.send.seal(frame); !sealed) {
        write_failure_ = StreamError{sealed.error()};
        co_return std::unexpected(*write_failure_);
    }
    write_failure_ = cancelled; // as in read_frame
    auto sent = co_await write(socket_, frame);
    write_failure_.reset();
    if (!sent) write_failure_ = sent.error();
    co_return sent;
}

void EncryptedStream::abort() {
    boost::system::error_code ignored;
    socket_.close(ignored);
}

asio::awaitable<void> EncryptedStream::close(std::chrono::milliseconds patience) {
    boost::system::error_code ignored;
    socket_.shutdown(tcp::socket::shutdown_send, ignored);
    co_await within(patience, read_to_end(socket_));
    socket_.close(ignored);
}

} // namespace client
