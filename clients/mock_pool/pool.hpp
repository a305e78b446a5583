// The pool, or the job declarator server: makes records, stores them through the client library, survives what happens
// to the role meanwhile, and in the end compares what was acknowledged with what is stored.
#pragma once

#include "clients/cpp/condition.hpp"
#include "clients/cpp/storage_client.hpp"
#include "clients/mock_pool/job_maker.hpp"
#include "clients/mock_pool/journal.hpp"
#include "clients/mock_pool/latencies.hpp"
#include "clients/mock_pool/ledger.hpp"
#include "clients/mock_pool/recent_shares.hpp"
#include "clients/mock_pool/record_maker.hpp"
#include "clients/mock_pool/share_maker.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace mock_pool {

struct PoolSettings {
    client::StorageClientOptions connection;          // its stream is the pool's choice
    std::variant<ShareSettings, JobSettings> records; // of a pool, or of a job declarator server; the life is ours
    std::optional<std::uint64_t> count;               // of shares or jobs, to make in this life
    std::optional<std::chrono::seconds> time;         // to make them in
    std::optional<double> rate;                       // of them, a second; none: as fast as the library takes them
    std::size_t batch = 500;                          // records handed over at once
    bool is_live = false;                             // a line each second on standard output
};

struct Report {
    std::string failure; // why the run did not finish; empty if it did
    Findings findings;
    std::uint64_t reconnects = 0;
    double seconds = 0; // from the first record to the last acknowledgment
    double p50_ms = 0;  // from store() to the acknowledgment
    double p99_ms = 0;

    [[nodiscard]] bool is_fine() const { return failure.empty() && findings.is_clean(); }
};

class Pool {
  public:
    // `ledger` and `recent` hold what the journal told of earlier lives. All arguments outlive the pool.
    Pool(boost::asio::io_context& io, const noise::Curve& curve, noise::SigningKey key, const PoolSettings& settings,
         Journal& journal, Ledger& ledger, const RecentShares& recent);

    // Runs `io` until all is done; throws what cannot be helped.
    Report run();

  private:
    using Clock = std::chrono::steady_clock;
    struct Handed { // to the library, together
        std::uint64_t last_sequence;
        std::uint64_t count;
        Clock::time_point at;
    };

    boost::asio::awaitable<void> run_client();
    boost::asio::awaitable<void> work();
    boost::asio::awaitable<void> watch();
    boost::asio::awaitable<void> print_each_second();
    boost::asio::awaitable<void> wait_for_signal();

    boost::asio::awaitable<void> send_recent();
    boost::asio::awaitable<void> send_new();
    boost::asio::awaitable<void> hand_over(std::vector<MadeRecord> records);
    boost::asio::awaitable<void> wait_for_acknowledgments();

    void on_event(const client::Event& event);
    void take(const client::Opened& opened);
    void take(const client::Acknowledged& acknowledged);
    void take(const client::StreamRenewed& renewed);
    void take(const client::StatusChanged& changed);
    void take(const client::Closed& closed);
    void write(const JournalEntry& entry);
    void fail(std::string why);
    void spawn(boost::asio::awaitable<void> task);

    boost::asio::io_context& io_;
    PoolSettings settings_;
    Journal& journal_;
    Ledger& ledger_;
    const RecentShares& recent_;
    std::unique_ptr<RecordMaker> maker_;
    client::StorageClient client_;
    client::Condition progress_;

    Report report_;
    std::exception_ptr thrown_;
    bool is_interrupted_ = false;
    bool is_comparing_ = false;
    std::uint64_t sessions_ = 0;
    bool is_open_ = false;
    std::string last_close_;
    Clock::time_point start_ = Clock::now();
    Clock::time_point last_progress_ = start_;
    std::deque<Handed> handed_;
    Latencies latencies_;
    Latencies second_; // of the second that is under way, for the live line
};

} // namespace mock_pool
