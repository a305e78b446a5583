// The log cut into runs, and what their records add up to hour by hour.

#include "storage/hours.hpp"
#include "storage/integrity.hpp"
#include "storage/sqlite/sqlite_engine.hpp"
#include "storage/work.hpp"
#include "tests/storage/scene.hpp"
#include "tests/support/temporary_folder.hpp"

#include <functional>

using namespace fixtures;
using namespace storage;
using protocol::Subject;

namespace {

// One record each commit, and each to the next stream number.
void send(Store& store, Recount& recount, const Attachment& to, const protocol::B0_16M& record,
          Milliseconds received_at = today) {
    auto sent = submission(to, recount.log().size() + 1, {record});
    sent.received_at = received_at;
    const auto outcome = commit_one(store, sent);
    REQUIRE(outcome.has_value());
    recount.add(record, received_at,
                outcome->verdicts.empty() ? protocol::Verdict::stored : outcome->verdicts.front().verdict);
}

std::vector<std::pair<Position, Position>> runs_of(Engine& engine) {
    std::vector<std::pair<Position, Position>> runs;
    const auto contents = engine.load();
    for (const Run& run : contents->runs) runs.emplace_back(run.first, run.last);
    return runs;
}

// Of the first channel, in a run of one record.
HourRow hour_of_first_run(const Engine& engine) {
    return engine
        .hours({.subject = Subject::channel,
                .number = 1,
                .first_hour = 0,
                .last_hour = hour_of(today),
                .first_run = 1,
                .last_run = 1})
        .value()
        .at(0);
}

} // namespace

TEST_CASE("an hour is an hour, and what lies beyond the last one is in it") {
    CHECK(hour_of(0) == 0);
    CHECK(hour_of(one_hour - 1) == 0);
    CHECK(hour_of(one_hour) == 1);
    CHECK(first_of_hour(500'000) == today);
    CHECK(last_of_hour(499'999) == today - 1);
    constexpr auto end = std::numeric_limits<Milliseconds>::max();
    constexpr auto last = std::numeric_limits<std::uint32_t>::max();
    CHECK(hour_of(end) == last);
    CHECK(last_of_hour(last) == end);
    CHECK(hour_of(first_of_hour(last)) == last);
    CHECK(hour_of(first_of_hour(last) - 1) == last - 1);
}

TEST_CASE("a run is closed every so many records, and when the store is closed") {
    const auto engine = std::make_shared<MemoryEngine>();
    const auto store = open(engine, no_faults(), 4);
    Recount recount;
    const auto to = attach(*store);
    for (std::uint64_t number = 1; number <= 4; ++number) send(*store, recount, to, bytes(share(number)));
    CHECK(runs_of(*engine).empty());
    send(*store, recount, to, bytes(share(5)), today + 7); // the four before it are a run now
    CHECK(runs_of(*engine) == std::vector<std::pair<Position, Position>>{{1, 4}});
    send(*store, recount, to, no_record, today + 3);
    REQUIRE(store->close().has_value());
    CHECK(runs_of(*engine) == std::vector<std::pair<Position, Position>>{{1, 4}, {5, 6}});
    const auto contents = engine->load();
    CHECK(contents->runs.back().chain == contents->head.chain);
    CHECK(contents->runs.back().first_received == today + 7);
    CHECK(contents->runs.back().last_received == today + 7);
    REQUIRE(open(engine)->close().has_value());
    CHECK(runs_of(*engine).size() == 2); // nothing came: there is no empty run
}

TEST_CASE("hours add up what the records of a channel and of a user do, in runs and behind them") {
    const auto engine = std::make_shared<MemoryEngine>();
    auto store = open(engine, no_faults(), 5);
    Recount recount;
    const auto to = attach(*store);
    for (std::uint64_t n = 1; n <= 24; ++n) {
        const auto time = today - n * 7 % 5 * one_hour / 2;
        send(*store, recount, to, share_at(n, time, n % 3 == 0 ? "a" : "b", n % 4 == 0 ? "" : n % 2 == 0 ? "u" : "v"));
    }
    send(*store, recount, to, share_at(1, today, "a", "u")); // a duplicate
    send(*store, recount, to, bytes(job()));
    send(*store, recount, to, bytes(finder(40, "b")));
    send(*store, recount, to, no_record);
    REQUIRE(runs_of(*engine).size() == 5);
    for (const bool is_reopened : {false, true}) {
        if (is_reopened) store = open(engine);
        for (const std::string id : {"a", "b"}) {
            std::vector<std::pair<std::uint32_t, protocol::Totals>> expected;
            for (auto hour = hour_of(today) - 3; hour <= hour_of(today); ++hour) {
                const auto tally = recount.channel(id, {.start = first_of_hour(hour), .end = last_of_hour(hour)});
                if (tally.records > 0) expected.emplace_back(hour, tally.totals);
            }
            CHECK(expected.size() > 1);
            CHECK(hours_of(*store, Subject::channel, id) == expected);
            CHECK(hours_of(*store, Subject::channel, id, {.start = today - one_hour - 1, .end = today - 1}) ==
                  std::vector(expected.end() - 3, expected.end() - 1));
        }
        for (const std::string id : {"u", "v"}) {
            for (const auto& [hour, totals] : hours_of(*store, Subject::user, id)) {
                CHECK(totals == recount.user(id, {.start = first_of_hour(hour), .end = last_of_hour(hour)}).totals);
            }
        }
        CHECK(store->users(pool, "", 9) == std::vector<std::string>{"u", "v"});
        CHECK(store->users(pool, "u", 9) == std::vector<std::string>{"v"});
        CHECK(store->users(pool, "", 1) == std::vector<std::string>{"u"});
        CHECK(hours_of(*store, Subject::user, "nobody").empty());
        CHECK(hours_of(*store, Subject::channel, "u").empty());
        CHECK(hours_of(*store, Subject::channel, "a", {.start = today, .end = today - 1}).empty());
    }
    CHECK(engine->load()->users.size() == 2);
}

TEST_CASE("pages of hours go on behind the last hour given") {
    const auto engine = std::make_shared<MemoryEngine>();
    const auto store = open(engine, no_faults(), 3);
    Recount recount;
    const auto to = attach(*store);
    for (std::uint64_t n = 1; n <= 60; ++n) send(*store, recount, to, share_at(n, today - n * 53 % 60 * 12 * one_hour));
    const auto all = hours_of(*store, Subject::channel, "1.1.1.1");
    REQUIRE(all.size() == 60);
    for (const std::size_t limit : {1, 7, 59, 60, 61}) {
        CAPTURE(limit);
        HoursQuery query{.pool = pool,
                         .subject = Subject::channel,
                         .subject_id = "1.1.1.1",
                         .range = {},
                         .after = std::nullopt,
                         .limit = limit};
        std::vector<std::pair<std::uint32_t, protocol::Totals>> found;
        for (;;) {
            const auto page = store->hours(query);
            REQUIRE(page.has_value());
            CHECK(page->size() <= limit);
            for (const Hour& hour : *page) found.emplace_back(hour.number, hour.totals);
            if (page->size() < limit) break;
            query.after = page->back().number;
        }
        CHECK(found == all);
    }
}

TEST_CASE("any range adds up to what its records do, wherever it begins and ends") {
    const auto store = open(std::make_shared<MemoryEngine>(), no_faults(), 6);
    Recount recount;
    const auto to = attach(*store);
    for (std::uint64_t n = 1; n <= 40; ++n) {
        const auto time = today - n * 11 % 8 * one_hour / 2 - n % 3;
        const std::string channel = n % 5 == 0 ? "a" : "b";
        if (n % 10 == 7) {
            auto found = block(n / 3, channel);
            found.timestamp = time;
            send(*store, recount, to, bytes(found));
        } else {
            send(*store, recount, to, share_at(n, time, channel));
        }
    }
    auto batch = acknowledgment("only this");
    batch.timestamp = today - one_hour - 5;
    send(*store, recount, to, bytes(batch));
    std::vector<std::optional<Milliseconds>> bounds{std::nullopt};
    for (std::uint64_t half = 0; half <= 9; ++half) {
        for (const std::uint64_t off : {0, 1, 2, 5, 6}) bounds.emplace_back(today - half * one_hour / 2 - off);
    }
    bounds.emplace_back(today + one_hour);
    for (const auto& start : bounds) {
        for (const auto& end : bounds) {
            const Range range{.start = start, .end = end};
            const auto sums = store->totals(pool, range);
            REQUIRE(sums.has_value());
            CHECK(sums->in_range.totals == recount.pool(range).totals);
            CHECK(sums->in_range.range.start == start);
            CHECK(sums->in_range.range.end == end);
            CHECK(sums->channels == recount.channels(range).size());
            CHECK(store->channel_stats(pool, "b", range)->totals == recount.channel("b", range).totals);
        }
    }
}

TEST_CASE("sums of hours that are not what was written are not added up") {
    const auto engine = std::make_shared<MemoryEngine>();
    auto store = open(engine);
    Recount recount;
    const auto to = attach(*store);
    send(*store, recount, to, bytes(share(1)));
    REQUIRE(store->close().has_value());
    auto damage = behind(engine->load()->head);
    HourRow row = hour_of_first_run(*engine);
    CHECK(row.tally.records == 1);
    ++row.tally.totals.shares_accepted;
    damage.hours = {row};
    REQUIRE(engine->write(damage).has_value());
    store = open(engine);
    const auto sums = store->channel_stats(pool, "1.1.1.1", {.start = today, .end = std::nullopt});
    REQUIRE_FALSE(sums.has_value());
    CHECK(sums.error().kind == StorageError::Kind::corrupt);
    CHECK(sums.error().detail.find("500000") != std::string::npos);
    CHECK(totals(*store).shares_accepted == 1);
}

namespace {

// Opens it anew where it has a file.
using Reopening = std::function<std::shared_ptr<Engine>()>;

// A share, of which a sum of work is left that says `injected`, and one more that has as much work as a share can have:
// whatever answers must say `expected`.
void check_sum(const Reopening& reopen, const Uint128& injected, const Uint128& expected) {
    auto worth_most = share(1);
    worth_most.share_work = max64;
    {
        const auto store = open(reopen());
        REQUIRE(commit_one(*store, submission(attach(*store), 1, {bytes(worth_most)})) == stored(1));
        while (!store->clean_up(today + 1).value().is_done) {
        }
        REQUIRE(store->close().has_value());
    }
    {
        const auto engine = reopen();
        const auto contents = engine->load().value();
        REQUIRE(contents.head.removed == 1);
        auto injection = behind(contents.head);
        injection.replaced_run = 1;
        injection.runs = contents.runs;
        injection.hours = {hour_of_first_run(*engine)};
        HourRow& row = injection.hours.front();
        row.tally.totals.share_work_sum_low = injected.low;
        row.tally.totals.share_work_sum_high = injected.high;
        row.checksum = checksum_of(row);
        // Its record is gone, and what was saved is unusable: all that the store has of it is its hour.
        injection.derived = contents.derived;
        for (auto& saved : injection.derived) saved.value.front() ^= 1;
        REQUIRE(engine->write(injection).has_value());
        REQUIRE(engine->close().has_value());
    }
    const auto store = open(reopen());
    worth_most.share_hash = hash(2);
    REQUIRE(commit_one(*store, submission(attach(*store), 2, {bytes(worth_most)})) == stored(2));
    std::vector<protocol::Totals> answers{store->accounting(pool, "1.1.1.1").value().value().derived,
                                          hours_of(*store, Subject::channel, "1.1.1.1").front().second};
    for (const Range& range : {Range{}, Range{.start = today, .end = std::nullopt}}) {
        answers.push_back(store->channel_stats(pool, "1.1.1.1", range).value().totals);
        answers.push_back(store->totals(pool, range).value().in_range.totals);
    }
    for (const auto& answer : answers) {
        CHECK(Uint128{.low = answer.share_work_sum_low, .high = answer.share_work_sum_high} == expected);
        CHECK(answer.shares_accepted == 2);
    }
}

} // namespace

TEST_CASE("sums are exact past 64 and past 127 bits, and stop at 128, whatever answers and wherever they are kept") {
    const struct {
        Uint128 injected;
        Uint128 and_most;
    } sums[]{{.injected = {.low = max64, .high = 0}, .and_most = {.low = max64 - 1, .high = 1}},
             {.injected = {.low = max64, .high = max64 >> 1U},
              .and_most = {.low = max64 - 1, .high = std::uint64_t{1} << 63U}},
             {.injected = {.low = 1, .high = max64}, .and_most = max_uint128}};
    for (const auto& [injected, and_most] : sums) {
        CAPTURE(injected.high);
        check_sum([engine = std::make_shared<MemoryEngine>()] { return engine; }, injected, and_most);
        const support::TemporaryFolder folder;
        check_sum([&] { return open_sqlite(folder.path() / "store").value(); }, injected, and_most);
    }
}

TEST_CASE("runs that do not follow each other are refused when the store is opened") {
    const auto engine = std::make_shared<MemoryEngine>();
    auto store = open(engine, no_faults(), 2);
    Recount recount;
    const auto to = attach(*store);
    for (std::uint64_t number = 1; number <= 6; ++number) send(*store, recount, to, bytes(share(number)));
    REQUIRE(store->close().has_value());
    auto contents = engine->load();
    REQUIRE(contents->runs.size() == 3);
    auto damage = behind(contents->head);
    SUBCASE("one is missing") {
        damage.replaced_run = contents->runs[1].last;
    }
    SUBCASE("one is there twice") {
        damage.runs = {contents->runs[1]};
        damage.runs[0].last = 3;
    }
    SUBCASE("one ends behind the log") {
        damage.runs = {contents->runs[2]};
        damage.runs[0].first = 7;
        damage.runs[0].last = 8;
    }
    SUBCASE("what is removed does not end with one of them") {
        damage.head.removed = 3;
    }
    SUBCASE("nor as the log did there") {
        damage.head.removed = 2;
        damage.head.removed_chain[0] ^= 1;
    }
    REQUIRE(engine->write(damage).has_value());
    const auto opened = LogStore::open(std::make_unique<FaultyEngine>(engine, no_faults()));
    REQUIRE_FALSE(opened.has_value());
    CHECK(opened.error().kind == StorageError::Kind::corrupt);
}
