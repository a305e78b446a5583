#include "tests/conformance/records.hpp"
#include "tests/conformance/scene.hpp"
#include "tests/conformance/text.hpp"
#include "tests/conformance/writer.hpp"

#include <doctest/doctest.h>

namespace conformance {

namespace {

using protocol::BlockState;

storage::BlockQuery query_of(const std::string& channel_id, const storage::Range& range = {}, std::size_t items = 0) {
    return {.pool = pool,
            .channel_id = channel_id,
            .range = range,
            .after = {},
            .limit = {.items = items, .bytes = no_limit.bytes}};
}

// As they are listed: whose record is shown, and what became of the block.
struct Listing {
    std::vector<storage::Position> shown;
    std::vector<BlockState> states;
};
Listing listing(const Scene& scene, const storage::BlockQuery& query) {
    scene.compare_pages(query);
    Listing listing;
    const auto page = scene.store().blocks(query).value();
    for (const auto& block : page.blocks) {
        protocol::Reader in{block.record.bytes};
        listing.shown.push_back(protocol::decode<protocol::StoredRecord>(in).value().position);
        listing.states.push_back(static_cast<BlockState>(block.status));
    }
    return listing;
}

using Positions = std::vector<storage::Position>;

} // namespace

TEST_CASE("Blocks come one for each hash, newest first, whichever records tell of them") {
    Scene scene;
    Writer writer{scene, stream, pool};
    writer.store_all(noon, with_block(share("a", 1)), block("b", 2, noon + 2), block("a", 1, noon + 9), block("b", 1),
                     block("b", 2, noon + 5), with_block(share("c", 3, noon + 1)), share("a", 4),
                     with_block(share("c", 4)), block("b", 5, noon + 2));
    // The pool's first Block of a hash is shown, else the share; the order is that of those who told first.
    CHECK(listing(scene, query_of("")).shown == Positions{9, 2, 6, 3});
    CHECK(listing(scene, query_of("a")).shown == Positions{3}); // of the channel that told first
    CHECK(listing(scene, query_of("b")).shown == Positions{9, 2});
    CHECK(listing(scene, query_of("c")).shown == Positions{6}); // hash 4 was a duplicate
    CHECK(listing(scene, query_of("d")).shown.empty());
    CHECK(listing(scene, query_of("", {.start = noon, .end = noon + 1})).shown == Positions{6, 3});
    CHECK(listing(scene, query_of("", {.start = noon + 9, .end = {}})).shown.empty());
    scene.compare_answers();
    scene.reopen();
    scene.compare_answers();
}

TEST_CASE("A block's state is that of its last status, by position, wherever that came from") {
    Scene scene;
    Writer writer{scene, stream, pool};
    Writer other{scene, {.identity = "bob", .stream_id = 1}, pool};
    Writer elsewhere{scene, {.identity = "carol", .stream_id = 1}, "another pool"};
    writer.store(block("a", 1));
    elsewhere.store(block_status(1, BlockState::orphaned));
    const auto state = [&] {
        const auto states = listing(scene, query_of("")).states;
        REQUIRE(states.size() == 1);
        return states.front();
    };
    CHECK(state() == BlockState::unknown);
    CHECK(!scene.store().blocks(query_of("")).value().blocks.front().status_timestamp);
    writer.store(block_status(1, BlockState::submitted, noon + hour));
    CHECK(state() == BlockState::submitted);
    other.store(block_status(1, BlockState::orphaned, noon));
    CHECK(state() == BlockState::orphaned);
    CHECK(scene.store().blocks(query_of("")).value().blocks.front().status_timestamp == noon);
    writer.store(block_status(1, BlockState::confirmed, 7)); // a time that is not believed is told all the same
    CHECK(state() == BlockState::confirmed);
    CHECK(scene.store().blocks(query_of("")).value().blocks.front().status_timestamp == 7);
    writer.store(block_status(2, BlockState::orphaned));
    CHECK(state() == BlockState::confirmed);
    scene.compare_answers();
    scene.drop_and_reopen();
    scene.compare_answers();
}

TEST_CASE("A status may come before its block, and alone makes none") {
    Scene scene;
    Writer writer{scene, stream, pool};
    writer.store(block_status(1, BlockState::confirmed));
    CHECK(listing(scene, query_of("")).shown.empty());
    CHECK(scene.store().totals(pool, {}).value().in_range.totals.blocks_found == 0);
    if (!scene.is_volatile()) scene.reopen();
    Writer again{scene, stream, pool};
    again.store(with_block(share("a", 1)));
    CHECK(listing(scene, query_of("")).states == std::vector{BlockState::confirmed});
    scene.compare_answers();
}

TEST_CASE("Pages of blocks neither skip nor repeat, and leave out what was told later") {
    for (const std::size_t size : {0, 1, 2, 3, 5, 6}) {
        INFO("at most " << size);
        Scene scene;
        Writer writer{scene, stream, pool};
        for (std::uint64_t i = 0; i < 5; ++i) writer.store(block(i % 2 == 0 ? "a" : "b", i, noon + i * 3 % 5));
        scene.compare_pages(query_of("", {}, size));
        scene.compare_pages(query_of("a", {}, size));
        auto query = query_of("", {}, size);
        std::uint64_t hash = 100;
        while (scene.compare_page(query)) {
            writer.store_all(noon, block("a", hash, noon - day), block("b", hash + 1, noon + hour),
                             block_status(hash % 5, BlockState::submitted));
            hash += 2;
        }
        scene.compare_answers();
    }
    Scene scene;
    Writer writer{scene, stream, pool};
    for (std::uint64_t i = 0; i < 5; ++i) writer.store(block("a", i, noon + i / 2));
    const auto one = 3 + protocol::encode(scene.store().blocks(query_of("")).value().blocks.front()).value().size();
    for (const std::size_t bytes : {std::size_t{0}, one - 1, one, one + 1, 2 * one, 5 * one}) {
        auto query = query_of("");
        query.limit.bytes = bytes;
        scene.compare_pages(query);
    }
}

TEST_CASE("A block's hash in two pools is two blocks") {
    Scene scene;
    Writer here{scene, stream, pool};
    Writer there{scene, {.identity = "bob", .stream_id = 1}, "another pool"};
    here.store(block("a", 1));
    there.store(with_block(share("a", 1)));
    here.store(block_status(1, BlockState::orphaned));
    CHECK(listing(scene, query_of("")).states == std::vector{BlockState::orphaned});
    scene.compare_answers();
}

} // namespace conformance
