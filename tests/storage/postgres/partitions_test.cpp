// Shares are kept apart by the day of their arrival.
#include "tests/storage/postgres/scene.hpp"

using namespace postgres_scene;

namespace {

constexpr storage::Milliseconds day = 24ULL * 3600 * 1000;

std::string partitions(Database& scene) {
    return scene.prompt.run("SELECT string_agg(relname, ' ' ORDER BY relname) FROM pg_inherits JOIN pg_class ON "
                            "pg_class.oid = inhrelid WHERE inhparent = 'shares'::regclass");
}

// One share that arrived then, at the end of the log.
Transaction arrived(Log& log, storage::Milliseconds received_at) {
    log.add_shares(1, 1);
    Transaction transaction = log.take();
    LogEntry& entry = transaction.entries.front();
    entry.received_at = received_at;
    entry.checksum = storage::checksum_of(entry);
    return transaction;
}

} // namespace

TEST_CASE("each day of arrival has a partition, that of tomorrow is there already, and an empty one goes") {
    OpenScene scene;
    const storage::Milliseconds first = 1'767'225'600'000; // 2026-01-01
    for (const auto time : {first, first + day - 1, first + day, first + 3 * day})
        REQUIRE(scene.engine->write(arrived(scene.log, time)));
    CHECK(partitions(scene) ==
          "shares_20260101 shares_20260102 shares_20260103 shares_20260104 shares_20260105 shares_of_no_day\n");
    auto entries = all(*scene.engine);
    REQUIRE(entries.size() == 4);
    scene.log.take_out({entries[0]});
    scene.write();
    CHECK(has(partitions(scene), "shares_20260101"));
    scene.log.take_out({entries[1], entries[3]});
    scene.write();
    CHECK_FALSE(has(partitions(scene), "shares_20260101"));
    CHECK(has(partitions(scene), "shares_20260104")); // not in the past
    CHECK(positions(scene.engine->read(1, 9, 9)) == Positions{3});
    REQUIRE(scene.engine->write(arrived(scene.log, first))); // the clock was put back
    CHECK(positions(scene.engine->read(1, 9, 9)) == Positions{3, 5});
    CHECK(has(partitions(scene), "shares_20260101"));
}

TEST_CASE("what arrives behind all calendars is kept, too") {
    OpenScene scene;
    for (const auto time : {protocol::last_timestamp, protocol::last_timestamp + 1, end_of_numbers})
        REQUIRE(scene.engine->write(arrived(scene.log, time)));
    const auto entries = all(*scene.engine);
    REQUIRE(entries.size() == 3);
    CHECK(entries[2].received_at == end_of_numbers);
    scene.log.take_out(entries);
    scene.write();
    CHECK(all(*scene.engine).empty());
}

TEST_CASE("a share is found by its fingerprint among many, also by the next role") {
    OpenScene scene;
    scene.log.add_shares(1, 5000);
    scene.write();
    const auto check = [](const Engine& engine) {
        for (Position position = 1; position <= 5000; position += 499) {
            const auto found = engine.find(position * 0x9e3779b97f4a7c15, end_of_numbers);
            REQUIRE(found);
            CHECK(*found == Positions{position});
            CHECK(engine.find(position * 0x9e3779b97f4a7c15, position - 1).value().empty());
        }
    };
    check(*scene.engine);
    REQUIRE(scene.engine->close());
    check(*scene.open());
}

TEST_CASE("a question about one position is led to its partition") {
    OpenScene scene;
    scene.log.add_shares(1, 1);
    scene.write();
    const std::string plan =
        scene.prompt.run("SET enable_seqscan = off; EXPLAIN SELECT * FROM shares WHERE position >= 1 AND position <= 1 "
                         "AND received_at >= 1789948800000 AND received_at < 1790035200000 ORDER BY position LIMIT 1");
    CHECK_MESSAGE(has(plan, "shares_20260921_position_idx"), plan);
    CHECK_MESSAGE(!has(plan, "shares_of_no_day"), plan);
}
