#include "clients/mock_pool/pool.hpp"

#include "clients/cpp/randomness.hpp"
#include "clients/mock_pool/comparison.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <csignal>
#include <cstdio>
#include <stdexcept>
#include <utility>

namespace mock_pool {

namespace asio = boost::asio;
using namespace std::chrono_literals;

namespace {

constexpr auto patience = 60s; // without a session, an acknowledgment or an answer

std::uint64_t random_number() {
    std::array<std::uint8_t, 8> bytes;
    client::fill_random(bytes);
    return std::bit_cast<std::uint64_t>(bytes);
}

std::uint64_t now_ms() {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(now).count());
}

// Of this life: another stream than all before, but in the store that they met.
client::StorageClientOptions connection_of(const PoolSettings& settings, const Ledger& ledger) {
    client::StorageClientOptions options = settings.connection;
    options.stream_id = random_number();
    if (std::holds_alternative<JobSettings>(settings.records)) options.carrier = protocol::Protocol::job_declaration;
    options.records_per_message = settings.batch;
    options.remembered = {.dataset_id = ledger.last_store().dataset_id,
                          .durability = static_cast<protocol::Durability>(ledger.last_store().durability),
                          .generation = ledger.last_store().generation,
                          .last_acknowledged = 0};
    return options;
}

std::unique_ptr<RecordMaker> maker_of(const PoolSettings& settings, const Ledger& ledger) {
    if (const auto* const given = std::get_if<JobSettings>(&settings.records)) {
        JobSettings jobs = *given;
        jobs.life = ledger.lives();
        return std::make_unique<JobMaker>(jobs);
    }
    ShareSettings shares = std::get<ShareSettings>(settings.records);
    shares.life = ledger.lives();
    return std::make_unique<ShareMaker>(shares);
}

asio::awaitable<void> sleep_until(std::chrono::steady_clock::time_point time) {
    asio::steady_timer timer{co_await asio::this_coro::executor, time};
    co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
}

} // namespace

Pool::Pool(asio::io_context& io, const noise::Curve& curve, noise::SigningKey key, const PoolSettings& settings,
           Journal& journal, Ledger& ledger, const RecentShares& recent)
    : io_{io},
      settings_{settings},
      journal_{journal},
      ledger_{ledger},
      recent_{recent},
      maker_{maker_of(settings, ledger)},
      client_{io.get_executor(), curve, std::move(key), connection_of(settings, ledger),
              [this](const client::Event& event) { on_event(event); }},
      progress_{io.get_executor()} {
    write(LifeBegan{client_.stream_id()});
    journal_.flush();
}

Report Pool::run() {
    spawn(run_client());
    spawn(work());
    spawn(watch());
    spawn(wait_for_signal());
    if (settings_.is_live) spawn(print_each_second());
    io_.run();
    if (thrown_) std::rethrow_exception(thrown_);
    return report_;
}

void Pool::spawn(asio::awaitable<void> task) {
    asio::co_spawn(io_, std::move(task), [this](std::exception_ptr thrown) {
        if (!thrown) return;
        thrown_ = std::move(thrown);
        io_.stop();
    });
}

void Pool::fail(std::string why) {
    if (report_.failure.empty()) report_.failure = std::move(why);
    io_.stop();
}

asio::awaitable<void> Pool::run_client() {
    const client::Ending ending = co_await client_.run();
    if (ending.code != client::ending_codes::stopped)
        fail(fmt::format("the client has ended: {}: {}", ending.code, ending.detail));
    io_.stop();
}

asio::awaitable<void> Pool::work() {
    co_await send_recent();
    co_await send_new();
    co_await wait_for_acknowledgments();
    report_.seconds = std::chrono::duration<double>(last_progress_ - start_).count();
    report_.p50_ms = latencies_.percentile(0.5);
    report_.p99_ms = latencies_.percentile(0.99);
    is_comparing_ = true;
    Comparison comparison{client_, ledger_, [this] { last_progress_ = Clock::now(); }};
    co_await comparison.run();
    report_.findings = ledger_.findings();
    report_.reconnects = sessions_ - 1;
    client_.stop(1s);
}

// Gives up on a role that does not come back.
asio::awaitable<void> Pool::watch() {
    for (;;) {
        co_await sleep_until(Clock::now() + 1s);
        const bool has_nothing_to_wait_for = is_open_ && client_.unacknowledged() == 0;
        if (has_nothing_to_wait_for || Clock::now() - last_progress_ < patience) continue;
        fail(is_open_ ? fmt::format("no acknowledgment for {} s", patience.count())
                      : fmt::format("no session for {} s; the last word: {}", patience.count(), last_close_));
    }
}

asio::awaitable<void> Pool::wait_for_signal() {
    asio::signal_set signals{io_, SIGINT, SIGTERM};
    co_await signals.async_wait(asio::as_tuple(asio::use_awaitable));
    is_interrupted_ = true;
    progress_.notify();
    co_await signals.async_wait(asio::as_tuple(asio::use_awaitable));
    fail("interrupted before everything was acknowledged and compared");
}

asio::awaitable<void> Pool::print_each_second() {
    for (std::uint64_t second = 1, before = ledger_.acknowledged(); !is_comparing_; ++second) {
        co_await sleep_until(start_ + std::chrono::seconds{second});
        const std::uint64_t acknowledged = ledger_.acknowledged();
        std::uint64_t refused = 0;
        for (const auto& [code, count] : ledger_.refused()) refused += count;
        fmt::print("t={} stored={} rate={} durable={} ack_p50_ms={:.2f} ack_p99_ms={:.2f} refused={}\n", second,
                   acknowledged, acknowledged - std::exchange(before, acknowledged), client_.last_acknowledged(),
                   second_.percentile(0.5), second_.percentile(0.99), refused);
        std::fflush(stdout);
        second_ = {};
    }
}

asio::awaitable<void> Pool::send_recent() {
    std::vector<MadeRecord> records;
    for (const protocol::Share& share : recent_.shares()) {
        records.push_back(ShareMaker::again(share, now_ms()));
        if (records.size() == settings_.batch) co_await hand_over(std::exchange(records, {}));
    }
    if (!records.empty()) co_await hand_over(std::move(records));
}

asio::awaitable<void> Pool::send_new() {
    const auto begin = Clock::now();
    const auto time_is_up = [&] { return settings_.time && Clock::now() >= begin + *settings_.time; };
    std::uint64_t made = 0;
    while (!is_interrupted_ && !time_is_up() && made != settings_.count) {
        std::vector<MadeRecord> records;
        const std::uint64_t timestamp = now_ms();
        while (records.size() < settings_.batch && made != settings_.count) {
            maker_->make(timestamp, records);
            ++made;
        }
        if (settings_.rate) {
            const std::chrono::duration<double> due{static_cast<double>(made) / *settings_.rate};
            co_await sleep_until(begin + std::chrono::duration_cast<Clock::duration>(due));
        }
        co_await hand_over(std::move(records));
    }
}

// Waits for room. Journal first: what the library has may be stored at any time.
asio::awaitable<void> Pool::hand_over(std::vector<MadeRecord> records) {
    while (client_.unacknowledged() + records.size() > settings_.connection.max_unacknowledged)
        co_await progress_.wait();
    std::vector<protocol::Bytes> encoded;
    encoded.reserve(records.size());
    const auto encode = [](const auto& record) { return protocol::encode_record(record).value(); };
    for (const MadeRecord& made : records) {
        JournalEntry entry{RecordSent{.sequence = ledger_.next_sequence(),
                                      .is_duplicate = made.is_duplicate,
                                      .bytes = {std::visit(encode, made.record)}}};
        write(entry);
        encoded.push_back(std::move(std::get<RecordSent>(entry).bytes.bytes));
    }
    journal_.flush();
    for (protocol::Bytes& bytes : encoded)
        if (!client_.store(std::move(bytes))) throw std::logic_error{"the library refused what it had room for"};
    handed_.push_back({.last_sequence = ledger_.next_sequence() - 1, .count = encoded.size(), .at = Clock::now()});
    co_await asio::post(asio::use_awaitable); // the library's turn
}

asio::awaitable<void> Pool::wait_for_acknowledgments() {
    while (client_.unacknowledged() > 0) co_await progress_.wait();
}

// Called by the library from within its own coroutines, through which nothing may be thrown.
void Pool::on_event(const client::Event& event) {
    try {
        std::visit([this](const auto& one) { take(one); }, event);
    } catch (...) {
        thrown_ = std::current_exception();
        io_.stop();
    }
}

void Pool::take(const client::Opened& opened) {
    ++sessions_;
    is_open_ = true;
    last_progress_ = Clock::now();
    const StoreMet met{.dataset_id = opened.state.dataset_id,
                       .generation = opened.state.generation,
                       .durability = static_cast<std::uint8_t>(opened.state.durability)};
    if (met == ledger_.last_store()) return;
    write(met);
    journal_.flush();
}

void Pool::take(const client::Acknowledged& acknowledged) {
    for (const protocol::VerdictEntry& verdict : acknowledged.verdicts) write(VerdictGiven{verdict});
    write(RecordsAcknowledged{acknowledged.durable_sequence});
    journal_.flush();
    last_progress_ = Clock::now();
    for (; !handed_.empty() && handed_.front().last_sequence <= acknowledged.durable_sequence; handed_.pop_front()) {
        const auto time = std::chrono::duration_cast<std::chrono::microseconds>(last_progress_ - handed_.front().at);
        latencies_.add(time, handed_.front().count);
        second_.add(time, handed_.front().count);
    }
    progress_.notify();
}

void Pool::take(const client::StreamRenewed& renewed) {
    const std::uint64_t gone = ledger_.next_sequence();
    write(StreamReplaced{renewed.stream_id});
    journal_.flush();
    for (Handed& handed : handed_) handed.last_sequence -= gone - ledger_.next_sequence();
    maker_->forget();
}

void Pool::take(const client::StatusChanged& changed) {
    if (changed.status.is_available)
        fmt::print(stderr, "mock-pool: the store is available\n");
    else
        fmt::print(stderr, "mock-pool: the store is unavailable: {}: {}\n", changed.status.code.text,
                   changed.status.detail.text);
}

void Pool::take(const client::Closed& closed) {
    is_open_ = false;
    last_close_ = fmt::format("{}: {}", closed.ending.code, closed.ending.detail);
}

void Pool::write(const JournalEntry& entry) {
    journal_.append(entry);
    if (!ledger_.apply(entry)) throw std::runtime_error{"the role said what makes no sense to the ledger"};
}

} // namespace mock_pool
