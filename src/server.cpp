#include "src/server.hpp"

#include "clients/cpp/as_values.hpp"
#include "protocol/error_codes.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>

#include <iterator>
#include <stdexcept>
#include <string>
#include <utility>

namespace role {

namespace asio = boost::asio;
using asio::ip::tcp;
using client::as_values;

namespace {

// The peer went away, which is its right.
bool is_disconnect(const client::StreamError& error) {
    const auto* code = std::get_if<boost::system::error_code>(&error.cause);
    return code != nullptr && *code != asio::error::timed_out;
}

} // namespace

Server::Server(asio::io_context& io, asio::any_io_executor handshakes, const noise::Curve& curve,
               CredentialsKeeper credentials, const ClientTable& clients, storage::Store& store, CommitQueue& queue,
               TrustedClock& clock, const ServerLimits& limits, std::shared_ptr<spdlog::logger> log)
    : io_{io},
      credentials_{std::move(credentials)},
      limits_{limits},
      queue_{queue},
      log_{std::move(log)},
      windows_{limits.in_flight},
      house_{.io = io,
             .handshakes = std::move(handshakes),
             .curve = curve,
             .credentials = credentials_,
             .clients = clients,
             .store = store,
             .queue = queue,
             .readers = readers_,
             .windows = windows_,
             .limits = limits_,
             .clock = clock},
      acceptor_{io},
      connection_ended_{io, asio::steady_timer::time_point::max()},
      watch_{io} {}

Server::~Server() {
    readers_.stop();
    readers_.join(); // after finish() there is nobody to wait for
}

void Server::finish() {
    readers_.stop();
    house_.store.interrupt();
    readers_.join();
}

tcp::endpoint Server::listen(const tcp::endpoint& endpoint) {
    try {
        acceptor_.open(endpoint.protocol());
        acceptor_.set_option(tcp::acceptor::reuse_address{true});
        acceptor_.bind(endpoint);
        acceptor_.listen();
        return acceptor_.local_endpoint();
    } catch (const boost::system::system_error& failure) {
        // Where this is the own number of a connection that somebody made, nobody listens, and yet it is not free.
        const bool is_taken = failure.code() == asio::error::address_in_use;
        throw std::runtime_error{
            "cannot listen on " + to_text(endpoint) + ": " + failure.code().message() +
            (is_taken ? "; another program listens there, or has or had a connection from there within the last minute"
                      : "")};
    }
}

asio::awaitable<void> Server::run() {
    asio::co_spawn(io_, watch(), [](std::exception_ptr failure) {
        if (failure) std::rethrow_exception(failure);
    });
    while (!is_stopping_) {
        auto [error, socket] = co_await acceptor_.async_accept(as_values);
        if (is_stopping_) break;
        if (error) { // out of file descriptors, most likely: those who are connected go on, the rest waits
            log_peer(spdlog::level::warn, "cannot accept a connection: {}", error.message());
            asio::steady_timer pause{io_, std::chrono::milliseconds{100}};
            co_await pause.async_wait(as_values);
            continue;
        }
        start(std::move(socket));
    }
    while (!connections_.empty()) co_await connection_ended_.async_wait(as_values);
    watch_.cancel();
}

// What no coroutine of a connection sees by itself: that nothing happens.
asio::awaitable<void> Server::watch() {
    StoreState told;
    while (!is_stopping_ || !connections_.empty()) {
        watch_.expires_after(limits_.watch);
        co_await watch_.async_wait(as_values);
        house_.clock.look(read_clocks()); // so often that small corrections do not add up to a jump
        const auto now = Connection::Clock::now();
        const StoreState state = queue_.state();
        // In the middle of a call; of one that has failed the queue tells.
        const bool is_slow = state.kind == StoreState::Kind::slow;
        const bool was_slow = told.kind == StoreState::Kind::slow;
        const bool is_news = state.is_available() != told.is_available();
        if (is_slow && !was_slow) log_->warn("nothing is acknowledged meanwhile: {}", state.detail);
        if (!is_slow && was_slow) log_->info("the store has answered");
        told = state;
        look_for_damage();
        for (const auto& connection : connections_) {
            connection->check_limits(now);
            if (is_news) connection->tell(state);
        }
    }
}

// The first of it, whoever met it: that there is any is what the operator has to know.
void Server::look_for_damage() {
    if (is_damage_told_) return;
    const std::string damage = house_.store.health().damage;
    if (damage.empty()) return;
    is_damage_told_ = true;
    log_->error("what is stored is damaged: {}. It is not given out, and the removing of what is old stops at it; new "
                "records are stored. README.md says more, under \"Limits of today\"",
                damage);
}

void Server::stop() {
    is_stopping_ = true;
    boost::system::error_code ignored;
    acceptor_.close(ignored);
    for (const auto& connection : connections_) connection->stop();
}

void Server::start(tcp::socket socket) {
    boost::system::error_code ignored; // without it answers are only slower
    socket.set_option(tcp::no_delay{true}, ignored);
    if (connections_.size() >= limits_.connections) {
        log_peer(spdlog::level::warn, "{}: closed, all {} connections are in use",
                 to_text(socket.remote_endpoint(ignored)), limits_.connections);
        return;
    }
    connections_.push_back(std::make_shared<Connection>(
        house_, std::move(socket),
        Connection::Handlers{
            .on_attached = [this](Connection& attached) { on_attached(attached); },
            .on_open = [this](Connection& opened) { on_open(opened); },
            .on_unread = [this](Connection& sender, const Connection::Unread& unread) { on_unread(sender, unread); }}));
    const auto connection = std::prev(connections_.end());
    log_->debug("{}: connected", (*connection)->peer());
    asio::co_spawn(io_, (*connection)->run(),
                   asio::bind_cancellation_slot((*connection)->slot(), [this, connection](std::exception_ptr failure,
                                                                                          Connection::Ending ending) {
                       if (failure) std::rethrow_exception(failure);
                       // Not from within the signal's own handler.
                       asio::post(io_, [this, connection, ending] { on_ended(connection, ending); });
                   }));
}

// Also if it is not let in afterwards: its epoch is the stream's.
void Server::on_attached(Connection& connection) {
    auto& writer = writers_[*connection.stream_name()];
    if (writer != nullptr && writer->epoch() > connection.epoch()) return;
    if (writer != nullptr) writer->fence();
    writer = &connection;
}

void Server::on_open(Connection& connection) {
    const auto& stream = connection.stream_name();
    if (!stream) {
        log_peer(spdlog::level::info, "{}: {} may ask", connection.peer(), connection.client().identity);
        return;
    }
    log_peer(spdlog::level::info, "{}: {} has attached to stream {:016x}, epoch {}", connection.peer(),
             connection.client().identity, stream->stream_id, connection.epoch());
    const auto writer = writers_.find(*stream);
    if (writer == writers_.end() || writer->second != &connection) connection.fence(); // overtaken while it was let in
    if (const StoreState state = queue_.state(); !state.is_available()) connection.tell(state); // it began before
}

// Should a client resend what retention has long removed, somebody has brought back an old spool.
void Server::on_unread(const Connection& connection, const Connection::Unread& unread) {
    log_peer(spdlog::level::warn,
             "{}: {}, stream {:016x}: numbers {} to {} are acknowledged unread, retention has gone past them; {} in "
             "this session",
             connection.peer(), connection.client().identity, connection.stream_name()->stream_id, unread.first,
             unread.last, unread.in_session);
}

void Server::on_ended(Connections::iterator connection, const Connection::Ending& ending) {
    log_ending(**connection, ending);
    if (const auto& stream = (*connection)->stream_name()) {
        const auto writer = writers_.find(*stream);
        if (writer != writers_.end() && writer->second == connection->get()) writers_.erase(writer);
    }
    connections_.erase(connection);
    connection_ended_.cancel();
}

void Server::log_ending(const Connection& connection, const Connection::Ending& ending) {
    if (const auto* refusal = std::get_if<Refusal>(&ending)) {
        // Not the peer's mistake: the store has lost what it promised to keep. No budget holds this line back.
        if (refusal->code == protocol::error_codes::history_lost)
            log_->error("{}: {} remembers more than the store: {}", connection.peer(), connection.client().identity,
                        refusal->detail);
        log_peer(spdlog::level::warn, "{}: refused in phase {}: {}: {}", connection.peer(), connection.phase(),
                 refusal->code, refusal->detail);
    } else if (const auto* error = std::get_if<client::StreamError>(&ending)) {
        if (is_disconnect(*error))
            log_->debug("{}: disconnected in phase {}: {}", connection.peer(), connection.phase(), error->describe());
        else
            log_peer(spdlog::level::warn, "{}: closed in phase {}: {}", connection.peer(), connection.phase(),
                     error->describe());
    } else {
        log_->debug("{}: closed, the role is stopping", connection.peer());
    }
}

template <class... Args>
void Server::log_peer(spdlog::level::level_enum level, fmt::format_string<Args...> format, Args&&... args) {
    const auto left_out = peer_lines_.take(LogBudget::Clock::now());
    if (!left_out) return;
    if (*left_out > 0) log_->warn("{} lines about peers were left out", *left_out);
    log_->log(level, format, std::forward<Args>(args)...);
}

} // namespace role
