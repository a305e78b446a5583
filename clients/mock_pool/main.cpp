// mock-pool: a pool, or a job declarator server, with a seed for a heart. Exit codes: 0 all acknowledged records are
// stored once and unaltered; 1 they are not, or the run did not finish; 2 wrong command line.

#include "clients/cpp/randomness.hpp"
#include "clients/mock_pool/pool.hpp"
#include "noise/key_text.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <expected>
#include <fstream>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <variant>

namespace {

constexpr int exit_failed = 1;
constexpr int exit_usage = 2;

struct Options {
    std::string connect = "127.0.0.1:34274";
    std::string authority_key;
    std::string key_file;
    std::optional<std::uint64_t> shares;
    std::optional<std::uint32_t> seconds;
    std::optional<double> rate;
    std::uint32_t channels = 10;
    std::optional<std::uint32_t> batch;
    std::optional<std::uint64_t> seed;
    unsigned grind = 0;
    double duplicates = 0;
    std::optional<double> rejects;
    bool jds = false;
    std::string journal;
    bool json = false;
    bool live = false;
};

void add_options(CLI::App& app, Options& options) {
    app.add_option("--connect", options.connect, "the role's address; several are tried in turn")
        ->type_name("ADDR:PORT,...")
        ->capture_default_str();
    app.add_option("--authority-key", options.authority_key, "the role's public authority key")
        ->type_name("KEY")
        ->required();
    auto* const key_file =
        app.add_option("--key-file", options.key_file, "the pool's secret key, as keygen client writes it [a new one]")
            ->type_name("FILE");
    auto* const jds = app.add_flag("--jds", options.jds,
                                   "play a job declarator server: what is said of shares is meant of declared jobs");
    app.add_option("--shares", options.shares, "how many shares to make [without --seconds: 10000]")->type_name("N");
    app.add_option("--seconds", options.seconds, "how long to make shares")->type_name("N");
    app.add_option("--rate", options.rate, "shares a second [as fast as they are taken]")
        ->type_name("R")
        ->check(CLI::PositiveNumber);
    app.add_option("--channels", options.channels, "channels of the pool")
        ->type_name("C")
        ->check(CLI::Range(1, 1'000'000))
        ->excludes(jds)
        ->capture_default_str();
    app.add_option("--batch", options.batch, "records of a message [500; with --rate those of 50 ms, at most 500]")
        ->type_name("B")
        ->check(CLI::Range(1, 10'000));
    app.add_option("--seed", options.seed, "makes the same shares, but for their times [random]")->type_name("S");
    app.add_option("--grind", options.grind, "leading zero bits of accepted hashes; with 0 no target is stated")
        ->type_name("BITS")
        ->check(CLI::Range(0, 32))
        ->excludes(jds)
        ->capture_default_str();
    app.add_option("--duplicates", options.duplicates, "of shares: sent a second time")
        ->type_name("PERCENT")
        ->check(CLI::Range(0.0, 100.0))
        ->excludes(jds)
        ->capture_default_str();
    app.add_option("--rejects", options.rejects, "of shares: refused by the pool [0; of jobs: 10]")
        ->type_name("PERCENT")
        ->check(CLI::Range(0.0, 100.0));
    app.add_option("--journal", options.journal, "remembers over the lives of the pool what was sent and acknowledged")
        ->type_name("FILE")
        ->needs(key_file);
    app.add_flag("--json", options.json, "the result as one JSON object, in the last line");
    app.add_flag("--live", options.live, "a line each second");
}

int usage_error(std::string_view what) {
    fmt::print(stderr, "mock-pool: {}\n", what);
    return exit_usage;
}

std::expected<noise::SigningKey, std::string> load_key(const noise::Curve& curve, const std::string& file) {
    if (file.empty()) return noise::SigningKey::create(curve, client::random_secret()).value();
    noise::Secret<128> buffer; // more than any key's text
    const auto bytes = buffer.expose();
    std::ifstream in{file, std::ios::binary};
    in.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    if (in.bad() || in.gcount() == 0) return std::unexpected(fmt::format("{}: cannot be read", file));
    std::string_view text{reinterpret_cast<const char*>(bytes.data()), static_cast<std::size_t>(in.gcount())};
    text = text.substr(0, text.find_first_of(" \r\n"));
    auto secret = noise::parse_secret_key(curve, text);
    if (!secret) return std::unexpected(fmt::format("{}: {}", file, noise::describe(secret.error())));
    return noise::SigningKey::create(curve, *std::move(secret)).value(); // a parsed secret is a key
}

std::string to_json(const mock_pool::Report& report, const mock_pool::Ledger& ledger) {
    std::string refused;
    for (const auto& [code, count] : ledger.refused())
        refused += fmt::format("{}\"{}\":{}", refused.empty() ? "" : ",", code, count);
    const mock_pool::Findings& found = report.findings;
    return fmt::format(R"({{"sent":{},"acknowledged":{},"stored":{},"accepted":{},"refused":{{{}}},)"
                       R"("lost":{},"doubled":{},"phantom":{},"altered":{},"reconnects":{},)"
                       R"("ack_ms":{{"p50":{:.3f},"p99":{:.3f}}},"seconds":{:.3f}}})",
                       ledger.sent(), ledger.acknowledged(), found.stored, found.accepted, refused, found.lost,
                       found.doubled, found.phantom, found.altered, report.reconnects, report.p50_ms, report.p99_ms,
                       report.seconds);
}

void print_result(const mock_pool::Report& report, const mock_pool::Ledger& ledger, const Options& options) {
    const mock_pool::Findings& found = report.findings;
    for (const std::string& example : found.examples) fmt::print(stderr, "mock-pool: {}\n", example);
    if (found.lost > 0 &&
        ledger.last_store().durability == static_cast<std::uint8_t>(protocol::Durability::is_volatile))
        fmt::print(stderr, "mock-pool: the role's store is volatile: it keeps nothing over a restart\n");
    if (!report.failure.empty()) fmt::print(stderr, "mock-pool: {}\n", report.failure);
    if (options.json) {
        fmt::print("{}\n", to_json(report, ledger));
        return;
    }
    if (!options.live) {
        fmt::print("{} records sent in {:.1f} s, {} acknowledged (p50 {:.2f} ms, p99 {:.2f} ms), {} reconnects\n",
                   ledger.sent(), report.seconds, ledger.acknowledged(), report.p50_ms, report.p99_ms,
                   report.reconnects);
        for (const auto& [code, count] : ledger.refused()) fmt::print("{} refused: {}\n", count, code);
        fmt::print("{} stored, {} accepted shares; doubled={} phantom={} altered={}\n", found.stored, found.accepted,
                   found.doubled, found.phantom, found.altered);
    }
    fmt::print("summary: sent={} acknowledged={} stored={} lost={} doubled={} refused_by_mistake={}\n", ledger.sent(),
               ledger.acknowledged(), found.stored, found.lost, found.doubled, ledger.refused_by_mistake());
}

std::variant<mock_pool::ShareSettings, mock_pool::JobSettings> records_of(const Options& options) {
    const std::uint64_t seed = options.seed.value_or(std::random_device{}());
    if (options.jds) {
        mock_pool::JobSettings jobs{.seed = seed};
        if (options.rejects) jobs.rejects_percent = *options.rejects;
        return jobs;
    }
    return mock_pool::ShareSettings{.seed = seed,
                                    .channels = options.channels,
                                    .grind_bits = options.grind,
                                    .duplicates_percent = options.duplicates,
                                    .rejects_percent = options.rejects.value_or(0)};
}

int run(const Options& options) {
    const noise::Curve curve = client::make_curve();
    mock_pool::PoolSettings settings;
    const auto addresses = client::parse_addresses(options.connect);
    if (!addresses) return usage_error("--connect: expected ADDR:PORT, or several with commas between them");
    settings.connection.addresses = *addresses;
    const auto authority = noise::parse_public_key(curve, options.authority_key);
    if (!authority) return usage_error(fmt::format("--authority-key: {}", noise::describe(authority.error())));
    settings.connection.authority = *authority;
    auto key = load_key(curve, options.key_file);
    if (!key) return usage_error(key.error());

    settings.records = records_of(options);
    settings.count = options.shares;
    if (options.seconds) settings.time = std::chrono::seconds{*options.seconds};
    if (!options.shares && !options.seconds) settings.count = 10'000;
    settings.rate = options.rate;
    constexpr double batches_per_second = 20; // at a rate that does not fill the largest
    settings.batch = options.batch.value_or(
        static_cast<std::uint32_t>(std::clamp(options.rate.value_or(1e9) / batches_per_second, 1.0, 500.0)));
    settings.is_live = options.live;

    mock_pool::Ledger ledger;
    mock_pool::RecentShares recent;
    bool makes_sense = true;
    auto journal = options.journal.empty()
                       ? std::expected<mock_pool::Journal, std::string>{mock_pool::Journal::temporary()}
                       : mock_pool::Journal::open(options.journal, [&](const mock_pool::JournalEntry& entry) {
                             makes_sense = makes_sense && ledger.apply(entry);
                             recent.apply(entry);
                         });
    if (!journal) return usage_error(journal.error());
    if (!makes_sense) return usage_error(options.journal + ": is damaged");

    boost::asio::io_context io{1};
    mock_pool::Pool pool{io, curve, *std::move(key), settings, *journal, ledger, recent};
    const mock_pool::Report report = pool.run();
    print_result(report, ledger, options);
    return report.is_fine() && ledger.refused_by_mistake() == 0 ? EXIT_SUCCESS : exit_failed;
}

} // namespace

int main(int argc, char** argv) {
    CLI::App app{"mock-pool: makes shares from a seed, stores them, and checks that none is lost or counted twice",
                 "mock-pool"};
    Options options;
    add_options(app, options);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? EXIT_SUCCESS : exit_usage;
    }
    try {
        return run(options);
    } catch (const std::exception& failure) {
        fmt::print(stderr, "mock-pool: {}\n", failure.what());
        return exit_failed;
    }
}
