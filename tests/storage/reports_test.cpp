// What pools report of their channels, beside what the records add up to.

#include "storage/drift.hpp"
#include "tests/storage/fixtures.hpp"

using namespace fixtures;
using namespace storage;

namespace {

// One that says what so many of the shares of fixtures::shares() add up to.
protocol::ShareAccounting right_report(std::uint64_t shares_accepted, const std::string& channel = "1.1.1.1") {
    auto right = report(shares_accepted, channel);
    right.last_share_sequence_number = static_cast<std::uint32_t>(shares_accepted);
    right.share_work_sum = 10 * shares_accepted;
    right.best_difficulty = std::bit_cast<std::uint64_t>(1.0);
    return right;
}

protocol::B0_64K reject(const std::string& code, std::uint64_t count) {
    return {*protocol::encode(protocol::RejectCount{.error_code = {code}, .count = count})};
}

std::vector<std::string> drifting(const Store& store, const std::string& after = "", std::size_t limit = 9) {
    std::vector<std::string> names;
    const auto drifts = store.drift(pool, after, limit);
    REQUIRE(drifts.has_value());
    for (const Drift& drift : *drifts) names.push_back(drift.channel_id);
    return names;
}

} // namespace

TEST_CASE("a report stands beside the channel's totals, with those up to it, until it is deleted") {
    const auto engine = std::make_shared<MemoryEngine>();
    auto store = open(engine, no_faults(), 2);
    const auto to = attach(*store);
    const auto accounting = [&] { return store->accounting(pool, "1.1.1.1").value().value(); };
    REQUIRE(commit_one(*store, submission(to, 1, shares(1, 3))).has_value());
    CHECK_FALSE(accounting().reported.has_value());
    REQUIRE(commit_one(*store, submission(to, 4, {bytes(report(7)), bytes(share(4))})).has_value());
    for (const bool is_reopened : {false, true}) {
        if (is_reopened) {
            REQUIRE(store->close().has_value());
            store = open(engine);
        }
        CHECK(accounting().derived.shares_accepted == 4);
        REQUIRE(accounting().reported.has_value());
        CHECK(accounting().reported->record.position == 4);
        CHECK(accounting().reported->record.record == bytes(report(7)));
        CHECK(accounting().reported->derived_before.shares_accepted == 3);
    }
    const auto now = attach(*store);
    REQUIRE(commit_one(*store, submission(now, 6, {bytes(report(8)), bytes(deletion("another")), bytes(report(9))}))
                .has_value());
    CHECK(accounting().reported->record.record == bytes(report(9)));
    REQUIRE(commit_one(*store, submission(now, 9, {bytes(deletion())})).has_value());
    CHECK_FALSE(accounting().reported.has_value());
    CHECK(accounting().derived.shares_accepted == 4);
    CHECK(records(*store, protocol::RecordKind::share_accounting).size() == 3); // what was said stays said
    store = open(engine);
    CHECK_FALSE(accounting().reported.has_value());
    REQUIRE(commit_one(*store, submission(attach(*store), 10, {bytes(report(1))})).has_value());
    CHECK(accounting().reported->record.position == 10);
    CHECK_FALSE(store->accounting(pool, "").value().has_value());
}

TEST_CASE("channels drift whose last report differs from what the records up to it add up to") {
    const auto engine = std::make_shared<MemoryEngine>();
    auto store = open(engine, no_faults(), 4);
    const auto to = attach(*store);
    auto send = [&, next = std::uint64_t{1}](const std::vector<protocol::B0_16M>& records) mutable {
        REQUIRE(commit_one(*store, submission(to, next, records)).has_value());
        next += records.size();
    };
    send({bytes(share(1, "b")), bytes(right_report(1, "b")), bytes(share(2, "b"))}); // right when it was made
    send({bytes(share(3, "c")), bytes(report(2, "c")), bytes(share(4, "c"))});       // wrong when it was made
    send({bytes(report(1, "a")), bytes(report(1, "d"))});
    send({bytes(report(1, "e")), bytes(deletion("e"))});
    for (const bool is_reopened : {false, true}) {
        if (is_reopened) {
            REQUIRE(store->close().has_value());
            store = open(engine);
        }
        CHECK(drifting(*store) == std::vector<std::string>{"a", "c", "d"});
        CHECK(drifting(*store, "a") == std::vector<std::string>{"c", "d"});
        CHECK(drifting(*store, "", 2) == std::vector<std::string>{"a", "c"});
        CHECK(drifting(*store, "d").empty());
        const auto drift = store->drift(pool, "a", 1);
        CHECK(drift->front().report.derived_before.shares_accepted == 1);
        CHECK(drift->front().report.record.record == bytes(report(2, "c")));
        CHECK(store->drift("another pool", "", 9)->empty());
    }
}

TEST_CASE("a report differs in anything that records add up to, and in nothing else") {
    protocol::Totals derived;
    derived.shares_accepted = 3;
    derived.shares_rejected = 5;
    derived.shares_duplicate = 7;
    derived.share_work_sum_low = 30;
    derived.best_difficulty = std::bit_cast<std::uint64_t>(1.0);
    derived.last_sequence_number = 3;
    derived.blocks_found = 1;
    auto said = right_report(3);
    said.blocks_found = 1;
    said.rejects.items = {reject("stale-share", 2), reject("difficulty-too-low", 3)};
    CHECK_FALSE(differs(said, derived));
    SUBCASE("shares") {
        ++said.shares_accepted;
    }
    SUBCASE("work") {
        ++said.share_work_sum;
    }
    SUBCASE("work of more than 64 bits") {
        derived.share_work_sum_high = 1;
    }
    SUBCASE("difficulty") {
        ++said.best_difficulty;
    }
    SUBCASE("blocks") {
        said.blocks_found = 0;
    }
    SUBCASE("sequence number") {
        ++said.last_share_sequence_number;
    }
    SUBCASE("rejects") {
        said.rejects.items.pop_back();
    }
    SUBCASE("rejects whose sum is 5 only in 64 bits") {
        said.rejects.items = {reject("a", std::numeric_limits<std::uint64_t>::max()), reject("b", 6)};
    }
    CHECK(differs(said, derived));
}
