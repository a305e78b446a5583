// Taking out what is old: what goes, what stays, and what is still known of what is gone.

#include "storage/hours.hpp"
#include "tests/storage/scene.hpp"

#include <numeric>

using namespace fixtures;
using namespace storage;
using protocol::RecordKind;
using protocol::Subject;

namespace {

std::vector<Position> numbers(Position first, Position last) {
    std::vector<Position> numbers(last - first + 1);
    std::iota(numbers.begin(), numbers.end(), first);
    return numbers;
}

// Some of every kind, twenty of them, from `arrival` on, one millisecond after the other.
void send_all_kinds(Scene& scene, std::uint64_t number, Milliseconds arrival) {
    const std::vector records{bytes(share(number)),
                              bytes(share(number, "b")), // a duplicate
                              bytes(finder(number + 1)),
                              bytes(report(1)),
                              bytes(block(number + 2, "b")),
                              bytes(status(number + 1, protocol::BlockState::confirmed)),
                              bytes(acknowledgment()),
                              bytes(job()),
                              bytes(solution()),
                              bytes(report(7, "b")),
                              bytes(deletion("b")),
                              no_record,
                              share_at(number + 3, today - one_hour, "b", "u"),
                              bytes(report(2))};
    for (const auto& record : records) scene.send(record, arrival++);
}

std::vector<Position> positions(const std::vector<protocol::StoredRecord>& records) {
    std::vector<Position> positions;
    for (const auto& record : records) positions.push_back(record.position);
    std::ranges::sort(positions);
    return positions;
}

} // namespace

TEST_CASE("what arrived strictly before goes, up to the first that did not") {
    Scene scene{4};
    for (const Milliseconds arrival : {1, 2, 3, 4, 5, 7, 6, 5, 9})
        scene.send(bytes(share(arrival * 10)), today + arrival);
    REQUIRE(scene.recount.log().size() == 9);
    CHECK(scene.clean_up(today + 1) == 0);
    CHECK(scene.kept() == numbers(1, 9));
    CHECK(scene.clean_up(today + 4) == 3);
    CHECK(scene.kept() == numbers(4, 9));
    CHECK(scene.clean_up(today + 4) == 0);
    CHECK(scene.clean_up(today + 6) == 2); // the sixth came later: what is behind it stays, however old
    CHECK(scene.kept() == numbers(6, 9));
    CHECK(scene.clean_up(today + 9) == 3);
    CHECK(scene.clean_up(today + 10) == 1);
    CHECK(scene.kept().empty());
    CHECK(scene.clean_up(today + 10) == 0);
    scene.send(bytes(share(1000)), today + 11);
    CHECK(positions(records(scene.store(), RecordKind::share)) == numbers(10, 10));
    CHECK(totals(scene.store()) == scene.recount.pool().totals);
}

TEST_CASE("blocks and what became of them outlive, deletions, solutions and last reports; all else goes") {
    Scene scene{6};
    send_all_kinds(scene, 1, today);
    send_all_kinds(scene, 101, today + 100);
    CHECK(scene.clean_up(today + 100) == 3); // the first, its duplicate, and the one of a user
    auto expected = std::vector<Position>{3, 5, 6, 9, 11};
    std::ranges::copy(numbers(15, 28), std::back_inserter(expected));
    CHECK(scene.kept() == expected);
    CHECK(scene.clean_up(today + 200) == 3);
    expected = {3, 5, 6, 9, 11, 17, 19, 20, 23, 25, 28}; // the last report of channel b was deleted
    CHECK(scene.kept() == expected);

    Store& store = scene.store();
    CHECK(positions(records(store, RecordKind::share)) == std::vector<Position>{3, 17});
    CHECK(positions(records(store, RecordKind::share_accounting)) == std::vector<Position>{28});
    CHECK(records(store, RecordKind::share_accounting, "b").empty());
    CHECK(records(store, RecordKind::batch_acknowledgment).empty());
    CHECK(records(store, RecordKind::declared_job, "").empty());
    CHECK(records(store, RecordKind::solution, "").size() == 2);
    CHECK(records(store, RecordKind::block_status, "").size() == 2);
    CHECK(store.are_shares_seen(pool, "", std::vector{hash(1), hash(2), hash(4), hash(102)}) ==
          std::vector{false, true, false, true});
    CHECK(store.accounting(pool, "1.1.1.1").value()->reported->record.position == 28);
    CHECK(store.channels(pool, "", 9) == std::vector<std::string>{"1.1.1.1", "b"});
    CHECK(store.users(pool, "", 9) == std::vector<std::string>{"u"});
    const auto blocks = store.blocks(
        {.pool = pool, .channel_id = "", .range = {}, .after = {}, .limit = {.items = 0, .bytes = all_bytes}});
    CHECK(blocks->blocks.size() == 4);
}

TEST_CASE("a report that is not the last any more is gone, also where it had outlived") {
    Scene scene{2};
    scene.send(bytes(report(1)), today);
    scene.send(bytes(share(1)), today);
    CHECK(scene.clean_up(today + 1) == 1);
    CHECK(positions(records(scene.store(), RecordKind::share_accounting)) == numbers(1, 1));
    scene.send(bytes(report(2)), today + 1);
    CHECK(positions(records(scene.store(), RecordKind::share_accounting)) == numbers(3, 3));
    scene.reopen();
    CHECK(scene.clean_up(today) == 0);
    CHECK(scene.kept() == numbers(3, 3));
}

TEST_CASE("totals, hours and drift stay what they were, also for the next life and without what was saved") {
    Scene scene{5};
    send_all_kinds(scene, 1, today);
    send_all_kinds(scene, 101, today + 100);
    const auto was = [&, accounting = scene.store().accounting(pool, "1.1.1.1").value().value(),
                      drifts = scene.store().drift(pool, "", 9).value().size()] {
        Store& store = scene.store();
        CHECK(totals(store) == scene.recount.pool().totals);
        CHECK(store.accounting(pool, "b").value()->derived == scene.recount.channel("b").totals);
        CHECK_FALSE(store.accounting(pool, "b").value()->reported.has_value());
        CHECK(store.accounting(pool, "1.1.1.1").value()->reported->record == accounting.reported->record);
        CHECK(store.accounting(pool, "1.1.1.1").value()->reported->derived_before ==
              accounting.reported->derived_before);
        CHECK(store.drift(pool, "", 9)->size() == drifts);
        for (const std::string id : {"1.1.1.1", "b"}) {
            const auto hours = hours_of(store, Subject::channel, id);
            CHECK(hours.size() == (id == "b" ? 2 : 1));
            for (const auto& [hour, sums] : hours) {
                CHECK(sums == scene.recount.channel(id, {first_of_hour(hour), last_of_hour(hour)}).totals);
            }
        }
        REQUIRE(hours_of(store, Subject::user, "u").size() == 1);
        CHECK(hours_of(store, Subject::user, "u").front().second == scene.recount.user("u").totals);
    };
    was();
    CHECK(scene.clean_up(today + 107) == 5);
    was();
    scene.reopen();
    was();
    scene.damage_derived();
    scene.reopen();
    was();
    CHECK(scene.clean_up(today + 200) == 1);
    was();
    scene.reopen();
    was();
    scene.damage_derived();
    scene.reopen();
    was();
    REQUIRE(scene.store().close().has_value());
    scene.reopen();
    was();
}

TEST_CASE("splitting a run leaves the same sums in two runs") {
    Scene scene{10};
    for (std::uint64_t n = 1; n <= 9; ++n) {
        scene.send(share_at(n, today - n % 3 * one_hour, n % 2 == 0 ? "a" : "b", n % 4 == 0 ? "u" : ""), today + n);
    }
    scene.send(bytes(finder(10, "a")), today + 10);
    scene.send(bytes(share(11, "a")), today + 11);
    const auto before = scene.engine->load()->runs;
    REQUIRE(before.size() == 1);
    const auto sums = [&] {
        std::vector<std::vector<std::pair<std::uint32_t, protocol::Totals>>> sums;
        for (const std::string id : {"a", "b"}) sums.push_back(hours_of(scene.store(), Subject::channel, id));
        sums.push_back(hours_of(scene.store(), Subject::user, "u"));
        return sums;
    };
    const auto whole = sums();
    while (scene.engine->load()->runs.size() == 1) CHECK_FALSE(scene.step(today + 6).is_done);
    CHECK(sums() == whole);
    const auto after = scene.engine->load()->runs;
    REQUIRE(after.size() == 2);
    CHECK(after[0] ==
          Run{.first = 1, .last = 5, .chain = after[0].chain, .first_received = today + 1, .last_received = today + 5});
    CHECK(after[1] == Run{.first = 6,
                          .last = 10,
                          .chain = before[0].chain,
                          .first_received = today + 6,
                          .last_received = today + 10});
    CHECK(scene.engine->load()->head.removed == 0);
    CHECK(scene.clean_up(today + 6) == 5);
    CHECK(sums() == whole);
    CHECK(scene.kept() == numbers(6, 11));
    scene.reopen(); // its chain begins at the bound
    CHECK(sums() == whole);
}

TEST_CASE("the records behind the last run become one, if they are old enough to go") {
    Scene scene{100};
    for (std::uint64_t n = 1; n <= 5; ++n) scene.send(bytes(share(n)), today + n);
    CHECK(scene.step(today + 1).is_done);
    CHECK(scene.engine->load()->runs.empty());
    CHECK(scene.clean_up(today + 3) == 2);
    CHECK(scene.engine->load()->runs.size() == 2);
    CHECK(scene.kept() == numbers(3, 5));
    CHECK(scene.clean_up(today + 99) == 3);
    CHECK(scene.kept().empty());
    scene.reopen();
    CHECK(scene.store().position() == 5);
    CHECK(totals(scene.store()) == scene.recount.pool().totals);
}

TEST_CASE("commits go through between the steps, and each reads a few thousand records at most") {
    const auto engine = std::make_shared<MemoryEngine>();
    std::size_t writes = 0;
    std::size_t reads = 0; // of 256 records
    const auto store = open(
        engine,
        [&](std::string_view call, Moment moment) {
            if (moment == Moment::before && call == "write") ++writes;
            if (moment == Moment::before && call == "read") ++reads;
            return std::optional<StorageError>{};
        },
        20'000);
    const auto to = attach(*store);
    REQUIRE(commit_one(*store, submission(to, 1, shares(1, 7000))) == stored(7000));
    auto later = submission(to, 7001, shares(7001, 7001));
    later.received_at = today + 1;
    REQUIRE(commit_one(*store, later) == stored(7001));
    later = submission(to, 7002, shares(7002, 12'000));
    later.received_at = today + 1;
    REQUIRE(commit_one(*store, later) == stored(12'000));
    std::uint64_t next = 12'001;
    int steps = 0;
    std::uint64_t removed = 0;
    for (bool is_done = false; !is_done; ++steps) {
        writes = reads = 0;
        const auto step = store->clean_up(today + 1);
        REQUIRE(step.has_value());
        CHECK(writes <= 1);
        CHECK(reads <= 8);
        removed += step->removed_shares;
        is_done = step->is_done;
        CHECK(commit_one(*store, submission(to, next, shares(next, next))) == stored(next));
        ++next;
        CHECK(totals(*store).shares_accepted == next - 1);
        CHECK(store->channel_stats(pool, "1.1.1.1", {.start = today, .end = std::nullopt})->totals.shares_accepted ==
              next - 1);
    }
    CHECK(removed == 7000);
    CHECK(steps > 10); // 6 to split, 4 to take out, and a few that read nothing
}

TEST_CASE("an edge whose records are gone is answered for its whole hour, and so is told") {
    Scene scene{3};
    const Milliseconds hour = today - one_hour; // of the records that go, and of one that stays
    for (std::uint64_t n = 1; n <= 4; ++n) scene.send(share_at(n, hour + n * 10, "a"), today);
    scene.send(share_at(5, today + 5, "a"), today + 1);
    scene.send(share_at(6, hour + 60, "a"), today + 1);
    scene.send(share_at(7, hour + 70, "b"), today + 1);
    scene.send(share_at(8, today + 80, "b"), today + 1);
    const auto asked = [&](const Range& range, const Range& covered) {
        const auto stats = scene.store().channel_stats(pool, "a", range);
        REQUIRE(stats.has_value());
        CHECK(stats->range.start == covered.start);
        CHECK(stats->range.end == covered.end);
        CHECK(stats->totals == scene.recount.channel("a", covered).totals);
    };
    const Milliseconds end = hour + one_hour - 1;
    asked({hour + 20, today + 5}, {hour + 20, today + 5});
    CHECK(scene.clean_up(today + 1) == 4);
    asked({hour + 20, today + 5}, {hour, today + 5});
    asked({hour + 20, hour + 65}, {hour, end});
    asked({hour + 65, hour + 65}, {hour, end});
    asked({std::nullopt, hour + 20}, {std::nullopt, end});
    asked({hour + 20, std::nullopt}, {hour, std::nullopt});
    asked({hour, end}, {hour, end});
    asked({today, today + 4}, {today, today + 4}); // here nothing is gone
    asked({hour - 5, hour - 1}, {hour - 5, hour - 1});

    // Channel b has lost nothing; but the sum over the pool is of one range.
    const auto alone = scene.store().channel_stats(pool, "b", {hour + 75, today + 80});
    CHECK(alone->range.start == hour + 75);
    CHECK(alone->totals.shares_accepted == 1);
    const auto both = scene.store().totals(pool, {hour + 75, today + 80});
    CHECK(both->in_range.range.start == hour);
    CHECK(both->in_range.range.end == today + 80);
    CHECK(both->in_range.totals == scene.recount.pool({hour, today + 80}).totals);
    CHECK(both->channels == 2);
}

TEST_CASE("numbers that were removed are acknowledged unread and counted, those that were not are compared") {
    Scene scene{3};
    for (std::uint64_t n = 1; n <= 3; ++n) scene.send(bytes(share(n)), today);
    scene.send(bytes(share(3)), today); // a duplicate
    scene.send(bytes(share(5)), today + 1);
    scene.send(no_record, today + 1);
    CHECK(scene.clean_up(today + 1) == 4);
    Store& store = scene.store();
    const Outcome outcome = stored(6, {{.sequence = 6, .verdict = protocol::Verdict::unknown_kind}}, 4);
    const std::vector<protocol::B0_16M> again{bytes(share(1)), bytes(share(99)), no_record,
                                              bytes(share(3)), bytes(share(5)),  no_record};
    CHECK(commit_one(store, submission(scene.to(), 1, again)) == outcome);
    CHECK(commit_one(store, submission(scene.to(), 2, shares(70, 71))) == stored(3, {}, 2));
    const std::vector<protocol::B0_16M> kept{again.begin() + 4, again.end()};
    CHECK(commit_one(store, submission(scene.to(), 5, kept)) ==
          stored(6, {{.sequence = 6, .verdict = protocol::Verdict::unknown_kind}}));
    CHECK(commit_one(store, submission(scene.to(), 5, {})) == stored(4));
    CHECK(store.position() == 6);
    scene.reopen();
    CHECK(commit_one(scene.store(), submission(scene.to(), 1, again)) == outcome);
    CHECK(commit_one(scene.store(), submission(scene.to(), 4, shares(70, 71))) == refused(Refused::sequence_conflict));
    CHECK(totals(scene.store()) == scene.recount.pool().totals);
}

TEST_CASE("a hash whose share is gone may be accepted again, one that found a block may not") {
    Scene scene{2};
    scene.send(bytes(share(1)), today);
    scene.send(bytes(finder(2)), today);
    scene.send(bytes(share(3)), today + 1);
    scene.clean_up(today + 1);
    scene.send(bytes(share(1)), today + 2);
    scene.send(bytes(share(2)), today + 2);
    scene.send(bytes(share(3)), today + 2);
    CHECK(totals(scene.store()).shares_accepted == 4);
    CHECK(totals(scene.store()).shares_duplicate == 2);
}

TEST_CASE("what is declared gone is gone for every question, before it is taken out") {
    Scene scene{3};
    for (std::uint64_t n = 1; n <= 3; ++n) scene.send(share_at(n, today + n), today);
    scene.send(bytes(finder(4)), today + 1);
    while (scene.engine->load()->head.removed == 0) CHECK_FALSE(scene.step(today + 1).is_done);
    REQUIRE(scene.kept() == numbers(1, 4));
    for (const bool is_reopened : {false, true}) {
        if (is_reopened) scene.reopen();
        CHECK(positions(records(scene.store(), RecordKind::share)) == numbers(4, 4));
        CHECK(scene.store().are_shares_seen(pool, "", std::vector{hash(1), hash(4)}) == std::vector{false, true});
        const auto stats = scene.store().channel_stats(pool, "1.1.1.1", {.start = today + 2, .end = std::nullopt});
        CHECK(stats->range.start == today);
        CHECK(stats->totals.shares_accepted == 4);
    }
    CHECK(scene.clean_up(today + 1) == 3);
    CHECK(scene.kept() == numbers(4, 4));
}

TEST_CASE("a question that meets the beginning of a removal is answered for the whole hour") {
    Scene scene{3};
    for (std::uint64_t n = 1; n <= 3; ++n) scene.send(share_at(n, today + n), today);
    scene.send(share_at(4, today + 4), today + 1);
    bool is_asked = false;
    scene.hook = [&](std::string_view call, Moment moment) {
        if (is_asked && call == "scan" && moment == Moment::before) {
            is_asked = false;
            scene.clean_up(today + 1);
        }
        return std::optional<StorageError>{};
    };
    is_asked = true;
    const auto stats = scene.store().channel_stats(pool, "1.1.1.1", {.start = today + 2, .end = std::nullopt});
    REQUIRE(stats.has_value());
    CHECK_FALSE(is_asked);
    CHECK(stats->range.start == today);
    CHECK(stats->totals.shares_accepted == 4);
}

TEST_CASE("a crash between any two steps is gone on from, and nothing is lost") {
    for (int crash = 0;; ++crash) {
        CAPTURE(crash);
        Scene scene{4};
        send_all_kinds(scene, 1, today);
        send_all_kinds(scene, 101, today + 100);
        bool is_done = false;
        for (int step = 0; step < crash && !is_done; ++step) is_done = scene.step(today + 105).is_done;
        scene.reopen();
        CHECK(totals(scene.store()) == scene.recount.pool().totals);
        scene.clean_up(today + 105);
        CHECK(scene.kept() == scene.recount.left(19));
        CHECK(totals(scene.store()) == scene.recount.pool().totals);
        scene.reopen();
        CHECK(totals(scene.store()) == scene.recount.pool().totals);
        if (is_done) break;
    }
}

TEST_CASE("a step that could not be written changes nothing, and is taken again") {
    for (const auto kind : {StorageError::Kind::full, StorageError::Kind::unavailable, StorageError::Kind::unknown}) {
        for (const auto moment : {Moment::before, Moment::after}) {
            if (moment == Moment::after && kind != StorageError::Kind::unknown) continue;
            for (int failing = 0; failing < 8; ++failing) {
                CAPTURE(to_text(kind));
                CAPTURE(failing);
                Scene scene{4};
                send_all_kinds(scene, 1, today);
                scene.send(bytes(share(50)), today + 99);
                int writes = 0;
                bool has_failed = false;
                scene.hook = [&](std::string_view call, Moment at) -> std::optional<StorageError> {
                    if (call != "write" || at != moment || writes++ != failing) return std::nullopt;
                    has_failed = true;
                    return error(kind);
                };
                for (bool is_done = false; !is_done;) {
                    const auto step = scene.store().clean_up(today + 7);
                    if (!step) CHECK(step.error().kind == kind);
                    CHECK(totals(scene.store()) == scene.recount.pool().totals);
                    const auto stats = scene.store().totals(pool, {.start = today - 7, .end = today + 6});
                    CHECK(stats->in_range.totals == scene.recount.pool(stats->in_range.range).totals);
                    is_done = step && step->is_done;
                }
                scene.hook = no_faults();
                CHECK(scene.kept() == scene.recount.left(7));
                CHECK(scene.store().health().is_healthy);
                if (!has_failed) break;
            }
        }
    }
}

TEST_CASE("a record that is missing is damage, unless its run was removed") {
    Scene scene{3};
    for (std::uint64_t n = 1; n <= 6; ++n) scene.send(bytes(share(n)), today + n);
    scene.clean_up(today + 4);
    REQUIRE(scene.kept() == numbers(4, 6));
    scene.reopen();
    auto damage = behind(scene.engine->load()->head);
    damage.removed = scene.engine->read(5, 5, 1).value();
    REQUIRE(scene.engine->write(damage).has_value());
    scene.damage_derived();
    const auto opened = LogStore::open(std::make_unique<FaultyEngine>(scene.engine, no_faults()));
    REQUIRE_FALSE(opened.has_value());
    CHECK(opened.error().kind == StorageError::Kind::corrupt);
    CHECK(opened.error().detail.find("position 5") != std::string::npos);
}

TEST_CASE(
    "a damaged record stops the removing there, and nothing else; each try tells it, and health until a restart") {
    Scene scene{3};
    for (std::uint64_t n = 1; n <= 7; ++n) scene.send(bytes(share(n)), today + n);
    auto damage = behind(scene.engine->load()->head);
    damage.removed = scene.engine->read(5, 5, 1).value();
    auto exchange = behind(damage.head);
    exchange.entries = damage.removed;
    exchange.entries.front().bytes.back() ^= 1;
    REQUIRE(scene.engine->write(damage).has_value());
    REQUIRE(scene.engine->write(exchange).has_value());

    const auto is_told = [&] {
        for (;;) {
            const auto step = scene.store().clean_up(today + 8);
            if (step) {
                REQUIRE_FALSE(step->is_done);
                continue;
            }
            CHECK(step.error().kind == StorageError::Kind::corrupt);
            return step.error().detail.find("position 5") != std::string::npos;
        }
    };
    CHECK(is_told());
    CHECK(scene.kept() == numbers(4, 7));   // before the damage all is gone; from its run on nothing is
    scene.send(bytes(share(8)), today + 9); // as ever
    const auto health = scene.store().health();
    CHECK(health.is_healthy); // it stores
    CHECK(health.damage.find("position 5") != std::string::npos);
    CHECK(is_told());
    CHECK(scene.kept() == numbers(4, 8));
}

TEST_CASE("a run whose records are not those it was made of is not split") {
    Scene scene{4};
    for (std::uint64_t n = 1; n <= 5; ++n) scene.send(bytes(share(n)), today + n);
    auto damage = behind(scene.engine->load()->head);
    damage.entries = scene.engine->read(2, 2, 1).value();
    damage.removed = damage.entries;
    damage.entries[0].bytes.back() ^= 1;
    damage.entries[0].checksum = checksum_of(damage.entries[0]);
    auto exchange = damage;
    damage.entries.clear();
    exchange.removed.clear();
    REQUIRE(scene.engine->write(damage).has_value());
    REQUIRE(scene.engine->write(exchange).has_value());
    const auto step = scene.store().clean_up(today + 3);
    REQUIRE_FALSE(step.has_value());
    CHECK(step.error().kind == StorageError::Kind::corrupt);
    CHECK(scene.engine->load()->runs.size() == 1);
}
