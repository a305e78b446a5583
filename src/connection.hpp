// One peer's connection from accept to close: a coroutine that lets the peer in, then one that reads and one that
// writes. The rules are the session's; here are the socket, the clock, the window, and the wishes carried to the store.
// All of it belongs to the thread of the io_context, except on_outcomes().
#pragma once

#include "clients/cpp/encrypted_stream.hpp"
#include "src/commit_queue.hpp"
#include "src/credentials_keeper.hpp"
#include "src/session.hpp"
#include "src/trusted_clock.hpp"
#include "src/window_budget.hpp"
#include "storage/store.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace role {

// ADDR:PORT, an IPv6 address in brackets.
std::string to_text(const boost::asio::ip::tcp::endpoint& endpoint);

struct ServerLimits {
    std::size_t connections = 1024;
    std::size_t in_flight = std::size_t{128} * 1024 * 1024; // bytes that all sessions together may have unacknowledged
    std::chrono::milliseconds authentication{5'000};        // from accept until the peer is let in, in all
    std::chrono::milliseconds idle{120'000};                // between two frames after that
    std::chrono::milliseconds write{30'000};                // for one frame, once the peer's window is full
    std::chrono::milliseconds farewell{1'000};              // for a last message to arrive before the connection is cut
    std::chrono::milliseconds watch{250};                   // between two looks at these limits and at the store
};

class Connection : public CommitQueue::Submitter, public std::enable_shared_from_this<Connection> {
  public:
    using Clock = std::chrono::steady_clock;

    // What all connections share. Outlives them.
    struct House {
        boost::asio::io_context& io;
        boost::asio::any_io_executor handshakes; // where they are computed: one waits for each connection at most
        const noise::Curve& curve;
        CredentialsKeeper& credentials;
        const ClientTable& clients;
        storage::Store& store;
        CommitQueue& queue;
        boost::asio::thread_pool& readers; // where questions are answered
        WindowBudget& windows;
        const ServerLimits& limits;
        TrustedClock& clock;
    };
    // Why it ended: refused, stopped by us, or what happened to the stream.
    struct Stopped {};
    using Ending = std::variant<Refusal, Stopped, client::StreamError>;
    // Numbers that were acknowledged without a look at their records: retention has gone past them.
    struct Unread {
        std::uint64_t first;
        std::uint64_t last;
        std::uint64_t in_session; // with those before
    };
    // What the others need to know of one.
    struct Handlers {
        std::function<void(Connection&)> on_attached; // to its stream: whoever had attached before is fenced
        std::function<void(Connection&)> on_open;     // it is let in
        std::function<void(Connection&, const Unread&)> on_unread;
    };

    Connection(const House& house, boost::asio::ip::tcp::socket socket, Handlers handlers);

    // The whole life up to the close. The peer gets what it is owed: acknowledgments, the reason, Reconnect.
    boost::asio::awaitable<Ending> run();

    // Reads nothing more, commits what was read, and ends.
    void stop();
    // Another session has attached to this one's stream.
    void fence();
    // StoreStatus, to a peer that stores.
    void tell(const StoreState& state);
    // Breaks the connection if one of the limits has passed.
    void check_limits(Clock::time_point now);

    void on_outcomes(std::vector<storage::Outcome> outcomes) override;

    [[nodiscard]] const std::string& peer() const { return peer_; }
    // For logs: "handshake", or the session's phase.
    [[nodiscard]] std::string_view phase() const;
    [[nodiscard]] const std::optional<storage::StreamName>& stream_name() const { return stream_name_; }
    [[nodiscard]] std::uint64_t epoch() const { return epoch_; } // of the attachment to that stream
    [[nodiscard]] const Client& client() const { return *session_->client(); }

    // For co_spawn of run().
    [[nodiscard]] boost::asio::cancellation_slot slot() { return life_.slot(); }

  private:
    boost::asio::awaitable<client::Result<void>> let_in(); // or refusal_ is set
    boost::asio::awaitable<Step> attach(Attach attach);
    boost::asio::awaitable<void> read();
    boost::asio::awaitable<void> write();
    boost::asio::awaitable<bool> send(protocol::Bytes frame);
    boost::asio::awaitable<Ending> end();

    void carry_out(Step step, std::size_t payload_size);
    void submit(storage::Submission submission, std::size_t payload_size);
    void ask(Request request);
    void clean_up(const protocol::CleanupOldShares& request);
    void reply(protocol::Bytes frame);
    void refuse(Refusal refusal);
    void settle(const std::vector<storage::Outcome>& outcomes);
    void stop_reading();
    void give_back_window();
    [[nodiscard]] bool is_full() const;
    [[nodiscard]] bool is_done() const;

    House house_;
    boost::asio::ip::tcp::socket socket_; // until the handshake
    Handlers handlers_;
    std::string peer_;
    std::optional<client::EncryptedStream> stream_;
    std::optional<Session> session_;
    std::optional<storage::StreamName> stream_name_;
    std::uint64_t epoch_ = 0;

    boost::asio::cancellation_signal life_;    // of run(), until the peer is let in
    boost::asio::cancellation_signal reading_; // of read()
    boost::asio::steady_timer read_more_;      // these two never expire: cancelled to wake read() and write()
    boost::asio::steady_timer write_more_;

    std::size_t window_ = 0;
    std::size_t in_flight_ = 0; // bytes submitted whose acknowledgment has not been written
    struct Submitted {
        std::size_t cost;
        std::uint64_t first_sequence;
    };
    std::deque<Submitted> submitted_; // without an outcome
    std::uint64_t unread_ = 0;
    std::size_t settled_ = 0;     // bytes with an outcome, whose acknowledgment has not been written
    std::size_t questions_ = 0;   // asked and not answered
    bool is_cleaning_up_ = false; // which a stop does not wait for
    std::deque<protocol::Bytes> replies_;
    std::size_t reply_bytes_ = 0;

    bool is_open_ = false;
    bool is_stopping_ = false;
    bool has_ended_ = false;
    bool reading_ended_ = false;
    std::optional<Refusal> refusal_;
    std::optional<client::StreamError> failure_;
    std::optional<Clock::time_point> waiting_since_; // for a frame from the peer
    std::optional<Clock::time_point> writing_since_;
};

} // namespace role
