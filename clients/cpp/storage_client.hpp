// A client of the storage extension (protocol/EXTENSION.md): stores records in the order they are given, each once,
// whatever connections and servers do meanwhile, and asks questions. It has no threads: construct, call and run it on
// one executor that runs one thing at a time.
#pragma once

#include "clients/cpp/address.hpp"
#include "clients/cpp/backlog.hpp"
#include "clients/cpp/backoff.hpp"
#include "clients/cpp/condition.hpp"
#include "clients/cpp/encrypted_stream.hpp"
#include "clients/cpp/ending.hpp"
#include "clients/cpp/resumption.hpp"
#include "noise/signing_key.hpp"
#include "protocol/catalogue.hpp"
#include "protocol/error_codes.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <expected>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace client {

struct StorageClientOptions {
    std::vector<Address> addresses; // at least one: of a role, and of those that stand by for it
    noise::XOnlyKey authority;      // the same of all
    std::uint32_t roles = protocol::role_write | protocol::role_read;
    std::uint64_t stream_id = 0; // random, new for each spool; 0 without the write role
    Remembered remembered;
    protocol::Protocol carrier = protocol::Protocol::mining; // or job_declaration
    std::string vendor = "storage-sv2";
    std::size_t max_unacknowledged = 100'000; // records
    std::size_t records_per_message = 1000;   // at most; what waits is sent, nothing waits for more
    std::size_t bytes_per_message = std::size_t{256} * 1024;
    std::chrono::milliseconds ping_interval{30'000};
};

// What a client tells its caller, from within run().
struct Opened { // a session; `state` is what to remember
    Remembered state;
};
struct Acknowledged {
    std::uint64_t durable_sequence;               // all up to it are stored
    std::vector<protocol::VerdictEntry> verdicts; // but these count nowhere; each is told once
};
struct StreamRenewed { // the first unacknowledged record has number 1 of the new stream now, and so on
    std::uint64_t stream_id;
};
struct StatusChanged { // of the store; while it is not available nothing is acknowledged, and nothing is lost
    protocol::StoreStatus status;
};
struct Closed { // a session; another follows unless run() ends
    Ending ending;
};
using Event = std::variant<Opened, Acknowledged, StreamRenewed, StatusChanged, Closed>;

enum class StoreRefusal : std::uint8_t {
    full,      // max_unacknowledged records wait: try again after an Acknowledged
    too_large, // above protocol::max_record_size
    no_writer, // the write role was not asked for
    ended,     // stop() was called, or run() has ended
};

// The role's answer to a request that it does not serve; or ending_codes::disconnected.
struct QueryError {
    std::string code;
    std::string detail;
};

template <class R> struct AnswerTo;
template <> struct AnswerTo<protocol::GetRecords> {
    using Type = protocol::GetRecordsSuccess;
};
template <> struct AnswerTo<protocol::IsShareSeen> {
    using Type = protocol::IsShareSeenSuccess;
};
template <> struct AnswerTo<protocol::GetAccounting> {
    using Type = protocol::GetAccountingSuccess;
};
template <> struct AnswerTo<protocol::GetChannelStats> {
    using Type = protocol::GetChannelStatsSuccess;
};
template <> struct AnswerTo<protocol::ListChannels> {
    using Type = protocol::ListChannelsSuccess;
};
template <> struct AnswerTo<protocol::GetTotals> {
    using Type = protocol::GetTotalsSuccess;
};
template <> struct AnswerTo<protocol::ListStreams> {
    using Type = protocol::ListStreamsSuccess;
};
template <> struct AnswerTo<protocol::GetHealth> {
    using Type = protocol::GetHealthSuccess;
};
template <> struct AnswerTo<protocol::GetBlocks> {
    using Type = protocol::GetBlocksSuccess;
};
template <> struct AnswerTo<protocol::ListUsers> {
    using Type = protocol::ListUsersSuccess;
};
template <> struct AnswerTo<protocol::GetHours> {
    using Type = protocol::GetHoursSuccess;
};
template <> struct AnswerTo<protocol::ListDrift> {
    using Type = protocol::ListDriftSuccess;
};
template <> struct AnswerTo<protocol::CleanupOldShares> { // takes as long as there is something to remove
    using Type = protocol::CleanupOldSharesSuccess;
};

class StorageClient {
  public:
    // `curve` outlives the client. `on_event` may call store() and stop(), and does not throw.
    StorageClient(boost::asio::any_io_executor executor, const noise::Curve& curve, noise::SigningKey key,
                  StorageClientOptions options, std::function<void(const Event&)> on_event);
    StorageClient(const StorageClient&) = delete;
    StorageClient& operator=(const StorageClient&) = delete;

    // Takes a record (protocol::encode_record) and gives it the stream's next number. Needs no connection. What is
    // taken is sent until it is acknowledged.
    std::expected<std::uint64_t, StoreRefusal> store(protocol::Bytes record);

    // Connects, and again after every failure that may pass. Ends after stop(), or with what cannot get better.
    // To be called once.
    boost::asio::awaitable<Ending> run();

    // Takes no more records, and ends run() when all are acknowledged, or after `patience`.
    void stop(std::chrono::milliseconds patience);

    // The answer in this session: fails with a value when there is none, or when it ends first.
    template <class R> boost::asio::awaitable<std::expected<typename AnswerTo<R>::Type, QueryError>> query(R request);

    // Until a session is open. False if run() has ended.
    boost::asio::awaitable<bool> wait_until_open();

    // The next page of a list, across disconnects. Moves the request's cursor on: nothing is left once it is empty.
    template <class R>
    boost::asio::awaitable<std::expected<typename AnswerTo<R>::Type, QueryError>> next_page(R& request);

    // All stored records that the request asks for, page by page. `limit` is that of a page.
    boost::asio::awaitable<std::expected<void, QueryError>>
    walk_records(protocol::GetRecords request, std::function<void(const protocol::StoredRecord&)> visit);

    [[nodiscard]] std::uint64_t stream_id() const { return options_.stream_id; }
    [[nodiscard]] std::uint64_t last_acknowledged() const { return backlog_.last_acknowledged(); }
    [[nodiscard]] std::size_t unacknowledged() const { return backlog_.size(); }

  private:
    struct Question {
        explicit Question(boost::asio::any_io_executor executor) : answered{std::move(executor)} {}

        Condition answered;
        std::expected<protocol::AnyMessage, QueryError> answer = std::unexpected(
            QueryError{.code = std::string{ending_codes::disconnected}, .detail = "no session is open"});
    };

    boost::asio::awaitable<Ending> sessions();
    boost::asio::awaitable<Ending> session();
    boost::asio::awaitable<std::optional<Ending>> open();
    boost::asio::awaitable<Ending> read_all();
    boost::asio::awaitable<Ending> write_all();
    boost::asio::awaitable<Ending> ping_now_and_then();
    boost::asio::awaitable<Ending> stopped();

    // The next message of the setup, if it is an M; else why there is none.
    template <class M> boost::asio::awaitable<std::expected<M, Ending>> expect();
    template <class M> boost::asio::awaitable<std::optional<Ending>> send(M message);

    protocol::Authenticate authenticate() const;
    std::optional<Ending> handle(const protocol::Frame& frame);
    std::optional<Ending> take(const protocol::StoreSuccess& success);
    std::optional<Ending> take(const protocol::Error& error);
    std::optional<Ending> take_answer(std::uint32_t request_id, protocol::AnyMessage answer);
    std::expected<std::optional<protocol::Bytes>, Ending> next_frame();
    void enqueue(protocol::Bytes frame);
    void close_questions(const Ending& ending);

    boost::asio::awaitable<std::expected<protocol::AnyMessage, QueryError>> ask(std::uint32_t request_id,
                                                                                protocol::Bytes frame);
    static QueryError wrong_answer();

    boost::asio::any_io_executor executor_;
    const noise::Curve& curve_;
    noise::SigningKey key_;
    StorageClientOptions options_;
    std::function<void(const Event&)> on_event_;

    Backlog backlog_;
    Backoff backoff_;
    std::size_t attempts_ = 0;         // sessions that were tried; says whose turn it is
    std::optional<Address> elsewhere_; // where the last session sent us, for one attempt

    // Of the session.
    Address address_;
    std::optional<EncryptedStream> stream_;
    std::optional<protocol::AuthenticateSuccess> grant_; // while it is open
    std::deque<protocol::Bytes> outgoing_;               // frames that go before records
    std::map<std::uint32_t, Question*> questions_;
    std::uint32_t last_request_id_ = 0;
    bool was_heard_ = false; // since the last ping

    bool is_stopping_ = false;
    bool has_ended_ = false;
    std::chrono::steady_clock::time_point stop_deadline_ = std::chrono::steady_clock::time_point::max();
    Condition writer_has_work_;
    Condition state_changed_; // opened, ended, stopping, all acknowledged
};

template <class R>
boost::asio::awaitable<std::expected<typename AnswerTo<R>::Type, QueryError>> StorageClient::query(R request) {
    request.request_id = ++last_request_id_ == 0 ? ++last_request_id_ : last_request_id_; // 0 is the session
    auto frame = protocol::encode_frame(request);
    if (!frame)
        co_return std::unexpected(QueryError{.code = std::string{protocol::error_codes::invalid_request},
                                             .detail = std::string{protocol::describe(frame.error())}});
    auto answer = co_await ask(request.request_id, *std::move(frame));
    if (!answer) co_return std::unexpected(answer.error());
    if (auto* const expected = std::get_if<typename AnswerTo<R>::Type>(&*answer)) co_return std::move(*expected);
    co_return std::unexpected(wrong_answer());
}

template <class R>
boost::asio::awaitable<std::expected<typename AnswerTo<R>::Type, QueryError>> StorageClient::next_page(R& request) {
    for (;;) {
        auto page = co_await query(request);
        if (page) request.cursor = page->next_cursor;
        if (page || page.error().code != ending_codes::disconnected) co_return std::move(page);
        const bool is_open = co_await wait_until_open();
        if (!is_open) co_return std::move(page);
    }
}

} // namespace client
