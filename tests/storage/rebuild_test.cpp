// What a store knows when it is opened again: the log, and nothing that the log does not say.

#include "storage/integrity.hpp"
#include "tests/storage/fixtures.hpp"

#include <algorithm>

using namespace fixtures;
using namespace storage;

namespace {

// Some of everything, in several commits.
void fill(Store& store) {
    const auto to = attach(store);
    for (std::uint64_t first = 1; first <= 91; first += 10) {
        auto records = shares(first, first + 6, first % 20 == 1 ? "1.1.1.1" : "2.2.2.2");
        records.push_back(bytes(block(first + 7)));
        records.push_back(no_record);
        records.push_back(bytes(share(first)));
        REQUIRE(commit_one(store, submission(to, first, records)).has_value());
    }
}

struct Answers {
    PoolTotals totals;
    std::vector<std::string> channels;
    protocol::Totals one;

    explicit Answers(const Store& store)
        : totals{store.totals(pool, {}).value()},
          channels{store.channels(pool, "", 100).value()},
          one{store.accounting(pool, "1.1.1.1").value().value().derived} {}
    bool operator==(const Answers& other) const {
        return totals.position == other.totals.position && totals.channels == other.totals.channels &&
               totals.in_range.totals == other.totals.in_range.totals && channels == other.channels && one == other.one;
    }
};

// Opens a store and counts what it reads of the log.
Result<std::unique_ptr<LogStore>> reopen(const std::shared_ptr<Engine>& engine, int& reads) {
    reads = 0;
    auto counting = std::make_unique<FaultyEngine>(engine, [&reads](std::string_view call, Moment moment) {
        if (call == "read" && moment == Moment::before) ++reads;
        return std::optional<StorageError>{};
    });
    return LogStore::open(std::move(counting), 100'000, "/a/store.db");
}

// An entry as a store would have written it.
template <protocol::Record R> LogEntry entry_of(Position position, const R& record) {
    LogEntry entry;
    entry.position = position;
    entry.stream = 1;
    entry.sequence = position;
    entry.received_at = today;
    entry.bytes = bytes(record).bytes;
    entry.content = protocol::read_record(entry.bytes).value();
    entry.channel = 1;
    entry.time = today;
    entry.fingerprint = position;
    entry.checksum = checksum_of(entry);
    return entry;
}

// The log of one stream and one channel, with the head that fits.
Transaction log_of(std::vector<LogEntry> entries) {
    Transaction log;
    StreamRow& row = log.streams.emplace_back();
    row.number = 1;
    row.name.identity = "a-client";
    row.name.stream_id = 1;
    row.pool = pool;
    row.epoch = 1;
    row.durable_sequence = entries.size();
    log.channels.push_back({.number = 1, .pool = pool, .channel_id = "1.1.1.1"});
    for (const LogEntry& entry : entries) {
        log.head.position = entry.position;
        log.head.chain = next_link(log.head.chain, entry.checksum);
    }
    log.entries = std::move(entries);
    return log;
}

std::shared_ptr<MemoryEngine> engine_with(const Transaction& log) {
    auto engine = std::make_shared<MemoryEngine>();
    REQUIRE(engine->write(log).has_value());
    return engine;
}

} // namespace

TEST_CASE("a store opened again says what it said before, from the log alone") {
    const auto engine = std::make_shared<MemoryEngine>();
    const auto store = open(engine);
    fill(*store);
    const Answers before{*store};
    CHECK(before.totals.in_range.totals.shares_accepted == 70);
    CHECK(before.totals.in_range.totals.shares_duplicate == 10);
    CHECK(before.totals.in_range.totals.blocks_found == 10);
    int reads = 0;
    const auto again = reopen(engine, reads);
    REQUIRE(again.has_value());
    CHECK(reads > 0);
    CHECK(Answers{**again} == before);
}

TEST_CASE("what was saved is read again, and of the log only what came behind it") {
    const auto engine = std::make_shared<MemoryEngine>();
    int reads = 0;
    SUBCASE("saved at a commit") {
        const auto store =
            open(engine, no_faults(), 95); // the tenth commit saves the state after the ninth... at 90 + 10
        fill(*store);
        CHECK(engine->load()->derived.empty()); // 90 records were unsaved before the last commit
        const auto to = attach(*store);
        REQUIRE(commit_one(*store, submission(to, 101, shares(500, 504, "3.3.3.3"))) == stored(105));
        CHECK_FALSE(engine->load()->derived.empty());
        const Answers before{*store};
        const auto again = reopen(engine, reads);
        REQUIRE(again.has_value());
        CHECK(reads == 1);
        CHECK(Answers{**again} == before);
    }
    SUBCASE("saved when closed") {
        auto store = open(engine);
        fill(*store);
        const Answers before{*store};
        REQUIRE(store->close().has_value());
        const auto again = reopen(engine, reads);
        REQUIRE(again.has_value());
        CHECK(reads == 0);
        CHECK(Answers{**again} == before);
        SUBCASE("and again after more commits") {
            REQUIRE(commit_one(**again, submission(attach(**again), 101, shares(500, 504))) == stored(105));
            const Answers then{**again};
            REQUIRE((*again)->close().has_value());
            CHECK(Answers{*open(engine)} == then);
        }
    }
}

TEST_CASE("saved state that is damaged is thrown away and made again") {
    const auto engine = std::make_shared<MemoryEngine>();
    auto store = open(engine);
    fill(*store);
    const Answers before{*store};
    REQUIRE(store->close().has_value());
    const auto saved = engine->load()->derived;
    REQUIRE(saved.size() == 3); // the position and two channels
    for (std::size_t i = 0; i < saved.size(); ++i) {
        for (std::size_t byte = 0; byte < saved[i].value.size(); ++byte) {
            auto damage = behind(engine->load()->head);
            damage.derived = saved;
            damage.derived[i].value[byte] ^= 0x10;
            REQUIRE(engine->write(damage).has_value());
            int reads = 0;
            const auto again = reopen(engine, reads);
            REQUIRE(again.has_value());
            CHECK(reads > 0);
            CHECK(Answers{**again} == before);
        }
    }
}

TEST_CASE("saved state of a later position than the log's is not believed") {
    const auto engine = std::make_shared<MemoryEngine>();
    auto store = open(engine);
    fill(*store);
    REQUIRE(store->close().has_value());
    auto older = log_of({entry_of(1, share(1))});
    older.channels.push_back({.number = 2, .pool = pool, .channel_id = "2.2.2.2"});
    older.derived = engine->load()->derived;
    int reads = 0;
    const auto again = reopen(engine_with(older), reads);
    REQUIRE(again.has_value());
    CHECK(totals(**again).shares_accepted == 1);
}

TEST_CASE("a log that is whole opens") {
    int reads = 0;
    const auto store = reopen(engine_with(log_of({entry_of(1, share(1)), entry_of(2, share(2))})), reads);
    REQUIRE(store.has_value());
    CHECK(totals(**store).shares_accepted == 2);
}

TEST_CASE("a log with damage is refused with the position, when it is read to open the store") {
    auto log = log_of({entry_of(1, share(1)), entry_of(2, share(2)), entry_of(3, share(3))});
    std::string named = "position 2";
    SUBCASE("another byte") {
        log.entries[1].bytes.back() ^= 1;
    }
    SUBCASE("another verdict") {
        log.entries[1].verdict = protocol::Verdict::duplicate_share;
    }
    SUBCASE("another number") {
        log.entries[1].sequence = 9;
    }
    SUBCASE("another arrival") {
        log.entries[1].received_at += 1;
    }
    SUBCASE("another time") {
        log.entries[1].time += 1;
    }
    SUBCASE("another channel") {
        log.entries[1].channel = 4;
    }
    SUBCASE("an exchanged record") {
        log.entries[1] = entry_of(2, share(9));
        named = "position 3"; // only the end of the chain tells
    }
    SUBCASE("a lost tail") {
        log.entries.pop_back();
        named = "position 3";
    }
    int reads = 0;
    const auto store = reopen(engine_with(log), reads);
    REQUIRE_FALSE(store.has_value());
    CHECK(store.error().kind == StorageError::Kind::corrupt);
    const std::string& detail = store.error().detail;
    CHECK(detail.find(named) != std::string::npos);
    CHECK(detail.ends_with(", in /a/store.db; bring back a backup, or begin a new store elsewhere"));
}

TEST_CASE("damage that the engine tells at the opening has its place, and says once what to do") {
    const auto opened_with = [](std::string detail) {
        auto damaged = std::make_unique<FaultyEngine>(
            std::make_shared<MemoryEngine>(), [detail](std::string_view call, Moment) -> std::optional<StorageError> {
                if (call != "load") return std::nullopt;
                return StorageError{.kind = StorageError::Kind::corrupt, .detail = detail};
            });
        return LogStore::open(std::move(damaged), 100'000, "/a/store.db").error().detail;
    };
    CHECK(opened_with("no whole head") ==
          "no whole head, in /a/store.db; bring back a backup, or begin a new store elsewhere");
    CHECK(opened_with("/a/store.db: malformed; move it away, and bring back a backup") ==
          "/a/store.db: malformed; move it away, and bring back a backup");
}

TEST_CASE("what is damaged is not given out, not compared with, not counted; whoever asks for it, health has it then") {
    auto log = log_of({entry_of(1, share(1)), entry_of(2, share(2)), entry_of(3, block(3)), entry_of(4, report(9))});
    const auto engine = std::make_shared<MemoryEngine>();
    const auto fingerprint = fingerprint_of(engine->load()->fingerprint_key, pool, hash(2));
    log.entries[1].fingerprint = fingerprint;
    State state; // as if it had been damaged after its totals were saved
    REQUIRE(state.apply(log).has_value());
    state.save(log);
    for (LogEntry& entry : log.entries)
        if (entry.position > 1) entry.bytes[40] ^= 1;
    log.hours.front().tally.records += 1;
    REQUIRE(engine->write(log).has_value());

    const auto check_damage = [&](const std::string& what, auto ask) {
        CAPTURE(what);
        const auto store =
            LogStore::open(std::make_unique<FaultyEngine>(engine, no_faults()), 100'000, "the-place").value();
        CHECK(totals(*store).shares_accepted == 2);
        CHECK(store->health().damage.empty());
        const auto answer = ask(*store);
        REQUIRE_FALSE(answer.has_value());
        CHECK(answer.error().kind == StorageError::Kind::corrupt);
        CHECK(answer.error().detail.starts_with(what));
        const auto health = store->health();
        CHECK(health.is_healthy); // it stores
        CHECK(health.damage == answer.error().detail + ", in the-place");
    };
    const PageLimit limit{.items = 0, .bytes = all_bytes};
    check_damage("record at position 2: ", [&](const Store& store) {
        return store.records({.pool = pool,
                              .kind = protocol::RecordKind::share,
                              .channel_id = "1.1.1.1",
                              .range = {},
                              .after = {},
                              .limit = limit});
    });
    check_damage("record at position 2: ",
                 [&](const Store& store) { return store.are_shares_seen(pool, "", std::vector{hash(2)}); });
    check_damage("record at position 3: ", [&](const Store& store) {
        return store.blocks({.pool = pool, .channel_id = "", .range = {}, .after = {}, .limit = limit});
    });
    check_damage("record at position 4: ", [&](const Store& store) { return store.accounting(pool, "1.1.1.1"); });
    check_damage("record at position 4: ", [&](const Store& store) { return store.drift(pool, "", 9); });
    check_damage("the sums of hour ", [&](const Store& store) {
        return store.channel_stats(pool, "1.1.1.1", {.start = std::nullopt, .end = today});
    });
    check_damage("the sums of hour ", [&](const Store& store) {
        return store.hours({.pool = pool,
                            .subject = protocol::Subject::channel,
                            .subject_id = "1.1.1.1",
                            .range = {},
                            .after = {},
                            .limit = 9});
    });
}

TEST_CASE("damage that a submission meets is its own outcome, and holds up nobody else") {
    auto log = log_of({entry_of(1, share(1)), entry_of(2, share(2))});
    const auto engine = std::make_shared<MemoryEngine>();
    log.entries[1].fingerprint = fingerprint_of(engine->load()->fingerprint_key, pool, hash(2));
    State state;
    REQUIRE(state.apply(log).has_value());
    state.save(log);
    log.entries[1].bytes[40] ^= 1;
    REQUIRE(engine->write(log).has_value());
    const auto store = open(engine);
    const auto to = attach(*store, 1);
    const auto other = attach(*store, 2);
    CHECK(store->health().is_healthy);

    std::vector<Submission> batch;
    SUBCASE("what is sent again cannot be compared") {
        batch = {submission(other, 1, shares(3, 3)), submission(to, 2, shares(2, 2)), submission(to, 3, shares(5, 5)),
                 submission(other, 2, shares(4, 4, "new"))};
    }
    SUBCASE("whether a share is a duplicate cannot be told, and what came before it in its message is not stored") {
        batch = {submission(other, 1, shares(3, 3)),
                 submission(to, 3, {bytes(share(7, "made for nothing")), bytes(share(4)), bytes(share(2))}),
                 submission(to, 3, shares(5, 5)), submission(other, 2, shares(4, 4, "new"))};
    }
    CHECK(commit(*store, batch) ==
          std::vector{stored(1), refused(Refused::damaged), refused(Refused::fenced), stored(2)});
    CHECK(store->position() == 4);
    CHECK(store->channels(pool, "", 9) == std::vector<std::string>{"1.1.1.1", "new"});
    CHECK(totals(*store).shares_accepted == 4);
    CHECK(totals(*store).shares_duplicate == 0);
    CHECK(store->health().is_healthy); // it stores
    CHECK(store->health().damage.find("position 2") != std::string::npos);
    const auto again = attach(*store, 1);
    CHECK(again.durable_sequence == 2);
    CHECK(commit_one(*store, submission(again, 3, shares(7, 7, "new"))) == stored(3));
    CHECK(totals(*open(engine)) == totals(*store));
}
