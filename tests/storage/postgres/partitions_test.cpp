// Shares are kept apart by the day of their arrival.
#include "tests/storage/postgres/scene.hpp"

using namespace postgres_scene;

namespace {

constexpr storage::Milliseconds day = 24ULL * 3600 * 1000;
constexpr storage::Milliseconds new_year = 1'767'225'600'000; // 2026

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
    for (const auto time : {new_year, new_year + day - 1, new_year + day, new_year + 3 * day})
        REQUIRE(scene.engine->write(arrived(scene.log, time)));
    CHECK(partitions(scene) == "shares_20260101 shares_20260102 shares_20260103 shares_20260104 shares_20260105 "
                               "shares_before_days shares_behind_days\n");
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
    REQUIRE(scene.engine->write(arrived(scene.log, new_year))); // the clock was put back
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
    CHECK_MESSAGE(!has(plan, "_days"), plan);
}

TEST_CASE("a partition that is gone, though it was there, is made again") {
    OpenScene scene;
    REQUIRE(scene.engine->write(arrived(scene.log, new_year)));
    const Transaction next = arrived(scene.log, new_year + day);
    SUBCASE("dropped by somebody") {}
    SUBCASE("not on the server that was promoted") {
        scene.prompt.run("SELECT pg_terminate_backend(" + scene.writer() + ")");
    }
    scene.prompt.run("DROP TABLE shares_20260102");
    REQUIRE(write_in_the_end(*scene.engine, next));
    CHECK(scene.prompt.run("SELECT count(*) FROM shares_20260102") == "1\n");
    CHECK(positions(scene.engine->read(1, 9, 9)) == Positions{1, 2});
    REQUIRE(scene.engine->close());
    const auto engine = scene.open();
    Log log{*engine};
    REQUIRE(engine->write(arrived(log, new_year + 2 * day)));
}

TEST_CASE("a partition whose dropping was carried out, though no answer came, is made again") {
    Database scene;
    bool is_armed = false;
    const auto faults = [&](std::string_view call, Moment moment) -> std::optional<StorageError> {
        if (!is_armed || call != "execute" || moment != Moment::after) return std::nullopt;
        if (has(partitions(scene), "shares_20260101")) return std::nullopt;
        is_armed = false;
        return StorageError{.kind = Kind::unavailable, .detail = "on order"};
    };
    const auto engine = open_postgres({.url = scene.url, .faults = faults}).value();
    Log log{*engine};
    for (const auto time : {new_year, new_year + day}) REQUIRE(engine->write(arrived(log, time)));
    is_armed = true;
    REQUIRE(engine->write(log.take_out({all(*engine)[0]}).take()));
    CHECK_FALSE(is_armed);
    REQUIRE(engine->write(arrived(log, new_year))); // the clock was put back
    CHECK(scene.prompt.run("SELECT count(*) FROM shares_20260101") == "1\n");
    CHECK(positions(engine->read(1, 9, 9)) == Positions{2, 3});
}

TEST_CASE("somebody who has read, and keeps the transaction open, keeps no day from beginning") {
    OpenScene scene;
    REQUIRE(scene.engine->write(arrived(scene.log, new_year)));
    Prompt reader{scene.url};
    reader.run("BEGIN; SELECT count(*) FROM share_records");
    for (const auto time : {new_year + day, new_year + 2 * day, new_year + 9 * day}) {
        const Transaction transaction = arrived(scene.log, time);
        Writing writing{*scene.engine, transaction};
        wait_until([&] { return writing.is_over(); });
        REQUIRE(writing.result());
    }
    CHECK(has(partitions(scene), "shares_20260111"));
    CHECK(positions(scene.engine->read(1, 9, 9)) == Positions{1, 2, 3, 4});
    CHECK(reader.run("SELECT count(*) FROM share_records") == "4\n");
}

TEST_CASE("tomorrow's partition waits for who keeps new ones away, and today's shares do not") {
    OpenScene scene;
    REQUIRE(scene.engine->write(arrived(scene.log, new_year)));
    Prompt maintainer{scene.url};
    maintainer.run("BEGIN; LOCK TABLE shares IN SHARE UPDATE EXCLUSIVE MODE"); // as ANALYZE does
    const Transaction transaction = arrived(scene.log, new_year + day);
    Writing writing{*scene.engine, transaction};
    wait_until([&] { return writing.is_over(); });
    REQUIRE(writing.result());
    CHECK_FALSE(has(partitions(scene), "shares_20260103"));
    maintainer.run("ROLLBACK");
    REQUIRE(scene.engine->write(arrived(scene.log, new_year + day)));
    CHECK(has(partitions(scene), "shares_20260103"));
}
