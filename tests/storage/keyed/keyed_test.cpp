// What a log over a key-value store keeps and refuses, the same over each of them.
#include "storage/keyed/faulty_key_values.hpp"
#include "storage/keyed/keyed_engine.hpp"
#include "storage/keyed/keys.hpp"
#include "storage/log_store.hpp"
#include "tests/storage/fault_trial.hpp"
#include "tests/storage/keyed/failing_sync.hpp"
#include "tests/storage/keyed/scene.hpp"
#include "tests/storage/keyed/small_disk.hpp"

#include <sys/stat.h>

#include <array>
#include <atomic>
#include <csignal>
#include <sys/resource.h>
#include <thread>

using namespace keyed_tests;
using storage::keyed::FaultyKeyValues;
using storage::keyed::KeyedEngine;
using storage::keyed::RowKind;

namespace {

// The store's rows again as they were when it was made.
void make_empty(KeyValues& values) {
    Batch batch;
    for (const Table table : {Table::rows, Table::log, Table::times, Table::fingerprints})
        for (const auto& [key, value] : content(values, table)) batch.remove(table, bytes_of(key));
    const auto first = storage::keyed::first_batch();
    REQUIRE(first);
    for (std::size_t i = 0; i < first->size(); ++i) {
        const auto change = (*first)[i];
        batch.put(change.table, change.key, [&](protocol::Writer& out) { out.put(change.value); });
    }
    batch.sort();
    REQUIRE(values.commit(batch));
}

// Of a disk of 1 TiB, as the system tells it.
class Shortage {
  public:
    explicit Shortage(int mebibytes) { set(mebibytes); }
    Shortage(const Shortage&) = delete;
    Shortage& operator=(const Shortage&) = delete;
    ~Shortage() { support::mebibytes_left = -1; }

    void set(int mebibytes) const { support::mebibytes_left = mebibytes; }
};

} // namespace

TEST_CASE("a new store is empty, has a data set of its own, and is for its owner alone") {
    Scene scene;
    const auto engine = open(scene.file);
    CHECK(engine->name() == name);
    CHECK(engine->durability() == protocol::Durability::local);
    const auto contents = engine->load();
    REQUIRE(contents);
    CHECK(contents->data_set.id != 0);
    CHECK(contents->head.position == 0);
    CHECK(contents->streams.empty());
    CHECK(all(*engine).empty());
    struct stat status{};
    REQUIRE(stat(scene.file.c_str(), &status) == 0);
    CHECK((status.st_mode & 0077) == 0);
    CHECK(open(scene.folder.path() / "other")->load()->data_set.id != contents->data_set.id);
}

TEST_CASE("all that is written is read back, at once and from a store that was opened again") {
    Scene scene;
    auto engine = open(scene.file);
    Log log{*engine};
    for (const Bytes& record : one_of_each_kind("b", noon)) log.add(1, record);
    log.add(2, Bytes{9}).add(2, share(7), {1, 2, 3}).add_duplicate(2, share(7)).derive({1, 2}, {3});
    storage::HourRow hour;
    hour.subject = protocol::Subject::user;
    hour.number = 5;
    hour.hour = 490'000;
    hour.tally.totals.shares_accepted = 3;
    hour.tally.totals.last_share_timestamp = noon;
    Transaction written = log.close_run({hour}).take();
    written.users = {{.number = 1, .pool = "pool", .user_identity = "a"}};
    REQUIRE(engine->write(written));
    for (const bool is_opened_again : {false, true}) {
        if (is_opened_again) {
            REQUIRE(engine->close());
            engine = open(scene.file);
        }
        check_whole(*engine);
        const auto entries = all(*engine);
        for (std::size_t i = 0; i < entries.size(); ++i) check_same(entries[i], written.entries[i]);
        const auto contents = engine->load();
        REQUIRE(contents);
        CHECK(contents->head.chain == written.head.chain);
        REQUIRE(contents->derived.size() == 1);
        CHECK(contents->derived[0].value == Bytes{3});
        CHECK(contents->users.size() == 1);
        REQUIRE(contents->runs.size() == 1);
        CHECK(contents->runs[0] == written.runs[0]);
        const auto hours = engine->hours({.subject = protocol::Subject::user,
                                          .number = 5,
                                          .first_hour = 490'000,
                                          .last_hour = 490'000,
                                          .first_run = 1,
                                          .last_run = end_of_numbers});
        REQUIRE(hours);
        REQUIRE(hours->size() == 1);
        CHECK(hours->front().tally == hour.tally);
        CHECK(storage::check(hours->front()));
        const auto fingerprint = *written.entries[0].fingerprint;
        CHECK(engine->find(fingerprint, end_of_numbers).value() == Positions{1});
        CHECK(engine->find(fingerprint, 0).value().empty());
        CHECK(engine->find(fingerprint + 1, end_of_numbers).value().empty());
    }
}

TEST_CASE("what is taken out leaves nothing behind, in any table") {
    Scene scene;
    auto engine = open(scene.file);
    Log log{*engine};
    REQUIRE(engine->write(log.add(3, block("c")).take()));
    REQUIRE(engine->close());
    const auto keys = [&] {
        const auto opened = values(scene.file);
        std::size_t keys = content(*opened, Table::rows).size();
        for (const Table table : {Table::log, Table::times, Table::fingerprints})
            keys += content(*opened, table).size();
        return keys;
    };
    const std::size_t before = keys();
    engine = open(scene.file);
    Log more{*engine};
    const Transaction written =
        more.add_shares(3, 2).add(3, block("c")).add(3, Bytes{9}).close_run({storage::HourRow{}}).take();
    REQUIRE(engine->write(written));
    Transaction removal = more.take_out(written.entries).take();
    removal.replaced_run = 5;
    REQUIRE(engine->write(removal));
    CHECK(positions(engine->read(1, end_of_numbers, 9)) == Positions{1});
    REQUIRE(engine->close());
    CHECK(keys() == before + 1 - 1); // a channel came, and the stream's only stretch went
}

TEST_CASE("a store whose term has changed is another role's: it is not written any more") {
    Scene scene;
    std::shared_ptr<KeyValues> shared = values(scene.file);
    const auto through = [&] {
        return std::make_unique<FaultyKeyValues>(shared,
                                                 [](std::string_view, storage::Moment) { return std::nullopt; });
    };
    KeyedEngine engine{through()};
    KeyedEngine other{through()};
    Log log{engine};
    REQUIRE(engine.write(log.add_shares(1, 2).take()));
    Log others{other};
    REQUIRE(other.write(others.add_shares(1, 1).take()));
    CHECK(kind(engine.write(log.add_shares(1, 2).take())) == Kind::superseded);
    CHECK(head(engine) == 3);
    check_whole(engine);
}

TEST_CASE("a store that does not end where what is to be written begins is left alone, and may be asked") {
    Scene scene;
    check_other_heads(*open(scene.file));
}

TEST_CASE("a store is opened by one process at a time, which the second is told") {
    Scene scene;
    auto engine = open(scene.file);
    CHECK(in_child([&] {
              const auto second = open_engine(scene.file);
              if (second || second.error().kind != Kind::in_use) return 1;
              return second.error().detail.find("held by another role") == std::string::npos ? 2 : 0;
          }) == 0);
    CHECK(kind(open_engine(scene.file)) == Kind::in_use);
    Log log{*engine};
    CHECK(engine->write(log.add_shares(1, 1).take()));
    REQUIRE(engine->close());
    CHECK(head(*open(scene.file)) == 1);
}

TEST_CASE("a store of another schema is refused with both versions, and not changed") {
    Scene scene;
    REQUIRE(open(scene.file)->close());
    const std::array others{std::pair{7, Kind::newer_schema}, std::pair{1, Kind::older_schema},
                            std::pair{0, Kind::older_schema}};
    for (const auto& [version, kind] : others) {
        change_version(scene.file, version);
        check_refused(scene.file, kind, "has schema version " + std::to_string(version) + "; this program reads and");
    }
    change_version(scene.file, 2);
    CHECK(head(*open(scene.file)) == 0);
}

TEST_CASE("a path without rights is refused with the reason") {
    Scene scene;
    REQUIRE(open(scene.file)->close());
    fs::permissions(scene.folder.path(), fs::perms{0755});
    const auto refused = [](const fs::path& path) {
        return in_child([&] {
            if (geteuid() == 0 && setuid(65534) != 0) return 2;
            const auto engine = open_engine(path);
            if (engine) return 3;
            if (engine.error().kind != Kind::unusable) return 4;
            return engine.error().detail.find("ermission") == std::string::npos ? 5 : 0;
        });
    };
    fs::permissions(scene.file, fs::perms{0});
    CHECK(refused(scene.file) == 0);
    fs::permissions(scene.folder.path(), fs::perms{0555});
    CHECK(refused(scene.folder.path() / "new") == 0);
    fs::permissions(scene.folder.path(), fs::perms{0700});
    fs::permissions(scene.file, fs::perms{0700});
}

TEST_CASE("readers see the log between two transactions, never half of one") {
    Scene scene;
    const auto engine = open(scene.file);
    std::atomic<bool> has_ended = false;
    std::atomic<int> torn = 0;
    std::atomic<int> failures = 0;
    std::vector<std::thread> readers;
    for (int i = 0; i < 3; ++i)
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
                if (contents->head.position != streams * 2 || entries->size() % 10 != 0 || of_stream->size() % 5 != 0)
                    ++torn;
            }
        });
    Log log{*engine};
    bool is_written = true;
    for (int i = 0; i < 100; ++i) {
        for (std::size_t k = 0; k < 5; ++k) log.add_shares(1, 1).add(2, block("b"));
        is_written = is_written && engine->write(log.take());
    }
    has_ended = true;
    for (std::thread& reader : readers) reader.join();
    CHECK(is_written);
    CHECK(torn == 0);
    CHECK(failures == 0);
    check_whole(*engine);
}

TEST_CASE("an interrupted question ends with unavailable, and later ones are answered") {
    Scene scene;
    const auto engine = open(scene.file);
    Log log{*engine};
    REQUIRE(engine->write(log.add_shares(1, 5000).take()));
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{30};
    std::atomic<bool> has_ended = false;
    std::thread interrupter{[&] {
        while (!has_ended) engine->interrupt();
    }};
    bool is_interrupted = false;
    while (!is_interrupted && std::chrono::steady_clock::now() < deadline) {
        const auto entries = engine->read(1, end_of_numbers, end_of_numbers);
        is_interrupted = !entries && entries.error().kind == Kind::unavailable;
    }
    has_ended = true;
    interrupter.join();
    CHECK(is_interrupted);
    check_whole(*engine);
}

TEST_CASE("a damaged entry refuses the submission that repeats it, and no other") {
    Scene scene;
    std::shared_ptr<KeyValues> shared = values(scene.file);
    const auto store = storage::LogStore::open(std::make_unique<KeyedEngine>(
        std::make_unique<FaultyKeyValues>(shared, [](std::string_view, storage::Moment) { return std::nullopt; })));
    REQUIRE(store);
    const auto attached = (*store)->attach({.identity = "a", .stream_id = 1}, "pool");
    const auto other = (*store)->attach({.identity = "b", .stream_id = 1}, "pool");
    const std::vector<protocol::B0_16M> records{fixtures::bytes(fixtures::share(1)),
                                                fixtures::bytes(fixtures::share(2))};
    REQUIRE((*store)->commit(std::vector{fixtures::submission(*attached, 1, records)}));

    auto [key, value] = *content(*shared, Table::log).begin();
    SUBCASE("in the record") {
        value.back() ^= 1;
    }
    SUBCASE("in the number of its channel") {
        value[29] ^= 1;
    }
    SUBCASE("cut short") {
        value.resize(20);
    }
    put(*shared, Table::log, key, value);
    const std::vector<protocol::B0_16M> others{fixtures::bytes(fixtures::share(3))};
    const auto outcomes = (*store)->commit(
        std::vector{fixtures::submission(*attached, 1, records), fixtures::submission(*other, 1, others)});
    REQUIRE(outcomes);
    REQUIRE_FALSE((*outcomes)[0]);
    CHECK((*outcomes)[0].error() == storage::Refused::damaged);
    CHECK((*outcomes)[1]);
}

TEST_CASE("after a sync that failed nothing is written any more until the store is opened again") {
    int failed = 0;
    for (int before = 0;; ++before) {
        CAPTURE(before);
        Scene scene;
        auto engine = open(scene.file);
        Log log{*engine};
        REQUIRE(engine->write(log.add_shares(1, 20).take()));
        const Transaction transaction = log.add_shares(1, 30).take();
        support::syncs_until_failure = before;
        const auto written = engine->write(transaction);
        support::syncs_until_failure = -1;
        if (written) break;
        ++failed;
        CHECK(written.error().kind == Kind::poisoned);
        CHECK(written.error().detail.find("until the role is started again") != std::string::npos);
        const int syncs = support::syncs;
        CHECK(kind(engine->write(transaction)) == Kind::poisoned);
        CHECK(support::syncs == syncs);
        CHECK(head(*engine) == 20); // can still be asked
        CHECK(engine->close());
        engine = open(scene.file);
        CHECK((head(*engine) == 20 || head(*engine) == 50));
        check_whole(*engine);
    }
    CHECK(failed >= 1);
}

TEST_CASE("a transaction that changes nothing is synced, too") {
    Scene scene;
    const auto engine = open(scene.file);
    Log log{*engine};
    REQUIRE(engine->write(log.add_shares(1, 5).take()));
    const Transaction nothing = storage::behind(engine->load()->head);
    const int syncs = support::syncs;
    REQUIRE(engine->write(nothing));
    CHECK(support::syncs > syncs);
    check_whole(*engine);
}

TEST_CASE("a limit to a file's size is a lack of space: the same transaction is stored later, once") {
    Scene scene;
    auto engine = open(scene.file);
    Log log{*engine};
    REQUIRE(engine->write(log.add_shares(1, 10).take()));
    const Transaction transaction = log.add_shares(1, 40'000).take(); // more than the file has room for
    const auto ignored = std::signal(SIGXFSZ, SIG_IGN);
    rlimit before{};
    REQUIRE(getrlimit(RLIMIT_FSIZE, &before) == 0);
    const rlimit low{.rlim_cur = 4 * 1024 * 1024, .rlim_max = before.rlim_max};
    REQUIRE(setrlimit(RLIMIT_FSIZE, &low) == 0);
    const auto first = engine->write(transaction);
    const auto told = engine->load();
    const auto second = engine->write(transaction);
    REQUIRE(setrlimit(RLIMIT_FSIZE, &before) == 0);
    std::signal(SIGXFSZ, ignored);
    REQUIRE_FALSE(first);
    CAPTURE(first.error().detail);
    CHECK((first.error().kind == Kind::full || first.error().kind == Kind::unknown));
    CHECK(first.error().detail.find("File too large") != std::string::npos);
    CHECK(first.error().detail.find(scene.file.native()) != std::string::npos);
    REQUIRE(told);
    CHECK(told->head.position == 10);
    REQUIRE_FALSE(second);
    CHECK(second.error().may_recover());
    CHECK(head(*engine) == 10);
    CHECK(engine->write(transaction));
    REQUIRE(engine->close());
    engine = open(scene.file);
    CHECK(head(*engine) == 40'010);
    check_whole(*engine);
}

TEST_CASE("before its disk is full a store warns, with how much is left, until there is room again") {
    const Scene scene;
    const Shortage disk{10'000};
    const auto engine = open(scene.file);
    Log log{*engine};
    CHECK(engine->warning().empty());
    const auto warning_with = [&](int mebibytes) {
        disk.set(mebibytes);
        REQUIRE(engine->write(log.add_shares(1, 1).take()));
        return engine->warning();
    };
    CHECK(warning_with(1000).empty());
    const std::string warning = warning_with(200);
    CAPTURE(warning);
    CHECK(warning.starts_with(scene.file.native() + ": its disk has 200 MiB left; when it has only "));
    CHECK(warning.ends_with(" MiB left, no records are taken any more: make room"));
    CHECK(warning_with(260).find("has 260 MiB left") != std::string::npos); // not yet enough to come and go
    CHECK(warning_with(1000).empty());
    check_whole(*engine);
}

TEST_CASE("what is left of a disk is for taking out what is old, for starting and for ending, not for records") {
    const Scene scene;
    const Shortage disk{10'000};
    auto engine = open(scene.file);
    std::vector<LogEntry> written;
    {
        Log log{*engine};
        storage::Result<void> last;
        while (last && written.size() < 100'000) {
            if (written.size() == 3000) disk.set(60);
            const Transaction next = log.add_shares(1, 1000).take();
            last = engine->write(next);
            if (last) written.insert(written.end(), next.entries.begin(), next.entries.end());
        }
        REQUIRE_FALSE(last);
        CHECK(last.error().kind == Kind::full);
        CAPTURE(last.error().detail);
        CHECK(last.error().detail.find("its disk has 60 MiB left") != std::string::npos);
        CHECK(last.error().detail.ends_with("; make room on its disk: a running role goes on by itself"));
        CHECK(head(*engine) == written.size());
    }
    REQUIRE(engine->close());
    auto store = storage::LogStore::open(open(scene.file)); // writes that it is the one now
    REQUIRE(store);
    CHECK((*store)->attach({.identity = "a", .stream_id = 1}, "pool"));
    CHECK((*store)->warning().find("60 MiB") != std::string::npos);
    REQUIRE((*store)->close());

    engine = open(scene.file);
    Log remover{*engine};
    for (std::size_t first = 0; first < written.size(); first += 1000) {
        const auto begin = written.begin() + static_cast<std::ptrdiff_t>(first);
        REQUIRE(engine->write(remover.take_out({begin, begin + 1000}).take()));
    }
    CHECK(all(*engine).empty());
    disk.set(10'000);
    CHECK(engine->write(remover.add_shares(1, 1000).take()));
}

TEST_CASE("a write to a file that finds no space, whichever it is, loses nothing and stores nothing twice") {
    int failed = 0;
    for (int before = 0;; ++before) {
        CAPTURE(before);
        const Scene scene;
        auto engine = open(scene.file);
        Log log{*engine};
        REQUIRE(engine->write(log.add_shares(1, 20).take()));
        const Transaction transaction = log.add_shares(1, 2000).take();
        support::writes_until_failure = before;
        const auto written = engine->write(transaction);
        support::writes_until_failure = -1;
        if (written) break;
        ++failed;
        CAPTURE(written.error().detail);
        CHECK((written.error().kind == Kind::unknown || written.error().kind == Kind::poisoned));
        if (!written.error().may_recover()) {
            CHECK(engine->close());
            engine = open(scene.file);
        }
        CHECK(head(*engine) == 20);
        CHECK(engine->write(transaction));
        CHECK(head(*engine) == 2020);
        check_whole(*engine);
    }
    CHECK(failed >= 1);
}

namespace {

// All trials in one store after the other: what was removed from one is still stepped over.
void check_every_call(const std::vector<fault_trial::Fault>& faults, std::string_view of_calls, int least_calls) {
    // Syncs have a case of their own; in memory these take a fraction of the time.
    const support::TemporaryFolder folder{fs::exists("/dev/shm") ? "/dev/shm" : fs::temp_directory_path()};
    std::shared_ptr<KeyValues> shared;
    int trials = 0;
    constexpr int in_one_store = 32;
    const auto fresh = [&] {
        if (trials++ % in_one_store == 0)
            shared = values(folder.path() / std::to_string(trials));
        else
            make_empty(*shared);
        return [shared, of_calls](const storage::FaultHook& hook) -> std::unique_ptr<Engine> {
            const auto chosen = [=](std::string_view call, storage::Moment moment) {
                // What the next trials need open is never closed.
                if (call == "close") return std::optional{fixtures::error(Kind::unavailable)};
                return of_calls.empty() || call == of_calls ? hook(call, moment) : std::nullopt;
            };
            return std::make_unique<KeyedEngine>(std::make_unique<FaultyKeyValues>(shared, chosen));
        };
    };
    fault_trial::check_every_call(faults, fresh, least_calls);
}

} // namespace

TEST_CASE("whichever call of the key-value store fails, every acknowledged record is there once") {
    using enum Kind;
    check_every_call({{unavailable, storage::Moment::before, false}, {unknown, storage::Moment::after, true}}, "", 300);
}

TEST_CASE(
    "whichever commit of the key-value store fails, and in whatever way, every acknowledged record is there once") {
    using enum Kind;
    std::vector<fault_trial::Fault> faults;
    for (const auto& [kind, moment] :
         {std::pair{full, storage::Moment::before}, std::pair{unavailable, storage::Moment::before},
          std::pair{unknown, storage::Moment::before}, std::pair{poisoned, storage::Moment::before},
          std::pair{unknown, storage::Moment::after}, std::pair{poisoned, storage::Moment::after}})
        for (const bool restarts : {false, true}) faults.push_back({kind, moment, restarts});
    check_every_call(faults, "commit", 10);
}
