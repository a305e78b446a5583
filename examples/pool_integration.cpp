// How a pool uses a running role: for each share that its validation has accepted, it stores the share, and brings the
// accounting of the channel up to date. The client library holds what is not acknowledged yet, and sends it again
// after whatever happens to the connection or to the role.
//
// This is the plain way, a step after the other. A pool under load stores shares without waiting, keeps its counters
// itself, and reports them now and then.
#include "clients/cpp/condition.hpp"
#include "clients/cpp/randomness.hpp"
#include "clients/cpp/storage_client.hpp"
#include "examples/program.hpp"
#include "noise/key_text.hpp"
#include "protocol/records.hpp"
#include "protocol/storage_requests.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <chrono>
#include <cstdint>
#include <exception>
#include <fstream>
#include <string>
#include <utility>

namespace {

namespace asio = boost::asio;
using examples::UsageError;

const std::string channel_id = "channel_pool_integration";
constexpr int shares = 5;

struct Options {
    std::string connect = "127.0.0.1:34274";
    std::string authority_key;
    std::string key_file;
    unsigned patience = 30;
};

std::uint64_t now_ms() {
    const auto since_1970 = std::chrono::system_clock::now().time_since_epoch();
    return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(since_1970).count());
}

// As the pool's validation would hand it over.
protocol::Share make_share(std::uint32_t sequence_number) {
    protocol::Share share;
    share.channel_id.text = channel_id;
    share.sequence_number = sequence_number;
    client::fill_random(std::span{share.share_hash.bytes}.first<28>()); // above them zeros: a hash with some work in it
    share.share_work = 1000 + 100 * std::uint64_t{sequence_number};
    share.difficulty = std::bit_cast<std::uint64_t>(static_cast<double>(share.share_work) / 1000);
    share.timestamp = now_ms();
    share.accepted = 1;
    share.outcome = static_cast<std::uint8_t>(protocol::Outcome::valid);
    return share;
}

struct Accounting {
    protocol::Totals derived;         // what the role has added up
    protocol::ShareAccounting report; // what the pool has counted; zeros if it never reported
};

class Pool {
  public:
    Pool(asio::io_context& io, const noise::Curve& curve, noise::SigningKey key, client::StorageClientOptions options,
         std::chrono::seconds patience)
        : io_{io},
          patience_{patience},
          client_{io.get_executor(), curve, std::move(key), std::move(options),
                  [this](const client::Event& event) { on_event(event); }},
          progress_{io.get_executor()} {}

    void run() {
        spawn(run_client());
        spawn(work());
        spawn(give_up());
        io_.run();
        if (thrown_) std::rethrow_exception(thrown_);
    }

  private:
    asio::awaitable<void> work() {
        co_await client_.wait_until_open();
        const Accounting before = co_await get_accounting();
        for (std::uint32_t i = 1; i <= shares; ++i)
            co_await on_share_accepted(make_share(before.report.last_share_sequence_number + i));
        co_await compare();
        client_.stop(std::chrono::seconds{1});
    }

    asio::awaitable<void> on_share_accepted(protocol::Share share) {
        co_await store(protocol::encode_record(share).value());
        const Accounting accounting = co_await get_accounting();
        protocol::ShareAccounting report = accounting.report;
        report.shares_accepted += 1;
        report.share_work_sum += share.share_work;
        report.last_share_sequence_number = share.sequence_number;
        report.best_difficulty =
            std::max(report.best_difficulty, share.difficulty); // bits of doubles above 0: in order
        report.timestamp = now_ms();
        co_await store(protocol::encode_record(report).value());
        fmt::print("share {} stored: {} accepted, work {}\n", share.sequence_number, report.shares_accepted,
                   report.share_work_sum);
    }

    // Until it is acknowledged: then it is as durable as the role's backend makes it.
    asio::awaitable<void> store(protocol::Bytes record) {
        const auto sequence = client_.store(std::move(record));
        if (!sequence) throw std::runtime_error{"the client takes no more records"};
        while (client_.last_acknowledged() < *sequence) co_await progress_.wait();
    }

    asio::awaitable<Accounting> get_accounting() {
        protocol::GetAccounting request;
        request.channel_id.text = channel_id;
        const auto answer = co_await client_.query(request);
        if (!answer) throw std::runtime_error{answer.error().code};
        Accounting accounting;
        accounting.report.channel_id.text = channel_id;
        if (!answer->derived.bytes.empty())
            accounting.derived = protocol::decode<protocol::Totals>(answer->derived.bytes).value();
        if (!answer->reported.bytes.empty()) {
            const auto stored = protocol::decode<protocol::StoredRecord>(answer->reported.bytes).value();
            const auto read = protocol::read_record(stored.record.bytes).value();
            accounting.report = std::get<protocol::ShareAccounting>(read.record);
        }
        co_return accounting;
    }

    // The role adds up for itself what it stores: a pool that has miscounted learns it here.
    asio::awaitable<void> compare() {
        const Accounting accounting = co_await get_accounting();
        fmt::print("reported by the pool: {} accepted, work {}\n", accounting.report.shares_accepted,
                   accounting.report.share_work_sum);
        fmt::print("derived by the role:  {} accepted, work {}\n", accounting.derived.shares_accepted,
                   accounting.derived.share_work_sum_low);
        protocol::ListDrift request;
        const auto drift = co_await client_.query(request);
        if (!drift) throw std::runtime_error{drift.error().code};
        fmt::print("channels whose report differs from the shares: {}\n", drift->channels.items.size());
        protocol::GetHealth health_request;
        const auto health = co_await client_.query(health_request);
        if (!health) throw std::runtime_error{health.error().code};
        fmt::print("health: {}, {}, {}\n", health->is_healthy ? "healthy" : "not healthy", health->backend_type.text,
                   health->connection_status.text);
    }

    void on_event(const client::Event& event) {
        if (const auto* const acknowledged = std::get_if<client::Acknowledged>(&event)) {
            for (const auto& [sequence, code] : acknowledged->verdicts)
                fmt::print("record {} counts nowhere: {}\n", sequence, code.text);
        } else if (const auto* const changed = std::get_if<client::StatusChanged>(&event)) {
            fmt::print("the store is {}available {}\n", changed->status.is_available ? "" : "not ",
                       changed->status.detail.text);
        } else if (const auto* const closed = std::get_if<client::Closed>(&event)) {
            last_word_ = closed->ending;
        }
        progress_.notify();
    }

    asio::awaitable<void> run_client() {
        const client::Ending ending = co_await client_.run();
        if (ending.code != client::ending_codes::stopped)
            throw std::runtime_error{fmt::format("{}: {}", ending.code, ending.detail)};
        io_.stop();
    }

    asio::awaitable<void> give_up() {
        asio::steady_timer timer{co_await asio::this_coro::executor, patience_};
        co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
        throw std::runtime_error{fmt::format("not done after {} s; the last word of the role: {} {}", patience_.count(),
                                             last_word_.code, last_word_.detail)};
    }

    void spawn(asio::awaitable<void> task) {
        asio::co_spawn(io_, std::move(task), [this](std::exception_ptr thrown) {
            if (!thrown) return;
            thrown_ = std::move(thrown);
            io_.stop();
        });
    }

    asio::io_context& io_;
    const std::chrono::seconds patience_;
    client::StorageClient client_;
    client::Condition progress_; // something has been acknowledged, or has ended
    client::Ending last_word_;
    std::exception_ptr thrown_;
};

// Made by `storage-sv2 keygen client`; a role for development takes any.
noise::SigningKey load_key(const noise::Curve& curve, const std::string& file) {
    if (file.empty()) return noise::SigningKey::create(curve, client::random_secret()).value();
    std::ifstream in{file};
    std::string text;
    if (!(in >> text)) throw UsageError{fmt::format("--key-file: {}: cannot be read", file)};
    auto secret = noise::parse_secret_key(curve, text);
    if (!secret) throw UsageError{fmt::format("--key-file: {}: {}", file, noise::describe(secret.error()))};
    return noise::SigningKey::create(curve, *std::move(secret)).value(); // a parsed secret is a key
}

void run(const Options& options) {
    const noise::Curve curve = client::make_curve();
    const auto addresses = client::parse_addresses(options.connect);
    if (!addresses) throw UsageError{"--connect: expected ADDR:PORT, or several with commas between them"};
    const auto authority = noise::parse_public_key(curve, options.authority_key);
    if (!authority) throw UsageError{fmt::format("--authority-key: {}", noise::describe(authority.error()))};

    client::StorageClientOptions connection;
    connection.addresses = *addresses;
    connection.authority = *authority;
    // Of this run, which keeps nothing: a pool keeps its stream, and what is not acknowledged, in a spool.
    std::array<std::uint8_t, 8> random;
    client::fill_random(random);
    connection.stream_id = std::bit_cast<std::uint64_t>(random);

    asio::io_context io{1};
    Pool pool{io, curve, load_key(curve, options.key_file), connection, std::chrono::seconds{options.patience}};
    pool.run();
}

} // namespace

int main(int argc, char** argv) {
    CLI::App app{"Stores shares and accounting in a running role, as a pool does.", "pool_integration"};
    Options options;
    app.add_option("--connect", options.connect, "the role's address; several are tried in turn")
        ->type_name("ADDR:PORT,...")
        ->capture_default_str();
    app.add_option("--authority-key", options.authority_key, "the role's public authority key")
        ->type_name("KEY")
        ->required();
    app.add_option("--key-file", options.key_file, "the pool's secret key, as keygen client writes it [a new one]")
        ->type_name("FILE");
    app.add_option("--patience", options.patience, "seconds until it gives up")->type_name("N")->capture_default_str();
    return examples::run_program(app, argc, argv, [&] { run(options); });
}
