// Accepts connections and serves each with one coroutine: handshake, then frames through a Session until one side ends.
// Runs on one io_context with one thread; all its members belong to that thread.
#pragma once

#include "clients/cpp/encrypted_stream.hpp"
#include "src/credentials_keeper.hpp"
#include "src/log_budget.hpp"
#include "src/session.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <spdlog/logger.h>

#include <chrono>
#include <cstddef>
#include <exception>
#include <list>
#include <memory>
#include <optional>
#include <string>

namespace role {

// ADDR:PORT, an IPv6 address in brackets.
std::string to_text(const boost::asio::ip::tcp::endpoint& endpoint);

struct ServerLimits {
    std::size_t connections = 1024;
    std::chrono::milliseconds negotiation{5'000}; // from accept to the end of negotiation, in all
    std::chrono::milliseconds idle{120'000};      // between two frames after that
    std::chrono::milliseconds write{30'000};      // for one frame, once the peer's window is full
    std::chrono::milliseconds farewell{1'000};    // for a last message to arrive before the connection is torn down
};

class Server {
  public:
    // `curve` and `io` must outlive the server.
    Server(boost::asio::io_context& io, const noise::Curve& curve, CredentialsKeeper credentials,
           const ServerLimits& limits, std::shared_ptr<spdlog::logger> log);

    // Opens the port; returns the address that is listened on, with the port that 0 was turned into.
    // Throws std::runtime_error, with the address, if that cannot be had.
    boost::asio::ip::tcp::endpoint listen(const boost::asio::ip::tcp::endpoint& endpoint);

    // Serves until stop(), and returns when the last session has ended.
    boost::asio::awaitable<void> run();

    // Takes no more connections; sessions are told to reconnect, and closed.
    void stop();

  private:
    boost::asio::awaitable<void> serve(boost::asio::ip::tcp::socket socket);
    boost::asio::awaitable<client::Result<std::optional<Refusal>>>
    set_up(boost::asio::ip::tcp::socket socket, std::optional<client::EncryptedStream>& stream, Session& session);
    boost::asio::awaitable<client::Result<std::optional<Refusal>>> exchange(client::EncryptedStream& stream,
                                                                            Session& session);
    boost::asio::awaitable<void> say_reconnect(client::EncryptedStream& stream);

    void start_session(boost::asio::ip::tcp::socket socket);
    void on_session_ended(std::list<boost::asio::cancellation_signal>::iterator session, std::exception_ptr failure);

    // For lines that a peer can cause.
    template <class... Args> void log_peer(fmt::format_string<Args...> format, Args&&... args);

    boost::asio::io_context& io_;
    const noise::Curve& curve_;
    CredentialsKeeper credentials_;
    ServerLimits limits_;
    std::shared_ptr<spdlog::logger> log_;
    LogBudget peer_lines_{100, std::chrono::minutes{1}};

    boost::asio::ip::tcp::acceptor acceptor_;
    std::list<boost::asio::cancellation_signal> sessions_;
    boost::asio::steady_timer session_ended_; // never expires: cancelled to wake run()
    bool stopping_ = false;
};

} // namespace role
