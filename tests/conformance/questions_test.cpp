#include "tests/conformance/records.hpp"
#include "tests/conformance/scene.hpp"
#include "tests/conformance/text.hpp"

#include <doctest/doctest.h>
#include <limits>
#include <random>

namespace conformance {

namespace {

storage::RecordQuery query_of(const std::string& channel_id, std::size_t items, std::size_t bytes = no_limit.bytes) {
    return {.pool = pool,
            .kind = protocol::RecordKind::share,
            .channel_id = channel_id,
            .range = {},
            .after = {},
            .limit = {.items = items, .bytes = bytes}};
}

// Fifteen shares of channel "a" out of order, several of one time, duplicates and refused ones among them; and others.
void store_shares(Scene& scene) {
    const auto alice = scene.attach(stream, pool);
    const auto bob = scene.attach({.identity = "bob", .stream_id = 1}, pool);
    for (std::uint64_t i = 0; i < 5; ++i) {
        scene.commit({submission(alice, 3 * i + 1,
                                 all_sent(share("a", i, noon + i * 7 % 5), share("b", 100 + i),
                                          rejected(share("a", i, noon + 2)))),
                      submission(bob, 2 * i + 1, all_sent(share("a", i / 2, noon - i), block("a", i)))});
    }
}

std::vector<std::uint64_t> positions(const Scene& scene, const storage::Range& range) {
    auto query = query_of("a", 0);
    query.range = range;
    std::vector<std::uint64_t> positions;
    const auto page = scene.store().records(query).value();
    for (const auto& each : page.records) positions.push_back(each.position);
    return positions;
}

} // namespace

TEST_CASE("Shares come newest first by effective time, then position") {
    Scene scene;
    const auto alice = scene.attach(stream, pool);
    scene.commit(submission(alice, 1,
                            all_sent(share("a", 1, noon + 1), share("a", 2, noon + 3), share("a", 3, noon + 1),
                                     share("a", 4, 0), block("a", 5, noon + 2)),
                            noon + 2));
    CHECK(positions(scene, {}) == std::vector<std::uint64_t>{2, 4, 3, 1});
    scene.compare_answers();
}

TEST_CASE("Both ends of a range are in it") {
    Scene scene;
    const auto alice = scene.attach(stream, pool);
    scene.commit(submission(
        alice, 1,
        all_sent(share("a", 1, noon), share("a", 2, noon + 1), share("a", 3, noon + 2), block("b", 4, noon + 3))));
    using Positions = std::vector<std::uint64_t>;
    constexpr auto most = std::numeric_limits<storage::Milliseconds>::max();
    const struct {
        storage::Range range;
        Positions positions;
        std::uint64_t channels;
    } answers[] = {
        {{.start = {}, .end = {}}, {3, 2, 1}, 2},       {{.start = noon, .end = noon + 2}, {3, 2, 1}, 1},
        {{.start = noon + 1, .end = noon + 1}, {2}, 1}, {{.start = noon + 1, .end = {}}, {3, 2}, 2},
        {{.start = {}, .end = noon + 1}, {2, 1}, 1},    {{.start = noon + 3, .end = {}}, {}, 1},
        {{.start = noon + 4, .end = {}}, {}, 0},        {{.start = {}, .end = noon - 1}, {}, 0},
        {{.start = noon + 2, .end = noon}, {}, 0},      {{.start = 0, .end = most}, {3, 2, 1}, 2},
        {{.start = most, .end = most}, {}, 0},          {{.start = 0, .end = 0}, {}, 0},
    };
    for (const auto& [range, expected, channels] : answers) {
        INFO(text(range));
        CHECK(positions(scene, range) == expected);
        const auto totals = scene.store().totals(pool, range).value();
        CHECK(totals.in_range.totals.shares_accepted == expected.size());
        CHECK(totals.channels == channels);
        scene.compare_totals(pool, "", range);
        CHECK(scene.store().channel_stats(pool, "a", range).value().totals.shares_accepted == expected.size());
    }
}

TEST_CASE("A range takes shares and blocks by effective time, not by what they state") {
    Scene scene;
    const auto alice = scene.attach(stream, pool);
    scene.commit(submission(alice, 1, all_sent(share("a", 1, 5), block("a", 2, 5), with_block(share("a", 3, noon)))));
    const storage::Range stated{.start = 0, .end = 10};
    CHECK(positions(scene, stated).empty());
    CHECK(scene.store().totals(pool, stated).value().in_range.totals.blocks_found == 0);
    const storage::Range effective{.start = noon, .end = noon};
    CHECK(positions(scene, effective) == std::vector<std::uint64_t>{3, 1});
    CHECK(scene.store().totals(pool, effective).value().in_range.totals.blocks_found == 2);
    scene.compare_answers();
}

TEST_CASE("Pages of any size neither skip nor repeat") {
    Scene scene;
    store_shares(scene);
    const auto all = scene.model().records(query_of("a", 0));
    REQUIRE(all.size() == 15);
    for (const std::size_t size : {1, 2, 7, 14, 15, 16, 0}) {
        INFO("at most " << size);
        scene.compare_pages(query_of("a", size));
    }
    const std::size_t one = 3 + protocol::encode(all.front().item).value().size();
    for (const std::size_t bytes :
         {std::size_t{0}, std::size_t{1}, one - 1, one, one + 1, 2 * one, 5 * one, 15 * one}) {
        INFO("at most " << bytes << " bytes");
        scene.compare_pages(query_of("a", 0, bytes));
        scene.compare_pages(query_of("a", 2, bytes));
    }
    storage::RecordQuery some = query_of("a", 2);
    some.range = {.start = noon, .end = noon + 2};
    scene.compare_pages(some);
}

TEST_CASE("Pages show what the first one saw, whatever is stored in between") {
    for (const std::size_t size : {1, 2, 7}) {
        INFO("at most " << size);
        Scene scene;
        store_shares(scene);
        const auto carol = scene.attach({.identity = "carol", .stream_id = 1}, pool);
        storage::RecordQuery query = query_of("a", size);
        std::uint64_t sequence = 0;
        while (scene.compare_page(query)) {
            // older than all, newer than all, and in the middle
            const auto hash = 1000 + 10 * sequence;
            scene.commit(submission(carol, sequence + 1,
                                    all_sent(share("a", hash, noon - day), share("a", hash + 1, noon + hour),
                                             share("a", hash + 2, noon + 2))));
            sequence += 3;
        }
        CHECK(sequence > 0);
        scene.compare_answers();
    }
}

TEST_CASE("A cursor is good after a store was opened again") {
    Scene scene;
    if (scene.is_volatile()) return;
    store_shares(scene);
    storage::RecordQuery query = query_of("a", 4);
    while (scene.compare_page(query)) {
        scene.reopen();
        const auto again = scene.attach(stream, pool);
        scene.commit(submission(again, again.durable_sequence + 1,
                                all_sent(share("a", 5000 + again.durable_sequence, noon + 1))));
    }
    scene.compare_answers();
}

TEST_CASE("A long list comes in pages as well as a short one") {
    Scene scene;
    const auto alice = scene.attach(stream, pool);
    constexpr std::uint64_t count = 2500;
    std::mt19937_64 random{1};
    std::vector<protocol::B0_16M> records;
    for (std::uint64_t i = 0; i < count; ++i) records.push_back(sent(share("a", i, noon + random() % 300)));
    scene.commit(submission(alice, 1, records));
    REQUIRE(scene.model().records(query_of("a", 0)).size() == count);
    scene.compare_pages(query_of("a", 0));
    scene.compare_pages(query_of("a", 999));
    scene.compare_pages(query_of("a", 0, 64 * 1024));
    scene.compare_totals(pool, "", {.start = noon + 10, .end = noon + 290});
}

TEST_CASE("A hash is seen once a share of it was accepted, in its channel and in its pool") {
    Scene scene;
    const auto alice = scene.attach(stream, pool);
    const auto bob = scene.attach({.identity = "bob", .stream_id = 1}, "another pool");
    scene.commit({submission(alice, 1,
                             all_sent(share("a", 1), share("b", 1), rejected(share("a", 2)),
                                      with_target(share("a", 3), u256(2)), block("a", 4))),
                  submission(bob, 1, all_sent(share("a", 5)))});
    const std::vector<protocol::U256> hashes{u256(5), u256(1), u256(2), u256(3), u256(4), u256(1), u256(0)};
    using Seen = std::vector<bool>;
    const auto seen = [&](const std::string& in, const std::string& channel_id) {
        return scene.store().are_shares_seen(in, channel_id, hashes).value();
    };
    CHECK(seen(pool, "") == Seen{false, true, false, false, false, true, false});
    CHECK(seen(pool, "a") == seen(pool, ""));
    CHECK(seen(pool, "b") == Seen(hashes.size())); // there it was a duplicate
    CHECK(seen(pool, "c") == Seen(hashes.size()));
    CHECK(seen("another pool", "") == Seen{true, false, false, false, false, false, false});
    CHECK(seen("nobody's pool", "") == Seen(hashes.size()));
    CHECK(scene.store().are_shares_seen(pool, "", {}).value().empty());
    scene.compare_answers();
}

TEST_CASE("Channels come in the order of their bytes, page after page") {
    Scene scene;
    const auto alice = scene.attach(stream, pool);
    const auto bob = scene.attach({.identity = "bob", .stream_id = 1}, "another pool");
    scene.commit({submission(alice, 1,
                             all_sent(share("b", 1), share("\xc3\xa9", 2), share("a", 3), block("aa", 4),
                                      batch_acknowledgment("Z"), share("a", 5), share("10", 3))),
                  submission(bob, 1, all_sent(share("elsewhere", 1)))});
    const std::vector<std::string> expected{"10", "Z", "a", "aa", "b", "\xc3\xa9"};
    for (const std::size_t limit : {1, 2, 5, 6, 7}) {
        std::vector<std::string> all;
        for (std::string after;;) {
            const auto page = scene.store().channels(pool, after, limit).value();
            CHECK(page.size() <= limit);
            all.insert(all.end(), page.begin(), page.end());
            if (page.size() < limit) break;
            after = page.back();
        }
        CHECK(all == expected);
    }
    CHECK(scene.store().channels(pool, "a0", 1).value() == std::vector<std::string>{"aa"}); // that there is none
    CHECK(scene.store().channels("nobody's pool", "", 9).value().empty());
}

TEST_CASE("Streams come in the order of their identities' bytes and their ids, page after page") {
    Scene scene;
    constexpr auto most = std::numeric_limits<std::uint64_t>::max();
    scene.attach({.identity = "bob", .stream_id = 1}, pool);
    scene.attach({.identity = "alice", .stream_id = most}, pool);
    scene.attach({.identity = "alice", .stream_id = 10}, pool);
    scene.attach({.identity = "Zoe", .stream_id = 0}, pool);
    scene.attach({.identity = "alice", .stream_id = 9}, "another pool");
    scene.attach({.identity = "\xc3\xa9va", .stream_id = 3}, pool);
    scene.attach({.identity = "alice", .stream_id = 2}, pool);
    scene.attach({.identity = "alice", .stream_id = 10}, pool);
    const auto expected = text(scene.model().streams(pool));
    for (const std::size_t limit : {1, 2, 5, 6, 7}) {
        std::vector<protocol::StreamState> all;
        for (std::optional<storage::StreamName> after;;) {
            const auto page = scene.store().streams(pool, after, limit).value();
            CHECK(page.size() <= limit);
            all.insert(all.end(), page.begin(), page.end());
            if (page.size() < limit) break;
            after = {.identity = page.back().identity.text, .stream_id = page.back().stream_id};
        }
        CHECK(text(all) == expected);
        CHECK(all.size() == 6);
    }
    CHECK(scene.store().streams("nobody's pool", {}, 9).value().empty());
}

TEST_CASE("Of what it does not know, a store says nothing") {
    Scene scene;
    scene.compare_answers();
    const auto alice = scene.attach(stream, pool);
    scene.compare_answers();
    scene.commit(submission(alice, 1, {sent(protocol::Bytes{77})}));
    CHECK(!scene.store().accounting(pool, "a").value());
    CHECK(!scene.store().accounting(pool, "").value());
    CHECK(scene.store().channels(pool, "", 9).value().empty());
    CHECK(scene.store().totals(pool, {}).value().channels == 0);
    scene.compare_answers();
}

} // namespace conformance
