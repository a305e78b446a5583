#include "src/server.hpp"

#include "clients/cpp/within.hpp"
#include "protocol/common_messages.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <iterator>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>

namespace role {

namespace asio = boost::asio;
using asio::ip::tcp;
using client::EncryptedStream;
using client::Result;
using client::StreamError;

namespace {

constexpr auto as_values = asio::as_tuple(asio::use_awaitable);

bool is_cancelled(const StreamError& error) {
    const auto* code = std::get_if<boost::system::error_code>(&error.cause);
    return code != nullptr && *code == asio::error::operation_aborted;
}

// The peer went away, which is its right.
bool is_disconnect(const StreamError& error) {
    const auto* code = std::get_if<boost::system::error_code>(&error.cause);
    return code != nullptr && *code != asio::error::timed_out;
}

std::string_view name_of(const std::optional<EncryptedStream>& stream, Phase phase) {
    if (!stream) return "handshake";
    return to_text(phase);
}

} // namespace

std::string to_text(const tcp::endpoint& endpoint) {
    std::ostringstream text;
    text << endpoint;
    return text.str();
}

Server::Server(asio::io_context& io, const noise::Curve& curve, CredentialsKeeper credentials,
               const ServerLimits& limits, std::shared_ptr<spdlog::logger> log)
    : io_{io},
      curve_{curve},
      credentials_{std::move(credentials)},
      limits_{limits},
      log_{std::move(log)},
      acceptor_{io},
      session_ended_{io, asio::steady_timer::time_point::max()} {}

tcp::endpoint Server::listen(const tcp::endpoint& endpoint) {
    try {
        acceptor_.open(endpoint.protocol());
        acceptor_.set_option(tcp::acceptor::reuse_address{true});
        acceptor_.bind(endpoint);
        acceptor_.listen();
        return acceptor_.local_endpoint();
    } catch (const boost::system::system_error& failure) {
        throw std::runtime_error{"cannot listen on " + to_text(endpoint) + ": " + failure.code().message()};
    }
}

asio::awaitable<void> Server::run() {
    while (!stopping_) {
        auto [error, socket] = co_await acceptor_.async_accept(as_values);
        if (stopping_) break;
        if (error) { // out of file descriptors, most likely: those who are connected go on, the rest waits
            log_peer("cannot accept a connection: {}", error.message());
            asio::steady_timer pause{io_, std::chrono::milliseconds{100}};
            co_await pause.async_wait(as_values);
            continue;
        }
        start_session(std::move(socket));
    }
    while (!sessions_.empty()) co_await session_ended_.async_wait(as_values);
}

void Server::stop() {
    stopping_ = true;
    boost::system::error_code ignored;
    acceptor_.close(ignored);
    for (auto& session : sessions_) session.emit(asio::cancellation_type::terminal);
}

void Server::start_session(tcp::socket socket) {
    boost::system::error_code ignored; // without it answers are only slower
    socket.set_option(tcp::no_delay{true}, ignored);
    if (sessions_.size() >= limits_.connections) {
        log_peer("{}: closed, all {} connections are in use", to_text(socket.remote_endpoint(ignored)),
                 limits_.connections);
        return;
    }
    sessions_.emplace_back();
    const auto session = std::prev(sessions_.end());
    asio::co_spawn(io_, serve(std::move(socket)),
                   asio::bind_cancellation_slot(session->slot(), [this, session](std::exception_ptr failure) {
                       // Not from within the signal's own handler.
                       asio::post(io_, [this, session, failure] { on_session_ended(session, failure); });
                   }));
}

void Server::on_session_ended(std::list<asio::cancellation_signal>::iterator session, std::exception_ptr failure) {
    sessions_.erase(session);
    session_ended_.cancel();
    if (failure) std::rethrow_exception(failure);
}

asio::awaitable<void> Server::serve(tcp::socket socket) {
    co_await asio::this_coro::throw_if_cancelled(false); // a stop is a value too
    boost::system::error_code ignored;
    const std::string peer = to_text(socket.remote_endpoint(ignored));
    log_->debug("{}: connected", peer);

    Session session;
    std::optional<EncryptedStream> stream;
    // A cancellation that finds nothing to cancel leaves no trace: each round looks at stopping_ itself.
    auto ended = co_await client::within(limits_.negotiation, set_up(std::move(socket), stream, session));
    if (ended && !*ended) log_->debug("{}: the storage extension is negotiated", peer);
    while (ended && !*ended && !stopping_) ended = co_await client::within(limits_.idle, exchange(*stream, session));

    const bool is_stopped = stopping_ && (ended ? !ended->has_value() : is_cancelled(ended.error()));
    if (is_stopped) {
        log_->debug("{}: closed, the role is stopping", peer);
    } else if (ended) {
        const Refusal& refusal = **ended;
        log_peer("{}: refused in phase {}: {}: {}", peer, to_text(session.phase()), refusal.code, refusal.detail);
    } else if (is_disconnect(ended.error())) {
        log_->debug("{}: disconnected in phase {}: {}", peer, name_of(stream, session.phase()),
                    ended.error().describe());
    } else {
        log_peer("{}: closed in phase {}: {}", peer, name_of(stream, session.phase()), ended.error().describe());
    }
    if (!stream) co_return;

    co_await asio::this_coro::reset_cancellation_state(asio::enable_terminal_cancellation());
    if (is_stopped) co_await say_reconnect(*stream);
    co_await stream->close(limits_.farewell);
}

asio::awaitable<Result<std::optional<Refusal>>>
Server::set_up(tcp::socket socket, std::optional<EncryptedStream>& stream, Session& session) {
    const client::CredentialsSource credentials = [this] {
        return credentials_.current(std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now()));
    };
    auto accepted = co_await EncryptedStream::accept(std::move(socket), curve_, credentials);
    if (!accepted) co_return std::unexpected(accepted.error());
    stream.emplace(*std::move(accepted));

    Result<std::optional<Refusal>> refusal;
    while (session.phase() != Phase::open && refusal && !*refusal) refusal = co_await exchange(*stream, session);
    co_return refusal;
}

asio::awaitable<Result<std::optional<Refusal>>> Server::exchange(EncryptedStream& stream, Session& session) {
    auto frame = co_await stream.read_frame(session.max_payload());
    Step step;
    if (frame) {
        step = session.on_frame(*frame);
    } else if (const auto* oversized = std::get_if<client::FrameTooLarge>(&frame.error().cause)) {
        step = session.on_oversized(oversized->header);
    } else {
        co_return std::unexpected(frame.error());
    }
    if (auto sent = co_await client::within(limits_.write, stream.write_frame(std::move(step.reply))); !sent)
        co_return std::unexpected(sent.error());
    co_return std::move(step.refusal);
}

asio::awaitable<void> Server::say_reconnect(EncryptedStream& stream) {
    auto reconnect = protocol::encode_frame(protocol::Reconnect{}).value(); // to the same host and port
    co_await client::within(limits_.farewell, stream.write_frame(std::move(reconnect)));
}

template <class... Args> void Server::log_peer(fmt::format_string<Args...> format, Args&&... args) {
    const auto left_out = peer_lines_.take(LogBudget::Clock::now());
    if (!left_out) return;
    if (*left_out > 0) log_->warn("{} lines about peers were left out", *left_out);
    log_->warn(format, std::forward<Args>(args)...);
}

} // namespace role
