#include "storage/sqlite/sqlite_engine.hpp"

#include "protocol/codec.hpp"
#include "protocol/records.hpp"
#include "storage/integrity.hpp"
#include "tests/storage/failing_disk.hpp"
#include "tests/support/temporary_folder.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <map>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace fs = std::filesystem;
using protocol::Bytes;
using protocol::Outcome;
using protocol::Verdict;
using storage::Engine;
using storage::LogEntry;
using storage::open_sqlite;
using storage::Position;
using storage::StorageError;
using storage::Transaction;
using support::FailingDisk;
using Kind = StorageError::Kind;

namespace {

constexpr std::uint64_t end_of_numbers = std::numeric_limits<std::uint64_t>::max();
constexpr storage::Milliseconds noon = 1'790'000'000'000;

protocol::U256 hash(std::uint64_t number) {
    protocol::U256 hash;
    for (std::size_t i = 0; i < 32; ++i)
        hash.bytes.at(i) = static_cast<std::uint8_t>((number + 1) * (2 * i + 3) >> (i % 8));
    return hash;
}

protocol::Share share(std::uint64_t number, std::string channel = "1.1.1") {
    protocol::Share share;
    share.channel_id = {std::move(channel)};
    share.sequence_number = static_cast<std::uint32_t>(number);
    share.share_hash = hash(number);
    share.share_work = 1000 + number;
    share.difficulty = std::bit_cast<std::uint64_t>(1024.5);
    share.timestamp = noon + number;
    share.accepted = 1;
    share.outcome = static_cast<std::uint8_t>(Outcome::valid);
    share.user_identity = {"miner.worker"};
    return share;
}

protocol::Block block(std::string channel, std::uint64_t timestamp = noon, Bytes coinbase = {}) {
    protocol::Block block;
    block.channel_id = {std::move(channel)};
    block.coinbase = {std::move(coinbase)};
    block.timestamp = timestamp;
    return block;
}

protocol::BatchAcknowledgment acknowledgment(std::string channel, std::uint64_t timestamp = noon) {
    protocol::BatchAcknowledgment batch;
    batch.channel_id = {std::move(channel)};
    batch.timestamp = timestamp;
    return batch;
}

storage::ShareScan whole_channel(std::uint32_t channel) {
    storage::ShareScan scan;
    scan.channel = channel;
    scan.last_time = end_of_numbers;
    scan.cut = end_of_numbers;
    scan.limit = 100;
    return scan;
}

// Makes transactions as the log store would.
class Log {
  public:
    explicit Log(Engine& engine) {
        const auto contents = engine.load();
        REQUIRE(contents);
        transaction_.expected_term = contents->head.term;
        transaction_.head = contents->head;
        for (const auto& row : contents->streams) streams_[row.number] = row;
        for (const auto& row : contents->channels) channels_[row.channel_id] = row.number;
    }

    Log& add(std::uint32_t stream, Bytes bytes) {
        LogEntry entry;
        entry.position = ++transaction_.head.position;
        entry.stream = stream;
        entry.sequence = ++row(stream).durable_sequence;
        entry.received_at = noon + 7;
        entry.bytes = std::move(bytes);
        if (auto read = protocol::read_record(entry.bytes)) {
            entry.verdict = read->verdict;
            entry.channel = channel(storage::channel_id_of(read->record));
            entry.time = storage::effective_time(read->record, entry.received_at);
            entry.content = *std::move(read);
            if (std::holds_alternative<protocol::Share>(entry.content->record) && entry.verdict == Verdict::stored)
                entry.fingerprint = entry.position * 0x9e3779b97f4a7c15; // spread over all 64 bits
        } else {
            entry.verdict = read.error();
        }
        entry.checksum = storage::checksum_of(entry);
        transaction_.head.chain = storage::next_link(transaction_.head.chain, entry.checksum);
        transaction_.entries.push_back(std::move(entry));
        return *this;
    }
    template <protocol::Record R> Log& add(std::uint32_t stream, const R& record, const Bytes& extra = {}) {
        const auto bytes = protocol::encode_record(record, extra);
        REQUIRE(bytes);
        return add(stream, *bytes);
    }
    Log& add_shares(std::uint32_t stream, std::size_t count) {
        for (; count > 0; --count) add(stream, share(transaction_.head.position + 1));
        return *this;
    }
    Log& derive(Bytes key, Bytes value) {
        transaction_.derived.push_back({std::move(key), std::move(value)});
        return *this;
    }

    // What was added since the last call.
    Transaction take() {
        for (const std::uint32_t stream : changed_) transaction_.streams.push_back(streams_[stream]);
        changed_.clear();
        ++transaction_.head.term; // a role keeps its term; these change it, to see that it is compared
        Transaction next;
        next.expected_term = transaction_.head.term;
        next.head = transaction_.head;
        return std::exchange(transaction_, std::move(next));
    }

  private:
    storage::StreamRow& row(std::uint32_t number) {
        changed_.insert(number);
        auto& row = streams_[number];
        if (row.number == 0) row = {.number = number, .name = {"pool", number}, .pool = "pool", .epoch = 1};
        return row;
    }
    std::uint32_t channel(const std::string& id) {
        const auto [found, is_new] = channels_.try_emplace(id, static_cast<std::uint32_t>(channels_.size() + 1));
        if (is_new) transaction_.channels.push_back({.number = found->second, .pool = "pool", .channel_id = id});
        return found->second;
    }

    Transaction transaction_;
    std::map<std::uint32_t, storage::StreamRow> streams_;
    std::map<std::string, std::uint32_t> channels_;
    std::set<std::uint32_t> changed_;
};

std::unique_ptr<Engine> open(const fs::path& file) {
    auto engine = open_sqlite(file);
    REQUIRE_MESSAGE(engine, (engine ? "" : engine.error().detail));
    return *std::move(engine);
}

Kind error_of_opening(const fs::path& file) {
    const auto engine = open_sqlite(file);
    REQUIRE_FALSE(engine);
    return engine.error().kind;
}

template <class T> Kind kind(const storage::Result<T>& result) {
    REQUIRE_FALSE(result);
    return result.error().kind;
}

std::vector<LogEntry> all(const Engine& engine) {
    auto entries = engine.read(1, end_of_numbers, end_of_numbers);
    REQUIRE_MESSAGE(entries, (entries ? "" : entries.error().detail));
    return *std::move(entries);
}

std::vector<Position> positions(const storage::Result<std::vector<LogEntry>>& entries) {
    REQUIRE_MESSAGE(entries, (entries ? "" : entries.error().detail));
    std::vector<Position> positions;
    for (const LogEntry& entry : *entries) positions.push_back(entry.position);
    return positions;
}

Position head(Engine& engine) {
    const auto contents = engine.load();
    REQUIRE(contents);
    return contents->head.position;
}

void check_same(const LogEntry& read, const LogEntry& written) {
    CAPTURE(written.position);
    CHECK(read.position == written.position);
    CHECK(read.stream == written.stream);
    CHECK(read.sequence == written.sequence);
    CHECK(read.received_at == written.received_at);
    CHECK(read.verdict == written.verdict);
    CHECK(read.bytes == written.bytes);
    CHECK(read.checksum == written.checksum);
    CHECK(read.channel == written.channel);
    CHECK(read.time == written.time);
    REQUIRE(read.content.has_value() == written.content.has_value());
    if (!read.content) return;
    CHECK(read.content->record == written.content->record);
    CHECK(read.content->extra == written.content->extra);
    CHECK(read.content->verdict == written.content->verdict);
}

// That the log holds whole entries at positions 1, 2, 3, ..., and that its head says so.
void check_whole(Engine& engine) {
    const auto contents = engine.load();
    REQUIRE(contents);
    const auto entries = all(engine);
    REQUIRE(entries.size() == contents->head.position);
    storage::ChainLink chain{};
    std::map<std::uint32_t, std::uint64_t> sequences;
    for (std::size_t i = 0; i < entries.size(); ++i) {
        REQUIRE(entries[i].position == i + 1);
        REQUIRE(storage::check(entries[i]));
        REQUIRE(entries[i].sequence == ++sequences[entries[i].stream]);
        chain = storage::next_link(chain, entries[i].checksum);
    }
    CHECK(chain == contents->head.chain);
    for (const auto& row : contents->streams) {
        CHECK(row.durable_sequence == sequences[row.number]);
        const auto of_stream = engine.read_stream(row.number, 1, end_of_numbers);
        REQUIRE(of_stream);
        CHECK(of_stream->size() == row.durable_sequence);
    }
}

// A person at the sqlite3 prompt, or another role.
class Prompt {
  public:
    explicit Prompt(const fs::path& file) {
        REQUIRE(sqlite3_open(file.c_str(), &handle_) == SQLITE_OK);
        sqlite3_busy_timeout(handle_, 30'000);
    }
    Prompt(const Prompt&) = delete;
    Prompt& operator=(const Prompt&) = delete;
    ~Prompt() { sqlite3_close(handle_); }

    // The rows' columns, one a line.
    std::string run(const std::string& sql) {
        std::string out;
        const auto print = [](void* to, int columns, char** values, char**) {
            for (int i = 0; i < columns; ++i)
                static_cast<std::string*>(to)->append(values[i] == nullptr ? "NULL" : values[i]).append("\n");
            return 0;
        };
        REQUIRE_MESSAGE(sqlite3_exec(handle_, sql.c_str(), print, &out, nullptr) == SQLITE_OK, sqlite3_errmsg(handle_));
        return out;
    }

  private:
    sqlite3* handle_ = nullptr;
};

std::map<std::string, std::string> files_in(const fs::path& folder) {
    std::map<std::string, std::string> files;
    for (const auto& entry : fs::directory_iterator{folder}) {
        std::ifstream in{entry.path(), std::ios::binary};
        files[entry.path().filename()] = {std::istreambuf_iterator<char>{in}, {}};
    }
    return files;
}

// Runs `what` in a process of its own; its exit code, or minus the signal that ended it.
template <class What> int in_child(What what) {
    const pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        int code = 99;
        try {
            code = what();
        } catch (...) {
            code = 98;
        }
        _exit(code);
    }
    int status = 0;
    REQUIRE(waitpid(child, &status, 0) == child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

struct Scene {
    support::TemporaryFolder folder;
    fs::path file = folder.path() / "store.db";
};

} // namespace

TEST_CASE("a new store is empty, has a data set of its own and a file for its owner alone") {
    Scene scene;
    const auto engine = open(scene.file);
    CHECK(engine->name() == "sqlite");
    CHECK(engine->durability() == protocol::Durability::local);
    const auto contents = engine->load();
    REQUIRE(contents);
    CHECK(contents->data_set.id != 0);
    CHECK(contents->fingerprint_key != std::array<std::uint8_t, 16>{});
    CHECK(contents->head.term == 0);
    CHECK(contents->head.position == 0);
    CHECK(contents->head.chain == storage::ChainLink{});
    CHECK(contents->streams.empty());
    CHECK(all(*engine).empty());
    struct stat status{};
    REQUIRE(stat(scene.file.c_str(), &status) == 0);
    CHECK((status.st_mode & 0777) == 0600);

    const auto other = open(scene.folder.path() / "other.db");
    CHECK(other->load()->data_set.id != contents->data_set.id);
    CHECK(other->load()->fingerprint_key != contents->fingerprint_key);
}

TEST_CASE("a name without a folder is in the current one") {
    Scene scene;
    const fs::path before = fs::current_path();
    fs::current_path(scene.folder.path());
    const auto engine = open_sqlite("./store.db");
    fs::current_path(before);
    REQUIRE(engine);
    CHECK(fs::exists(scene.file));
    const auto contents = (*engine)->load(); // opens another connection, from elsewhere
    CHECK(contents);
}

TEST_CASE("an empty file becomes a store") {
    Scene scene;
    std::ofstream{scene.file}.close();
    CHECK(head(*open(scene.file)) == 0);
}

TEST_CASE("everything written is there after reopening") {
    Scene scene;
    storage::Contents before;
    Transaction first;
    Transaction second;
    {
        const auto engine = open(scene.file);
        Log log{*engine};
        first = log.add_shares(1, 3).add_shares(2, 2).add_shares(1, 1).derive({1, 2}, {3}).derive({1, 3}, {}).take();
        REQUIRE(engine->write(first));
        second = log.add(2, share(70, "1.1.2")).derive({1, 2}, {4, 5}).take();
        REQUIRE(engine->write(second));
        before = engine->load().value();
        REQUIRE(engine->close());
    }
    CHECK(files_in(scene.folder.path()).size() == 2); // the store and its lock
    const auto engine = open(scene.file);
    const auto after = engine->load();
    REQUIRE(after);
    CHECK(after->data_set.id == before.data_set.id);
    CHECK(after->fingerprint_key == before.fingerprint_key);
    CHECK(after->head.term == second.head.term);
    CHECK(after->head.position == 7);
    CHECK(after->head.chain == second.head.chain);
    REQUIRE(after->streams.size() == 2);
    CHECK(after->streams[1].name == storage::StreamName{"pool", 2});
    CHECK(after->streams[1].pool == "pool");
    CHECK(after->streams[1].epoch == 1);
    CHECK(after->streams[1].durable_sequence == 3);
    REQUIRE(after->channels.size() == 2);
    CHECK(after->channels[1].channel_id == "1.1.2");
    REQUIRE(after->derived.size() == 2);
    CHECK(after->derived[0].value == Bytes{4, 5});
    CHECK(after->derived[1].value.empty());
    const auto entries = all(*engine);
    REQUIRE(entries.size() == 7);
    for (std::size_t i = 0; i < 6; ++i) check_same(entries[i], first.entries[i]);
    check_same(entries[6], second.entries[0]);
    check_whole(*engine);
}

TEST_CASE("records of every kind, with the extremes of every field, are read as the bytes that were sent") {
    Scene scene;
    const std::string long_text(255, 'x');
    const std::string utf8 = "\xc3\xa4\xe2\x82\xbf\xf0\x9f\x94\xa8 'quoted' \"twice\"";
    const Bytes tlvs{0x01, 0x00, 0x01, 0x02, 0x00, 0xaa, 0xbb, 0xff}; // the last byte is no whole TLV
    protocol::U256 greatest;
    greatest.bytes.fill(0xff);
    auto engine = open(scene.file);
    Log log{*engine};

    for (const double difficulty : {0.0, std::numeric_limits<double>::denorm_min(), 0.1, 1.0, 9007199254740993.0,
                                    std::numeric_limits<double>::max()}) {
        protocol::Share s = share(1);
        s.difficulty = std::bit_cast<std::uint64_t>(difficulty);
        log.add(1, s);
    }
    for (const std::uint64_t number : {std::uint64_t{0}, std::uint64_t{1} << 63U, end_of_numbers}) {
        protocol::Share s = share(2);
        s.share_work = number;
        s.sequence_number = static_cast<std::uint32_t>(number);
        s.timestamp = std::min(number, protocol::last_timestamp);
        s.share_hash = number == 0 ? protocol::U256{} : greatest;
        s.target = number == 0 ? hash(5) : greatest;
        log.add(1, s, tlvs);
        log.add(1,
                protocol::BatchAcknowledgment{.channel_id = {utf8},
                                              .last_sequence_number = static_cast<std::uint32_t>(number),
                                              .new_submits_accepted_count = static_cast<std::uint32_t>(~number),
                                              .new_shares_sum = number,
                                              .timestamp = s.timestamp,
                                              .label = {utf8}},
                tlvs);
        log.add(1,
                protocol::Block{.channel_id = {long_text},
                                .share_hash = s.share_hash,
                                .template_id = number,
                                .coinbase = {Bytes(number == 0 ? 0 : 0xffff, 0xcb)},
                                .difficulty = s.difficulty,
                                .timestamp = s.timestamp,
                                .label = {long_text}},
                tlvs);
    }
    log.add(1, block("c"));
    {
        protocol::Share s = share(3, long_text);
        s.user_identity = {utf8};
        s.label = {long_text};
        s.outcome = static_cast<std::uint8_t>(Outcome::valid_with_acknowledgment);
        s.outcome_data = {protocol::encode(protocol::AcknowledgmentOutcome{1, 2, end_of_numbers}).value()};
        log.add(1, s);
        s.outcome = static_cast<std::uint8_t>(Outcome::block_found);
        s.outcome_data = {protocol::encode(protocol::BlockFoundOutcome{end_of_numbers, {Bytes(60000, 7)}}).value()};
        log.add(1, s);
        s.accepted = 0;
        s.outcome = static_cast<std::uint8_t>(Outcome::failed);
        s.outcome_data = {protocol::encode(protocol::FailedOutcome{{"stale-share"}}).value()};
        log.add(1, s);
        s.outcome = static_cast<std::uint8_t>(Outcome::none);
        s.outcome_data = {};
        log.add(1, s);
        s.accepted = 1;
        s.target = hash(0);
        s.share_hash = greatest;
        log.add(1, s); // above its target
    }
    log.add(1, Bytes{}).add(1, Bytes{200}).add(1, Bytes(100'000, 1));

    Transaction transaction = log.take();
    transaction.entries[0].verdict = Verdict::duplicate_share;
    transaction.entries[0].fingerprint.reset();
    transaction.entries[0].checksum = storage::checksum_of(transaction.entries[0]);
    std::set<Verdict> verdicts;
    for (const LogEntry& entry : transaction.entries) verdicts.insert(entry.verdict);
    CHECK(verdicts.size() == 5);
    REQUIRE(engine->write(transaction));
    REQUIRE(engine->close());
    engine = open(scene.file);
    const auto entries = all(*engine);
    REQUIRE(entries.size() == transaction.entries.size());
    for (std::size_t i = 0; i < entries.size(); ++i) {
        check_same(entries[i], transaction.entries[i]);
        CHECK(storage::check(entries[i]));
    }
    CHECK(Prompt{scene.file}.run("SELECT count(*) FROM shares") == "14\n"); // whatever their verdict
    CHECK(Prompt{scene.file}.run("SELECT count(*) FROM refused_records") == "3\n");
    CHECK(Prompt{scene.file}.run("PRAGMA integrity_check") == "ok\n");
}

TEST_CASE("entries are read by position and by their stream's numbers") {
    Scene scene;
    const auto engine = open(scene.file);
    Log log{*engine};
    REQUIRE(engine->write(log.add_shares(1, 3).add_shares(2, 2).add(1, Bytes{9}).add_shares(2, 1).take()));
    REQUIRE(engine->write(log.add_shares(2, 1).add(1, block("c")).take()));
    using Positions = std::vector<Position>;
    CHECK(positions(engine->read(2, 5, 100)) == Positions{2, 3, 4, 5});
    CHECK(positions(engine->read(5, end_of_numbers, 3)) == Positions{5, 6, 7});
    CHECK(positions(engine->read(1, 9, 0)).empty());
    CHECK(positions(engine->read(10, 20, 5)).empty());
    CHECK(positions(engine->read(0, 1, 5)) == Positions{1});
    CHECK(positions(engine->read_stream(1, 1, 5)) == Positions{1, 2, 3, 6, 9});
    CHECK(positions(engine->read_stream(1, 2, 2)) == Positions{2});
    CHECK(positions(engine->read_stream(1, 3, 4)) == Positions{3, 6});
    CHECK(positions(engine->read_stream(2, 2, end_of_numbers)) == Positions{5, 7, 8});
    CHECK(positions(engine->read_stream(2, 4, 9)) == Positions{8});
    CHECK(positions(engine->read_stream(1, 6, 9)).empty());
    CHECK(positions(engine->read_stream(3, 1, 9)).empty());
}

TEST_CASE("shares of a channel are read newest first, within a range, below a place, up to a cut, so many") {
    Scene scene;
    const auto engine = open(scene.file);
    Log log{*engine};
    // Times noon + 10, 20, 20, 30, 20; one of another channel and a block of this among them.
    for (const std::uint64_t time : {10, 20, 20}) log.add(1, share(time));
    log.add(1, share(25, "2.2.2")).add(1, block("1.1.1", noon + 40));
    for (const std::uint64_t time : {30, 20}) log.add(1, share(time));
    REQUIRE(engine->write(log.take()));
    using Positions = std::vector<Position>;
    const auto scan = [&](storage::ShareScan scan) { return positions(engine->shares(scan)); };
    const storage::ShareScan whole = whole_channel(1);
    CHECK(scan(whole) == Positions{6, 7, 3, 2, 1});

    storage::ShareScan some = whole;
    some.first_time = noon + 20;
    some.last_time = noon + 20;
    CHECK(scan(some) == Positions{7, 3, 2});
    some.last_time = noon + 19;
    CHECK(scan(some).empty());

    some = whole;
    some.cut = 6;
    CHECK(scan(some) == Positions{6, 3, 2, 1});
    some.limit = 2;
    CHECK(scan(some) == Positions{6, 3});
    some.limit = 0;
    CHECK(scan(some).empty());

    some = whole;
    some.before = std::pair{noon + 20, Position{7}};
    CHECK(scan(some) == Positions{3, 2, 1});
    some.before = std::pair{noon + 20, Position{2}};
    CHECK(scan(some) == Positions{1});
    some.before = std::pair{noon + 10, Position{1}};
    CHECK(scan(some).empty());
    some.before = std::pair{noon + 30, Position{100}};
    some.last_time = noon + 20; // both bounds hold
    CHECK(scan(some) == Positions{7, 3, 2, 1});

    some = whole;
    some.channel = 2;
    CHECK(scan(some) == Positions{4});
    some.channel = 3;
    CHECK(scan(some).empty());
}

TEST_CASE("whether a channel has entries is asked of all its kinds") {
    Scene scene;
    const auto engine = open(scene.file);
    Log log{*engine};
    REQUIRE(engine->write(log.add(1, share(1, "a"))
                              .add(1, block("b", noon))
                              .add(1, acknowledgment("c", noon + 1))
                              .add(1, Bytes{9})
                              .take()));
    const auto has = [&](std::uint32_t channel, std::uint64_t first, std::uint64_t last, Position cut) {
        return engine->has_entries(channel, first, last, cut).value();
    };
    CHECK(has(1, 0, end_of_numbers, 4));
    CHECK(has(2, noon, noon, 4));
    CHECK(has(3, noon + 1, noon + 1, 3));
    CHECK_FALSE(has(3, noon + 1, noon + 1, 2));
    CHECK_FALSE(has(2, noon + 1, end_of_numbers, 4));
    CHECK_FALSE(has(1, 0, noon, 4));
    CHECK_FALSE(has(0, 0, end_of_numbers, 4)); // what is no record has no channel
    CHECK_FALSE(has(4, 0, end_of_numbers, 4));
}

TEST_CASE("a fingerprint leads to all positions written with it, up to a cut") {
    Scene scene;
    const auto engine = open(scene.file);
    Log log{*engine};
    Transaction transaction = log.add_shares(1, 4).take();
    for (const std::size_t i : {0, 2, 3}) transaction.entries[i].fingerprint = end_of_numbers;
    transaction.entries[1].fingerprint.reset();
    REQUIRE(engine->write(transaction));
    using Positions = std::vector<Position>;
    CHECK(engine->find(end_of_numbers, end_of_numbers).value() == Positions{1, 3, 4});
    CHECK(engine->find(end_of_numbers, 3).value() == Positions{1, 3});
    CHECK(engine->find(0, end_of_numbers).value().empty());
}

TEST_CASE("no question reads a whole table of records") {
    // What is run, as SQLite tells it: a copy of the statements here could differ.
    static std::set<std::string> statements;
    statements.clear();
    static const auto trace = [](unsigned, void*, void* statement, void*) {
        statements.insert(sqlite3_sql(static_cast<sqlite3_stmt*>(statement)));
        return 0;
    };
    constexpr auto watch = [](sqlite3* handle, char**, const void*) {
        return sqlite3_trace_v2(handle, SQLITE_TRACE_STMT, trace, nullptr);
    };
    auto* const entry = reinterpret_cast<void (*)()>(+static_cast<int (*)(sqlite3*, char**, const void*)>(watch));
    sqlite3_auto_extension(entry);
    Scene scene;
    const auto engine = open(scene.file);
    Log log{*engine};
    REQUIRE(engine->write(log.add_shares(1, 4).take()));
    statements.clear();
    CHECK(engine->read(1, 4, 4));
    CHECK(engine->read_stream(1, 1, 4));
    CHECK(engine->shares(whole_channel(1)));
    CHECK(engine->has_entries(1, 0, end_of_numbers, 4));
    CHECK(engine->find(0, 4));
    sqlite3_cancel_auto_extension(entry);

    Prompt prompt{scene.file};
    bool has_scan = false;
    std::size_t explained = 0;
    for (const std::string& statement : statements) {
        if (!statement.starts_with("SELECT")) continue;
        ++explained;
        const std::string plan = prompt.run("EXPLAIN QUERY PLAN " + statement);
        CAPTURE(statement);
        CAPTURE(plan);
        CHECK(plan.find("SCAN shares") == std::string::npos);
        CHECK(plan.find("SCAN blocks") == std::string::npos);
        CHECK(plan.find("SCAN acknowledgments") == std::string::npos);
        CHECK(plan.find("SCAN refused") == std::string::npos);
        CHECK(plan.find("SCAN fingerprints") == std::string::npos);
        CHECK(plan.find("SCAN stretches") == std::string::npos);
        CHECK(plan.find("TEMP B-TREE") == std::string::npos);
        if (statement.find("DESC") == std::string::npos) continue;
        has_scan = true;
        CHECK(plan.find("SEARCH shares USING INDEX shares_by_time (channel=? AND time>? AND time<?)") !=
              std::string::npos);
    }
    CHECK(explained == 8);
    CHECK(has_scan);
}

TEST_CASE("a store is opened once at a time, by whatever name") {
    Scene scene;
    auto engine = open(scene.file);
    CHECK(error_of_opening(scene.file) == Kind::in_use);
    fs::create_symlink(scene.file, scene.folder.path() / "link.db");
    CHECK(error_of_opening(scene.folder.path() / "link.db") == Kind::in_use);
    CHECK(error_of_opening(scene.folder.path() / "." / "link.db") == Kind::in_use);
    Log log{*engine};
    CHECK(engine->write(log.add_shares(1, 1).take()));
    REQUIRE(engine->close());
    CHECK(head(*open(scene.folder.path() / "link.db")) == 1);
}

TEST_CASE("a file of another program is refused, and nothing of it or beside it is changed") {
    Scene scene;
    SUBCASE("text") {
        std::ofstream{scene.file} << "hello";
    }
    SUBCASE("a page of zeros") {
        std::ofstream{scene.file} << std::string(4096, '\0');
    }
    SUBCASE("a database of SQLite") {
        Prompt{scene.file}.run("CREATE TABLE shares (x); INSERT INTO shares VALUES (1)");
    }
    SUBCASE("one with a write-ahead journal") {
        Prompt{scene.file}.run("PRAGMA journal_mode = WAL; CREATE TABLE shares (x)");
    }
    const auto before = files_in(scene.folder.path());
    CHECK(error_of_opening(scene.file) == Kind::foreign);
    CHECK(files_in(scene.folder.path()) == before);
}

TEST_CASE("a file of another program that is open there is refused, and not changed") {
    Scene scene;
    Prompt prompt{scene.file};
    prompt.run(
        "PRAGMA journal_mode = WAL; CREATE TABLE shares (x); PRAGMA wal_checkpoint; INSERT INTO shares VALUES (1)");
    const auto before = files_in(scene.folder.path());
    CHECK(before.size() == 3);
    CHECK(error_of_opening(scene.file) == Kind::foreign);
    CHECK(files_in(scene.folder.path()) == before);
}

TEST_CASE("a store of another schema is refused with both versions") {
    Scene scene;
    REQUIRE(open(scene.file)->close());
    Prompt{scene.file}.run("PRAGMA user_version = 27");
    const auto newer = open_sqlite(scene.file);
    REQUIRE(kind(newer) == Kind::newer_schema);
    CHECK(newer.error().detail.find("27") != std::string::npos);
    CHECK(newer.error().detail.find(" 1") != std::string::npos);
    Prompt{scene.file}.run("PRAGMA user_version = 0");
    CHECK(error_of_opening(scene.file) == Kind::older_schema);
    Prompt{scene.file}.run("PRAGMA user_version = 1");
    CHECK(head(*open(scene.file)) == 0);
}

TEST_CASE("a path where no store can be is refused with the reason") {
    Scene scene;
    const auto detail = [](const fs::path& file) {
        const auto engine = open_sqlite(file);
        REQUIRE(kind(engine) == Kind::unusable);
        return engine.error().detail;
    };
    CHECK(detail(scene.folder.path() / "missing" / "store.db").find("missing: no such folder") != std::string::npos);
    std::ofstream{scene.folder.path() / "text"} << "x";
    CHECK(detail(scene.folder.path() / "text" / "store.db").find("ot a ") != std::string::npos);
    CHECK(detail(scene.folder.path()).find("directory") != std::string::npos);
    fs::create_symlink(scene.folder.path() / "nowhere", scene.folder.path() / "link.db");
    CHECK(detail(scene.folder.path() / "link.db").find("link") != std::string::npos);
    REQUIRE(mkfifo((scene.folder.path() / "pipe").c_str(), 0600) == 0);
    CHECK(detail(scene.folder.path() / "pipe").find("regular") != std::string::npos);
}

TEST_CASE("a folder or a file without rights is refused with the reason") {
    Scene scene;
    REQUIRE(open(scene.file)->close());
    fs::permissions(scene.folder.path(), fs::perms{0555});
    fs::permissions(scene.file, fs::perms{0400});
    const auto refused = [](const fs::path& file) {
        return in_child([&] {
            if (geteuid() == 0 && setuid(65534) != 0) return 2;
            const auto engine = open_sqlite(file);
            if (engine) return 3;
            if (engine.error().kind != Kind::unusable) return 4;
            return engine.error().detail.find("ermission") == std::string::npos ? 5 : 0;
        });
    };
    CHECK(refused(scene.folder.path() / "new.db") == 0);
    CHECK(refused(scene.file) == 0);
    fs::permissions(scene.folder.path(), fs::perms{0700});
}

TEST_CASE("a journal whose database is gone is not taken for that of a new store") {
    Scene scene;
    {
        const auto engine = open(scene.file);
        Log log{*engine};
        REQUIRE(engine->write(log.add_shares(1, 5).take()));
        fs::copy(fs::path{scene.file} += "-wal", scene.folder.path() / "kept");
    }
    fs::remove(scene.file);
    fs::rename(scene.folder.path() / "kept", fs::path{scene.file} += "-wal");
    CHECK(error_of_opening(scene.file) == Kind::unusable);
    CHECK(fs::exists(fs::path{scene.file} += "-wal"));
}

TEST_CASE("what a killed creation left is no hindrance") {
    Scene scene;
    std::ofstream{fs::path{scene.file} += ".new"} << "half a store";
    std::ofstream{fs::path{scene.file} += ".new-journal"} << "half a journal";
    const auto engine = open(scene.file);
    CHECK(head(*engine) == 0);
    CHECK_FALSE(fs::exists(fs::path{scene.file} += ".new"));
}

TEST_CASE("a transaction is synced after its last write, and before it returns") {
    Scene scene;
    FailingDisk disk;
    auto engine = open(scene.file);
    Log log{*engine};
    std::vector<FailingDisk::Call> journal;
    disk.decide([&](FailingDisk::Call call, std::string_view file) {
        if (file == "journal") journal.push_back(call);
        return SQLITE_OK;
    });
    REQUIRE(engine->write(log.add_shares(1, 20).take()));
    REQUIRE(journal.size() >= 2);
    CHECK(std::ranges::count(journal, FailingDisk::Call::write) >= 1);
    CHECK(journal.back() == FailingDisk::Call::sync);
}

// After a sync that failed the kernel may take the pages for clean: another sync of them would do nothing.
TEST_CASE("what opening finds in the journal is written anew, into the database, and synced there") {
    Scene scene;
    auto engine = open(scene.file);
    Log log{*engine};
    REQUIRE(engine->write(log.add_shares(1, 20).take()));
    Scene copy; // as the role would have left it when it was killed
    for (const char* const ending : {"", "-wal"})
        std::filesystem::copy_file(scene.file.string() + ending, copy.file.string() + ending);
    FailingDisk disk;
    std::vector<FailingDisk::Call> database;
    disk.decide([&](FailingDisk::Call call, std::string_view file) {
        if (file == "database") database.push_back(call);
        return SQLITE_OK;
    });
    auto reopened = open(copy.file);
    disk.heal();
    CHECK(head(*reopened) == 20);
    REQUIRE(database.size() >= 2);
    CHECK(std::ranges::count(database, FailingDisk::Call::write) >= 1);
    CHECK(database.back() == FailingDisk::Call::sync);
}

TEST_CASE("a store whose term has changed is another role's: it is not written any more") {
    Scene scene;
    auto engine = open(scene.file);
    Log log{*engine};
    REQUIRE(engine->write(log.add_shares(1, 2).take()));
    Prompt prompt{scene.file};
    prompt.run("UPDATE head SET term = term + 1");
    const Transaction late = log.add_shares(1, 2).take();
    CHECK(kind(engine->write(late)) == Kind::poisoned);
    prompt.run("UPDATE head SET term = term - 1");
    CHECK(kind(engine->write(late)) == Kind::poisoned);
    CHECK(head(*engine) == 2);
    check_whole(*engine);
    REQUIRE(engine->close());
    engine = open(scene.file);
    CHECK(engine->write(late));
    check_whole(*engine);
}

TEST_CASE("a transaction of which any statement fails leaves nothing") {
    for (const std::string table : {"streams", "channels", "derived", "shares", "blocks", "acknowledgments",
                                    "refused_records", "fingerprints", "stretches", "head"}) {
        CAPTURE(table);
        Scene scene;
        auto engine = open(scene.file);
        Log log{*engine};
        REQUIRE(engine->write(log.add_shares(1, 2).take()));
        Prompt{scene.file}.run("CREATE TRIGGER no BEFORE " + std::string{table == "head" ? "UPDATE" : "INSERT"} +
                               " ON " + table + " BEGIN SELECT RAISE(ABORT, 'no'); END");
        const Transaction transaction = log.add_shares(1, 2)
                                            .add(1, share(8, "1.1.2"))
                                            .add(1, block("b"))
                                            .add(1, acknowledgment("b"))
                                            .add(1, Bytes{9})
                                            .derive({1}, {1})
                                            .take();
        CHECK(kind(engine->write(transaction)) == Kind::poisoned);
        CHECK(head(*engine) == 2);
        CHECK(engine->load()->channels.size() == 1);
        CHECK(engine->load()->derived.empty());
        check_whole(*engine);
        Prompt{scene.file}.run("DROP TRIGGER no");
        REQUIRE(engine->close());
        engine = open(scene.file);
        CHECK(engine->write(transaction));
        CHECK(head(*engine) == 8);
        check_whole(*engine);
    }
}

TEST_CASE("without space nothing is stored, whichever write fails, and the same transaction succeeds later") {
    struct Failure {
        int code;
        int system_error;
    };
    for (const auto [code, system_error] :
         {Failure{SQLITE_FULL, ENOSPC}, Failure{SQLITE_IOERR_WRITE, EDQUOT}, Failure{SQLITE_IOERR_WRITE, EFBIG}}) {
        int failed = 0;
        for (int before = 0;; ++before) {
            CAPTURE(before);
            Scene scene;
            FailingDisk disk;
            auto engine = open(scene.file);
            Log log{*engine};
            REQUIRE(engine->write(log.add_shares(1, 20).take()));
            const Transaction transaction = log.add_shares(1, 30).take();
            disk.fail_once(FailingDisk::Call::write, before, code, system_error);
            const auto written = engine->write(transaction);
            if (written) break;
            ++failed;
            REQUIRE(written.error().kind == Kind::full);
            CHECK(head(*engine) == 20);
            CHECK(all(*engine).size() == 20);
            disk.heal();
            REQUIRE(engine->write(transaction));
            CHECK(head(*engine) == 50);
            REQUIRE(engine->close());
            engine = open(scene.file);
            CHECK(head(*engine) == 50);
            check_whole(*engine);
        }
        CHECK(failed > 10);
    }
}

TEST_CASE("after a write or a sync that failed nothing is written any more until a restart") {
    struct Failure {
        FailingDisk::Call call;
        int code;
        int system_error;
    };
    for (const auto [call, code, system_error] : {Failure{FailingDisk::Call::write, SQLITE_IOERR_WRITE, EIO},
                                                  Failure{FailingDisk::Call::write, SQLITE_IOERR_WRITE, EROFS},
                                                  Failure{FailingDisk::Call::sync, SQLITE_IOERR_FSYNC, EIO},
                                                  Failure{FailingDisk::Call::sync, SQLITE_IOERR_FSYNC, ENOSPC}}) {
        int failed = 0;
        for (int before = 0;; ++before) {
            CAPTURE(before);
            Scene scene;
            FailingDisk disk;
            auto engine = open(scene.file);
            Log log{*engine};
            REQUIRE(engine->write(log.add_shares(1, 20).take()));
            const Transaction transaction = log.add_shares(1, 30).take();
            disk.fail_once(call, before, code, system_error);
            const auto written = engine->write(transaction);
            if (written) break;
            ++failed;
            CHECK(written.error().kind == Kind::poisoned);
            int calls = 0;
            disk.decide([&](FailingDisk::Call, std::string_view) {
                ++calls;
                return SQLITE_OK;
            });
            CHECK(kind(engine->write(transaction)) == Kind::poisoned);
            CHECK(head(*engine) == 20); // can still be asked
            check_whole(*engine);
            CHECK(engine->close());
            CHECK(calls == 0);
            engine = open(scene.file);
            CHECK((head(*engine) == 20 || head(*engine) == 50));
            check_whole(*engine);
        }
        CHECK(failed >= (call == FailingDisk::Call::sync ? 1 : 10));
    }
}

// By default enough for a checkpoint.
Transaction large(Log& log, int blocks = 140) {
    for (; blocks > 0; --blocks) log.add(1, block("c", noon, Bytes(0xffff, 0xcb)));
    return log.take();
}

TEST_CASE("a commit whose pages lie in the journal but not in its index is unknown, and stored once when tried again") {
    for (const bool is_tried_again : {true, false}) {
        Scene scene;
        FailingDisk disk;
        auto engine = open(scene.file);
        Log log{*engine};
        REQUIRE(engine->write(log.add_shares(1, 1).take()));
        const Transaction transaction = large(log, 300); // more pages than the index has room for at first
        disk.fail_once(FailingDisk::Call::grow_index, 0, SQLITE_IOERR_SHMSIZE, ENOSPC);
        CHECK(kind(engine->write(transaction)) == Kind::unknown);
        CHECK(head(*engine) == 1);
        disk.heal();
        if (is_tried_again) REQUIRE(engine->write(transaction));
        REQUIRE(engine->close());
        engine = open(scene.file);
        CHECK(head(*engine) == (is_tried_again ? 301 : 1));
        check_whole(*engine);
    }
}

TEST_CASE("a checkpoint that fails does not make a commit fail; without space it is made later, after a failed sync "
          "nothing is written") {
    Scene scene;
    FailingDisk disk;
    auto engine = open(scene.file);
    Log log{*engine};
    REQUIRE(engine->write(log.add_shares(1, 1).take()));
    bool was_asked = false;
    const auto refuse = [&](FailingDisk::Call which, int code, int system_error) {
        was_asked = false;
        disk.decide([&was_asked, which, code, system_error](FailingDisk::Call call, std::string_view file) {
            if (call != which || file != "database") return SQLITE_OK;
            was_asked = true;
            FailingDisk::last_error = system_error;
            return code;
        });
    };
    refuse(FailingDisk::Call::write, SQLITE_FULL, ENOSPC);
    CHECK(engine->write(large(log)));
    CHECK(was_asked);
    CHECK(engine->write(log.add_shares(1, 1).take()));
    check_whole(*engine);
    disk.heal();
    const auto size = fs::file_size(scene.file);
    CHECK(engine->write(large(log)));
    CHECK(fs::file_size(scene.file) > size + 8'000'000);

    refuse(FailingDisk::Call::sync, SQLITE_IOERR_FSYNC, EIO);
    CHECK(engine->write(large(log)));
    CHECK(was_asked);
    disk.heal();
    const Position last = head(*engine);
    CHECK(kind(engine->write(log.add_shares(1, 1).take())) == Kind::poisoned);
    CHECK(engine->close());
    engine = open(scene.file);
    CHECK(head(*engine) == last);
    check_whole(*engine);
}

TEST_CASE("the journal is begun again when its pages are in the database") {
    Scene scene;
    const auto engine = open(scene.file);
    Log log{*engine};
    for (int i = 0; i < 8; ++i) REQUIRE(engine->write(large(log)));
    CHECK(fs::file_size(fs::path{scene.file} += "-wal") < 20'000'000);
    check_whole(*engine);
}

TEST_CASE("a journal that a reader keeps from being begun again is so when the reader has gone") {
    Scene scene;
    const auto engine = open(scene.file);
    Log log{*engine};
    REQUIRE(engine->write(log.add_shares(1, 1).take()));
    {
        Prompt prompt{scene.file};
        prompt.run("BEGIN; SELECT count(*) FROM shares");
        for (int i = 0; i < 10; ++i) REQUIRE(engine->write(large(log)));
    }
    const fs::path journal = fs::path{scene.file} += "-wal";
    const auto size = fs::file_size(journal);
    CHECK(size > 80'000'000);
    for (int i = 0; i < 5; ++i) REQUIRE(engine->write(large(log)));
    CHECK(fs::file_size(journal) < size);
    check_whole(*engine);
}

TEST_CASE("a limit to the file's size is a lack of space: nothing is stored, and later the same transaction is") {
    Scene scene;
    auto engine = open(scene.file);
    Log log{*engine};
    REQUIRE(engine->write(log.add_shares(1, 10).take()));
    const Transaction transaction = log.add_shares(1, 500).take();
    const auto ignored = std::signal(SIGXFSZ, SIG_IGN);
    rlimit before{};
    REQUIRE(getrlimit(RLIMIT_FSIZE, &before) == 0);
    const rlimit low{.rlim_cur = fs::file_size(fs::path{scene.file} += "-wal") + 10'000, .rlim_max = before.rlim_max};
    REQUIRE(setrlimit(RLIMIT_FSIZE, &low) == 0);
    const auto first = engine->write(transaction);
    const auto second = engine->write(transaction);
    REQUIRE(setrlimit(RLIMIT_FSIZE, &before) == 0);
    std::signal(SIGXFSZ, ignored);
    CHECK(kind(first) == Kind::full);
    CHECK(kind(second) == Kind::full);
    CHECK(head(*engine) == 10);
    CHECK(engine->write(transaction));
    REQUIRE(engine->close());
    engine = open(scene.file);
    CHECK(head(*engine) == 510);
    check_whole(*engine);
}

TEST_CASE("a lock that a person holds delays a transaction, and then it is tried again") {
    Scene scene;
    const auto engine = open(scene.file);
    Log log{*engine};
    const Transaction transaction = log.add_shares(1, 3).take();
    Prompt prompt{scene.file};
    prompt.run("BEGIN IMMEDIATE");
    CHECK(kind(engine->write(transaction)) == Kind::unavailable);
    CHECK(head(*engine) == 0);
    prompt.run("ROLLBACK");
    CHECK(engine->write(transaction));
    check_whole(*engine);
}

TEST_CASE("readers see the log between two transactions, never half of one") {
    Scene scene;
    const auto engine = open(scene.file);
    constexpr std::size_t each = 10;
    std::atomic<bool> has_ended = false;
    std::atomic<bool> is_torn = false;
    std::atomic<int> failures = 0;
    std::vector<std::thread> readers;
    for (int i = 0; i < 6; ++i) // more than there are connections
        readers.emplace_back([&] {
            while (!has_ended) {
                const auto contents = engine->load();
                const auto entries = engine->read(1, end_of_numbers, end_of_numbers);
                const auto of_stream = engine->read_stream(1, 1, end_of_numbers);
                if (!contents || !entries || !of_stream) {
                    ++failures;
                    continue;
                }
                const auto streams = contents->streams.empty() ? 0 : contents->streams[0].durable_sequence;
                is_torn = is_torn || contents->head.position != streams * 2 || entries->size() % each != 0 ||
                          of_stream->size() % (each / 2) != 0 || entries->size() < contents->head.position;
            }
        });
    Log log{*engine};
    bool is_written = true;
    for (int i = 0; i < 100; ++i) {
        for (std::size_t k = 0; k < each / 2; ++k) // kinds and streams alternate
            log.add_shares(1, 1).add(2, block("b"));
        is_written = is_written && engine->write(log.take());
    }
    has_ended = true;
    for (std::thread& reader : readers) reader.join();
    CHECK(is_written);
    CHECK_FALSE(is_torn);
    CHECK(failures == 0);
    check_whole(*engine);
}

TEST_CASE("an interrupted call ends with unavailable, and later ones work") {
    Scene scene;
    const auto engine = open(scene.file);
    Log log{*engine};
    REQUIRE(engine->write(log.add_shares(1, 5000).take()));
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{30};
    std::atomic<bool> has_ended = false;
    std::thread interrupter{[&] {
        while (!has_ended) engine->interrupt();
    }};
    bool read = false;
    while (!read && std::chrono::steady_clock::now() < deadline) {
        const auto entries = engine->read(1, end_of_numbers, end_of_numbers);
        read = !entries && entries.error().kind == Kind::unavailable;
    }
    bool written = false;
    while (!written && std::chrono::steady_clock::now() < deadline) {
        const auto done = engine->write(log.add_shares(1, 50).take());
        if (done) continue;
        written = done.error().kind == Kind::unavailable;
        break;
    }
    has_ended = true;
    interrupter.join();
    CHECK(read);
    CHECK(written);
    check_whole(*engine);
    Log after{*engine};
    CHECK(engine->write(after.add_shares(1, 50).take()));
    check_whole(*engine);
}

TEST_CASE(
    "a role killed before any of its writes and syncs leaves whole transactions, all that had returned among them") {
    int killed = 0;
    bool has_ended = false;
    for (int before = 0; !has_ended; ++before) {
        CAPTURE(before);
        Scene scene;
        const fs::path told = scene.folder.path() / "told"; // the last position that was acknowledged
        const int code = in_child([&] {
            FailingDisk disk;
            disk.decide([left = before](FailingDisk::Call, std::string_view) mutable {
                if (left-- == 0) raise(SIGKILL);
                return SQLITE_OK;
            });
            const auto engine = open_sqlite(scene.file);
            if (!engine) return 1;
            Log log{**engine};
            for (const std::size_t size : {1, 7, 30, 30}) {
                if (!(*engine)->write(log.add_shares(1, size).take())) return 2;
                std::ofstream{told} << head(**engine);
            }
            return (*engine)->close() ? 0 : 3;
        });
        REQUIRE((code == 0 || code == -SIGKILL));
        has_ended = code == 0;
        killed += has_ended ? 0 : 1;
        Position acknowledged = 0;
        if (std::ifstream in{told}) in >> acknowledged;
        const auto engine = open(scene.file);
        const Position found = head(*engine);
        CAPTURE(found);
        CHECK(std::set<Position>{0, 1, 8, 38, 68}.contains(found));
        CHECK(found >= acknowledged);
        check_whole(*engine);
        Log log{*engine};
        CHECK(engine->write(log.add_shares(1, 3).take()));
        check_whole(*engine);
    }
    CHECK(killed > 50);
}

TEST_CASE("a row that is damaged is told, not served") {
    Scene scene;
    const auto engine = open(scene.file);
    Log log{*engine};
    REQUIRE(engine->write(log.add_shares(1, 3).take()));
    Prompt prompt{scene.file};
    prompt.run("UPDATE shares SET share_hash = x'00ff' WHERE position = 2");
    CHECK(positions(engine->read(1, 1, 1)).size() == 1);
    CHECK(kind(engine->read(1, 3, 3)) == Kind::corrupt);
    prompt.run("DELETE FROM head");
    CHECK(kind(engine->load()) == Kind::corrupt);
    prompt.run("DROP TABLE fingerprints");
    CHECK(kind(engine->find(1, 3)) == Kind::corrupt);
}
