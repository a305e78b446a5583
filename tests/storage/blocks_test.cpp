// Blocks, one for each hash, and what became of them.

#include "tests/storage/fixtures.hpp"

using namespace fixtures;
using namespace storage;
using protocol::BlockState;

namespace {

BlockPage blocks(const Store& store, const std::string& channel = "", const Range& range = {},
                 const std::optional<RecordCursor>& after = {}, const PageLimit& limit = {0, all_bytes}) {
    auto page = store.blocks({.pool = pool, .channel_id = channel, .range = range, .after = after, .limit = limit});
    REQUIRE(page.has_value());
    return *std::move(page);
}

protocol::StoredRecord record_of(const protocol::FoundBlock& block) {
    const auto record = protocol::decode<protocol::StoredRecord>(protocol::ByteView{block.record.bytes});
    REQUIRE(record.has_value());
    return *record;
}

// Of the records shown.
std::vector<Position> positions(const BlockPage& page) {
    std::vector<Position> positions;
    for (const auto& block : page.blocks) positions.push_back(record_of(block).position);
    return positions;
}

template <class R> protocol::B0_16M at(Milliseconds time, R record) {
    record.timestamp = time;
    return bytes(record);
}

} // namespace

TEST_CASE("a block is listed once, as its first block record, where and when it was told of first") {
    const auto engine = std::make_shared<MemoryEngine>();
    auto store = open(engine, no_faults(), 3);
    const auto to = attach(*store);
    CHECK(blocks(*store).blocks.empty());
    const std::vector records{at(today - 3, finder(1, "a")), at(today, block(1, "b")),     at(today, block(1, "c")),
                              at(today - 9, finder(2, "a")), at(today - 5, block(3, "b")), at(today - 1, finder(3)),
                              at(today, share(2, "a")),      at(today - 3, finder(4, "b"))};
    for (std::uint64_t i = 0; i < records.size(); ++i) {
        REQUIRE(commit_one(*store, submission(to, i + 1, {records[i]})).has_value());
    }
    for (const bool is_reopened : {false, true}) {
        if (is_reopened) store = open(engine);
        const auto all = blocks(*store);
        CHECK(positions(all) == std::vector<Position>{8, 2, 5, 4}); // by the times -3, -3, -5, -9 of the tellers
        CHECK(record_of(all.blocks[1]).record == records[1]);
        CHECK(record_of(all.blocks[3]).record == records[3]);
        CHECK(positions(blocks(*store, "a")) == std::vector<Position>{2, 4});
        CHECK(positions(blocks(*store, "b")) == std::vector<Position>{8, 5});
        CHECK(blocks(*store, "c").blocks.empty());
        CHECK(positions(blocks(*store, "", {.start = today - 5, .end = today - 4})) == std::vector<Position>{5});
        CHECK(blocks(*store, "", {.start = today - 2, .end = std::nullopt}).blocks.empty());
    }
    const auto another = store->blocks(
        {.pool = "another", .channel_id = "", .range = {}, .after = {}, .limit = {.items = 0, .bytes = all_bytes}});
    CHECK(another->blocks.empty());
}

TEST_CASE("a block has the last status that was told, even before the block") {
    const auto engine = std::make_shared<MemoryEngine>();
    auto store = open(engine, no_faults(), 2);
    const auto to = attach(*store);
    auto send = [&, next = std::uint64_t{1}](const protocol::B0_16M& record) mutable {
        REQUIRE(commit_one(*store, submission(to, next++, {record})).has_value());
    };
    const auto status_of = [&](std::size_t i) {
        const auto block = blocks(*store).blocks.at(i);
        return std::pair{static_cast<BlockState>(block.status), block.status_timestamp};
    };
    using Status = std::pair<BlockState, std::optional<std::uint64_t>>;
    send(at(today + 1, status(1, BlockState::submitted)));
    CHECK(blocks(*store).blocks.empty());
    send(bytes(block(1)));
    CHECK(status_of(0) == Status{BlockState::submitted, today + 1});
    send(bytes(block(2)));
    CHECK(status_of(0) == Status{BlockState::unknown, std::nullopt});
    send(at(today + 9, status(1, BlockState::confirmed)));
    send(at(today + 4, status(1, BlockState::orphaned))); // of an earlier time: the position counts
    CHECK(status_of(1) == Status{BlockState::orphaned, today + 4});
    store = open(engine);
    CHECK(status_of(0) == Status{BlockState::unknown, std::nullopt});
    CHECK(status_of(1) == Status{BlockState::orphaned, today + 4});
    CHECK(store->channels(pool, "", 9) == std::vector<std::string>{"1.1.1.1"});
    CHECK(records(*store, protocol::RecordKind::block_status, "").size() == 3);
}

TEST_CASE("pages of blocks of any size hold each block up to the first page's position once") {
    const auto store = fresh();
    const auto to = attach(*store);
    std::vector<protocol::B0_16M> records;
    for (std::uint64_t n = 1; n <= 300; ++n) records.push_back(at(today - n * 37 % 11, block(n)));
    REQUIRE(commit_one(*store, submission(to, 1, records)) == stored(300));
    const auto whole = positions(blocks(*store));
    REQUIRE(whole.size() == 300);
    std::uint64_t next_number = 1000;
    for (const PageLimit limit :
         {PageLimit{1, all_bytes}, PageLimit{7, all_bytes}, PageLimit{255, all_bytes}, PageLimit{256, all_bytes},
          PageLimit{300, all_bytes}, PageLimit{0, 1}, PageLimit{0, 1000}}) {
        CAPTURE(limit.items);
        CAPTURE(limit.bytes);
        std::optional after{RecordCursor{.cut = 300, .time = today + 1, .position = 0}};
        std::vector<Position> found;
        do {
            const auto page = blocks(*store, "", {}, after, limit);
            CHECK_FALSE(page.blocks.empty());
            for (const Position position : positions(page)) found.push_back(position);
            after = page.next;
            const auto position = store->position();
            REQUIRE(commit_one(*store, submission(to, position + 1, {bytes(block(next_number++))})) ==
                    stored(position + 1));
        } while (after);
        CHECK(found == whole);
    }
}
