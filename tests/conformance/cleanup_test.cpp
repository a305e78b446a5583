// Retention: what arrived before a time is taken out, and what it added up to stays.
#include "tests/conformance/records.hpp"
#include "tests/conformance/scene.hpp"
#include "tests/conformance/text.hpp"
#include "tests/conformance/writer.hpp"

#include <doctest/doctest.h>
#include <limits>

namespace conformance {

namespace {

using protocol::RecordKind;
using protocol::Verdict;

constexpr auto end_of_time = std::numeric_limits<storage::Milliseconds>::max();

std::size_t listed(const Scene& scene, RecordKind kind, const std::string& channel_id) {
    const storage::RecordQuery query{
        .pool = pool, .kind = kind, .channel_id = channel_id, .range = {}, .after = {}, .limit = no_limit};
    scene.compare_pages(query);
    return scene.store().records(query).value().records.size();
}

storage::Range covered(const Scene& scene, const storage::Range& range) {
    scene.compare_totals(pool, "a", range);
    return scene.store().channel_stats(pool, "a", range).value().range;
}

bool is_range(const storage::Range& range, std::optional<storage::Milliseconds> start,
              std::optional<storage::Milliseconds> end) {
    return range.start == start && range.end == end;
}

} // namespace

TEST_CASE("What arrived strictly before the bound is removed, up to the first that did not") {
    for (const storage::Position interval : {1, 2, 4, 100}) {
        INFO("saved every " << interval);
        Scene scene{interval};
        Writer writer{scene, stream, pool};
        for (std::uint64_t i = 0; i < 10; ++i) writer.store(share("a", i, 0), top + i);
        writer.store(share("a", 10), top); // behind younger ones
        scene.clean_up(top);
        CHECK(listed(scene, RecordKind::share, "a") == 11);
        scene.clean_up(top + 1);
        CHECK(listed(scene, RecordKind::share, "a") == 10);
        scene.clean_up(top + 1);
        scene.clean_up(0);
        CHECK(listed(scene, RecordKind::share, "a") == 10);
        scene.clean_up(top + 6);
        CHECK(listed(scene, RecordKind::share, "a") == 5);
        scene.compare_answers();
        scene.clean_up(top + 9);
        CHECK(listed(scene, RecordKind::share, "a") == 2);
        scene.clean_up(top + 10);
        CHECK(listed(scene, RecordKind::share, "a") == 0);
        scene.compare_answers();
        writer.store(share("a", 20), top + 20);
        CHECK(listed(scene, RecordKind::share, "a") == 1);
        scene.compare_answers();
    }
}

TEST_CASE("Cleaning up an empty store, and a store of streams alone, is done at once") {
    Scene scene;
    scene.clean_up(end_of_time);
    scene.attach(stream, pool);
    scene.clean_up(end_of_time);
    scene.compare_answers();
}

TEST_CASE("It goes by arrival: what a record says of its time, and which pool it is of, does not matter") {
    Scene scene;
    Writer writer{scene, stream, pool};
    Writer other{scene, {.identity = "bob", .stream_id = 1}, "another pool"};
    writer.store(share("a", 1, top - 30 * day), top);
    other.store(share("a", 2, top + hour), top);
    writer.store(share("a", 3, top - 30 * day), top + day);
    scene.clean_up(top + 1);
    CHECK(listed(scene, RecordKind::share, "a") == 1);
    CHECK(scene.model()
              .records({.pool = "another pool",
                        .kind = RecordKind::share,
                        .channel_id = "a",
                        .range = {},
                        .after = {},
                        .limit = {}})
              .empty());
    scene.compare_answers();
}

TEST_CASE("Blocks, their states, solutions, deletions and the last report outlive it, and no other record does") {
    Scene scene;
    Writer writer{scene, stream, pool};
    writer.store_all(noon, share("a", 1), rejected(share("a", 2)), with_block(share("a", 3)), block("a", 4),
                     block_status(4, protocol::BlockState::confirmed), batch_acknowledgment("a"), declared_job(1),
                     solution(1, 4), report("a", {}), report("a", {}), report("b", {}), accounting_deleted("b"));
    writer.store(sent(protocol::Bytes{250}));
    scene.clean_up(noon + 1);
    CHECK(listed(scene, RecordKind::share, "a") == 1);
    CHECK(listed(scene, RecordKind::block, "a") == 1);
    CHECK(listed(scene, RecordKind::block_status, "") == 1);
    CHECK(listed(scene, RecordKind::solution, "") == 1);
    CHECK(listed(scene, RecordKind::accounting_deleted, "b") == 1);
    CHECK(listed(scene, RecordKind::share_accounting, "a") == 1);
    CHECK(listed(scene, RecordKind::share_accounting, "b") == 0);
    CHECK(listed(scene, RecordKind::batch_acknowledgment, "a") == 0);
    CHECK(listed(scene, RecordKind::declared_job, "") == 0);
    scene.compare_answers();
    if (!scene.is_volatile()) scene.reopen();
    scene.compare_answers();

    SUBCASE("until a later report takes the last one's place") {
        Writer again{scene, stream, pool};
        again.store(report("a", {}), noon + 5);
        CHECK(listed(scene, RecordKind::share_accounting, "a") == 1);
    }
    SUBCASE("until the last report is deleted") {
        Writer again{scene, stream, pool};
        again.store(accounting_deleted("a"), noon + 5);
        CHECK(listed(scene, RecordKind::share_accounting, "a") == 0);
    }
    scene.compare_answers();
    scene.clean_up(end_of_time);
    scene.compare_answers();
    scene.drop_and_reopen();
    scene.compare_answers();
}

TEST_CASE("Totals, hours, users and accounting stay as they were") {
    Scene scene;
    Writer writer{scene, stream, pool};
    for (std::uint64_t i = 0; i < 12; ++i) {
        writer.store_all(top + i * hour, of_user(numbered(share("a", i, top + i * hour), 7), "ann"),
                         rejected(share("b", i, top)), share("b", i, top + 1));
    }
    const auto before = scene.store().totals(pool, {}).value();
    scene.clean_up(top + 7 * hour);
    const auto after = scene.store().totals(pool, {}).value();
    CHECK(text(after) == text(before));
    scene.compare_answers();
    scene.clean_up(end_of_time);
    CHECK(text(scene.store().totals(pool, {}).value()) == text(before));
    scene.compare_answers();
    scene.drop_and_reopen();
    scene.compare_answers();
}

TEST_CASE("Where an edge hour's records are gone, the whole hour is answered and the range says so") {
    Scene scene;
    Writer writer{scene, stream, pool};
    for (std::uint64_t i = 0; i < 8; ++i) writer.store(share("a", i, top + i * hour / 2), top + i * hour / 2);
    for (std::uint64_t i = 0; i < 8; ++i) writer.store(share("b", 10 + i, top + i * hour / 2), top + 4 * hour);
    const storage::Range within{.start = top + 1, .end = top + 3 * hour + 1};
    CHECK(is_range(covered(scene, within), top + 1, top + 3 * hour + 1));

    scene.clean_up(top + 3 * hour / 2); // half of the second hour is left
    CHECK(is_range(covered(scene, within), top, top + 3 * hour + 1));
    CHECK(is_range(covered(scene, {.start = top, .end = top + hour - 1}), top, top + hour - 1));
    CHECK(is_range(covered(scene, {.start = top + hour + 1, .end = {}}), top + hour, {}));
    CHECK(is_range(covered(scene, {.start = {}, .end = top + hour}), {}, top + 2 * hour - 1));
    CHECK(is_range(covered(scene, {.start = top + 5, .end = top + 6}), top, top + hour - 1));
    CHECK(is_range(covered(scene, {.start = top + 2 * hour + 1, .end = top + 2 * hour + 2}), top + 2 * hour + 1,
                   top + 2 * hour + 2));
    CHECK(is_range(covered(scene, {.start = top - 1, .end = top + 4 * hour}), top - 1, top + 4 * hour));
    CHECK(is_range(covered(scene, {.start = top + 6, .end = top + 5}), top + 6, top + 5)); // upside down
    // What channel "a" has lost, "b" has not; a pool's range is one for all of its channels.
    scene.compare_totals(pool, "b", within);
    CHECK(is_range(scene.store().channel_stats(pool, "b", within).value().range, within.start, within.end));
    CHECK(is_range(scene.store().totals(pool, within).value().in_range.range, top, within.end));
    scene.compare_answers();

    scene.clean_up(end_of_time);
    CHECK(is_range(covered(scene, within), top, top + 4 * hour - 1));
    scene.compare_answers();
    scene.reopen();
    scene.compare_answers();
}

TEST_CASE("Numbers that were removed are acknowledged unread and counted, and those behind them are not") {
    Scene scene;
    const auto alice = scene.attach(stream, pool);
    const std::vector<protocol::B0_16M> records{sent(share("a", 1)), sent(share("a", 1)), sent(protocol::Bytes{250}),
                                                sent(share("a", 2)), sent(share("a", 2))};
    scene.commit(submission(alice, 1, {records[0], records[1], records[2]}, noon));
    scene.commit(submission(alice, 4, {records[3], records[4]}, noon + 1));
    scene.clean_up(noon + 1);
    using storage::Outcome;
    CHECK(scene.commit(submission(alice, 1, {records[0], records[1], records[2]})) ==
          Outcome{storage::Stored{.last_sequence = 3, .verdicts = {}, .unread = 3}});
    CHECK(scene.commit(submission(alice, 2, {records[0]})) ==
          Outcome{storage::Stored{.last_sequence = 2, .verdicts = {}, .unread = 1}}); // other bytes
    CHECK(scene.commit(submission(alice, 3, {records[1], records[3], records[4], sent(share("a", 3))})) ==
          Outcome{storage::Stored{.last_sequence = 6, .verdicts = {{5, Verdict::duplicate_share}}, .unread = 1}});
    if (!scene.is_volatile()) scene.reopen();
    const auto again = scene.attach(stream, pool);
    CHECK(again.durable_sequence == 6);
    CHECK(scene.commit(submission(again, 1, {records[3], records[3], records[3]})).has_value());
    CHECK(scene.commit(submission(again, 3, {records[3], records[0]})) ==
          Outcome{std::unexpected(storage::Refused::sequence_conflict)});
    scene.compare_answers();
}

TEST_CASE("Of records that outlive it, too, the numbers are acknowledged unread") {
    Scene scene;
    Writer writer{scene, stream, pool};
    writer.store_all(noon, block("a", 1), with_block(share("a", 2)));
    scene.clean_up(noon + 1);
    CHECK(scene.commit(submission(writer.attachment(), 1, all_sent(share("a", 9), share("a", 9), block("b", 3))))
              .has_value());
    CHECK(scene.model().position() == 3);
    scene.compare_answers();
}

TEST_CASE("A hash whose share was removed is new again; that of a block is not") {
    Scene scene;
    Writer writer{scene, stream, pool};
    writer.store_all(noon, share("a", 1), with_block(share("a", 2)), share("a", 1));
    scene.clean_up(noon + 1);
    CHECK(writer.store(share("b", 1), noon + 5) == Verdict::stored);
    CHECK(writer.store(share("b", 1), noon + 5) == Verdict::duplicate_share);
    CHECK(writer.store(share("b", 2), noon + 5) == Verdict::duplicate_share);
    const std::vector<protocol::U256> hashes{u256(1), u256(2)};
    CHECK(scene.store().are_shares_seen(pool, "a", hashes).value() == std::vector<bool>{false, true});
    CHECK(scene.store().are_shares_seen(pool, "b", hashes).value() == std::vector<bool>{true, false});
    scene.compare_answers();
    scene.drop_and_reopen();
    scene.compare_answers();
}

TEST_CASE("Commits go through between the steps, and it comes to an end all the same") {
    Scene scene{1000};
    const auto alice = scene.attach(stream, pool);
    constexpr std::uint64_t count = 7000; // more than a step takes
    std::vector<protocol::B0_16M> records;
    for (std::uint64_t i = 0; i < count; ++i) records.push_back(sent(share("a", i, 0)));
    for (std::uint64_t first = 0; first < count; first += 500) {
        const auto begin = records.begin() + static_cast<std::ptrdiff_t>(first);
        scene.commit(submission(alice, first + 1, {begin, begin + 500}, noon + first));
    }
    Writer bob{scene, {.identity = "bob", .stream_id = 1}, pool};
    std::uint64_t steps = 0;
    while (scene.clean_up_step(noon + count - 1000)) {
        ++steps;
        CHECK(bob.store(share("b", count + steps, 0), noon + 10 * day) == Verdict::stored);
        scene.compare_totals(pool, "", {});
        scene.compare_totals(pool, "a", {.start = noon, .end = noon + 1});
        scene.compare_accounting(pool, "a");
        REQUIRE(steps < 1000);
    }
    CHECK(steps >= 4);
    CHECK(listed(scene, RecordKind::share, "a") == 1000);
    CHECK(listed(scene, RecordKind::share, "b") == steps);
}

TEST_CASE("A store that is opened again amid the steps goes on where it was") {
    for (std::uint64_t stop = 1;; ++stop) {
        INFO("after " << stop << " steps");
        Scene scene{5};
        if (scene.is_volatile()) return;
        Writer writer{scene, stream, pool};
        for (std::uint64_t i = 0; i < 23; ++i) {
            writer.store(i % 5 == 0 ? with_block(share("a", i, 0)) : of_user(share("a", i, 0), "ann"), noon + i);
        }
        std::uint64_t steps = 0;
        while (steps < stop && scene.clean_up_step(noon + 18)) ++steps;
        const bool was_done = steps < stop;
        if (stop % 2 == 0) {
            scene.reopen();
        } else {
            scene.drop_and_reopen();
        }
        scene.compare_totals(pool, "", {});
        scene.compare_totals(pool, "", {.start = noon + 3, .end = noon + 20});
        scene.compare_hours(pool, protocol::Subject::user, "ann", {}, 9);
        scene.clean_up(noon + 18);
        scene.compare_answers();
        scene.clean_up(end_of_time);
        scene.compare_answers();
        if (was_done) return;
    }
}

TEST_CASE("Pages leave out what is removed between them, and go on behind it") {
    Scene scene;
    Writer writer{scene, stream, pool};
    for (std::uint64_t i = 0; i < 12; ++i) {
        writer.store(i % 4 == 0 ? with_block(share("a", i, top + i)) : share("a", i, top + i), top + i);
    }
    storage::RecordQuery query{.pool = pool,
                               .kind = RecordKind::share,
                               .channel_id = "a",
                               .range = {},
                               .after = {},
                               .limit = {.items = 2, .bytes = no_limit.bytes}};
    REQUIRE(scene.compare_page(query));
    scene.clean_up(top + 3);
    REQUIRE(scene.compare_page(query));
    scene.clean_up(top + 7); // behind the cursor all but two have gone
    REQUIRE(scene.compare_page(query));
    scene.clean_up(end_of_time);
    CHECK(!scene.compare_page(query));
    scene.compare_answers();
}

} // namespace conformance
