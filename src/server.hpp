// Accepts connections, keeps them, and tells them what concerns them all: a stop, a stalled store, a stream that
// another session has taken over. Runs on one io_context with one thread; all its members belong to that thread.
#pragma once

#include "src/commit_queue.hpp"
#include "src/connection.hpp"
#include "src/credentials_keeper.hpp"
#include "src/log_budget.hpp"
#include "src/window_budget.hpp"
#include "storage/store.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <spdlog/logger.h>

#include <chrono>
#include <exception>
#include <list>
#include <map>
#include <memory>

namespace role {

class Server {
  public:
    // All references must outlive the server; `queue` writes to `store`. `handshakes`: where they are computed, a tenth
    // of a millisecond each; it takes no more once `io` has gone.
    Server(boost::asio::io_context& io, boost::asio::any_io_executor handshakes, const noise::Curve& curve,
           CredentialsKeeper credentials, const ClientTable& clients, storage::Store& store, CommitQueue& queue,
           TrustedClock& clock, const ServerLimits& limits, std::shared_ptr<spdlog::logger> log);
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;
    ~Server();

    // Opens the port; returns the address that is listened on, with the port that 0 was turned into.
    // Throws std::runtime_error, with the address, if that cannot be had.
    boost::asio::ip::tcp::endpoint listen(const boost::asio::ip::tcp::endpoint& endpoint);

    // Serves until stop(), and returns when the last connection has ended.
    boost::asio::awaitable<void> run();

    // After run(): no question is asked of the store any more.
    void finish();

    // Takes no more connections. Those that stand get their acknowledgments, are told to reconnect, and are closed.
    void stop();

  private:
    using Connections = std::list<std::shared_ptr<Connection>>;

    boost::asio::awaitable<void> watch();
    void look_for_damage();
    void start(boost::asio::ip::tcp::socket socket);
    void on_attached(Connection& connection);
    void on_open(Connection& connection);
    void on_unread(const Connection& connection, const Connection::Unread& unread);
    void on_ended(Connections::iterator connection, const Connection::Ending& ending);
    void log_ending(const Connection& connection, const Connection::Ending& ending);

    // For lines that a peer can cause.
    template <class... Args>
    void log_peer(spdlog::level::level_enum level, fmt::format_string<Args...> format, Args&&... args);

    boost::asio::io_context& io_;
    CredentialsKeeper credentials_;
    ServerLimits limits_;
    CommitQueue& queue_;
    std::shared_ptr<spdlog::logger> log_;
    LogBudget peer_lines_{100, std::chrono::minutes{1}};
    WindowBudget windows_;
    boost::asio::thread_pool readers_{2};
    Connection::House house_; // refers to the members above

    boost::asio::ip::tcp::acceptor acceptor_;
    Connections connections_;
    std::map<storage::StreamName, Connection*> writers_; // whose epoch is the highest
    boost::asio::steady_timer connection_ended_;         // never expires: cancelled to wake run()
    boost::asio::steady_timer watch_;
    bool is_stopping_ = false;
    bool is_damage_told_ = false;
};

} // namespace role
