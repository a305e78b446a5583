#include "tests/storage/sqlite/scene.hpp"

#include <algorithm>
#include <bit>

using namespace sqlite_scene;

namespace {

storage::HourRow hour(protocol::Subject subject, std::uint32_t number, std::uint32_t hour) {
    storage::HourRow row;
    row.subject = subject;
    row.number = number;
    row.hour = hour;
    row.tally.records = 1000 * number + hour;
    return row;
}

storage::HourScan whole(protocol::Subject subject, std::uint32_t number) {
    return {.subject = subject,
            .number = number,
            .first_hour = 0,
            .last_hour = std::numeric_limits<std::uint32_t>::max(),
            .first_run = 0,
            .last_run = end_of_numbers};
}

constexpr auto of_channel = protocol::Subject::channel;
constexpr auto of_user = protocol::Subject::user;

// The hours' numbers and runs.
using Places = std::vector<std::pair<std::uint32_t, Position>>;
Places places(const Engine& engine, const storage::HourScan& scan) {
    const auto hours = engine.hours(scan);
    REQUIRE(hours);
    Places places;
    for (const storage::HourRow& row : *hours) {
        CHECK(storage::check(row));
        places.emplace_back(row.hour, row.run);
    }
    return places;
}

} // namespace

TEST_CASE("runs, users and the place up to which records are gone are there after reopening") {
    Scene scene;
    auto engine = open(scene.file);
    Log log{*engine};
    Transaction transaction = log.add_shares(1, 3).close_run().add_shares(1, 2).close_run().expire(3).take();
    transaction.runs[0].first_received = 5;
    transaction.runs[1].last_received = protocol::last_timestamp;
    transaction.users = {{.number = 1, .pool = "pool", .user_identity = "a"},
                         {.number = 2, .pool = "other-pool", .user_identity = "a"}};
    transaction.head.removed_chain = transaction.runs[0].chain;
    REQUIRE(engine->write(transaction));
    REQUIRE(engine->close());
    engine = open(scene.file);
    const auto contents = engine->load();
    REQUIRE(contents);
    CHECK(contents->runs == transaction.runs);
    CHECK(contents->head.removed == 3);
    CHECK(contents->head.removed_chain == transaction.runs[0].chain);
    REQUIRE(contents->users.size() == 2);
    CHECK(contents->users[1].number == 2);
    CHECK(contents->users[1].pool == "other-pool");
    CHECK(contents->users[1].user_identity == "a");
}

TEST_CASE("an hour, with the extremes of every field, is read as it was written") {
    Scene scene;
    const auto engine = open(scene.file);
    Log log{*engine};
    std::vector<storage::HourRow> written;
    for (const std::uint64_t number : {std::uint64_t{0}, std::uint64_t{1} << 63U, end_of_numbers}) {
        storage::HourRow row;
        row.subject = of_user;
        row.number = static_cast<std::uint32_t>(number);
        row.hour = static_cast<std::uint32_t>(number >> 32U);
        row.tally.totals = {.shares_accepted = number,
                            .shares_rejected = number,
                            .shares_duplicate = number,
                            .shares_above_target = number,
                            .share_work_sum_low = number,
                            .share_work_sum_high = number,
                            .expected_hashes_low = number,
                            .expected_hashes_high = number,
                            .blocks_found = number,
                            .best_difficulty = std::bit_cast<std::uint64_t>(number == 0 ? 0.0 : 1.7e308),
                            .last_sequence_number = static_cast<std::uint32_t>(number),
                            .first_share_timestamp = {},
                            .last_share_timestamp = {}};
        if (number != 0) row.tally.totals.first_share_timestamp = 0;
        if (number != 0) row.tally.totals.last_share_timestamp = protocol::last_timestamp;
        row.tally.newest_share = number;
        row.tally.records = number;
        written.push_back(row);
    }
    REQUIRE(engine->write(log.add_shares(1, 1).close_run(written).take()));
    for (storage::HourRow& row : written) {
        CAPTURE(row.hour);
        row.run = 1;
        storage::HourScan scan = whole(of_user, row.number);
        scan.first_hour = scan.last_hour = row.hour;
        const auto hours = engine->hours(scan);
        REQUIRE(hours);
        REQUIRE(hours->size() == 1);
        const storage::HourRow& read = hours->front();
        CHECK(read.subject == of_user);
        CHECK(read.number == row.number);
        CHECK(read.hour == row.hour);
        CHECK(read.run == 1);
        CHECK(read.tally == row.tally);
        CHECK(storage::check(read));
    }
}

TEST_CASE("hours are read by subject, hour and run, in this order") {
    Scene scene;
    const auto engine = open(scene.file);
    Log log{*engine};
    for (int run = 0; run < 3; ++run)
        log.add_shares(1, 2).close_run({hour(of_channel, 1, 7), hour(of_channel, 1, 8), hour(of_user, 1, 7)});
    REQUIRE(engine->write(log.take()));
    CHECK(places(*engine, whole(of_channel, 1)) == Places{{7, 2}, {7, 4}, {7, 6}, {8, 2}, {8, 4}, {8, 6}});
    CHECK(places(*engine, whole(of_user, 1)) == Places{{7, 2}, {7, 4}, {7, 6}});
    CHECK(places(*engine, whole(of_channel, 2)).empty());
    storage::HourScan some = whole(of_channel, 1);
    some.first_hour = 8;
    CHECK(places(*engine, some) == Places{{8, 2}, {8, 4}, {8, 6}});
    some.first_run = 3;
    some.last_run = 5;
    CHECK(places(*engine, some) == Places{{8, 4}});
    some = whole(of_channel, 1);
    some.last_hour = 7;
    some.last_run = 4;
    CHECK(places(*engine, some) == Places{{7, 2}, {7, 4}});
}

TEST_CASE("a run that is replaced goes with its hours before the new ones come") {
    Scene scene;
    const auto engine = open(scene.file);
    Log log{*engine};
    REQUIRE(engine->write(log.add_shares(1, 4).close_run({hour(of_channel, 1, 7), hour(of_user, 1, 7)}).take()));
    Transaction split = log.take();
    split.replaced_run = 4;
    split.runs = {{.first = 1, .last = 1}, {.first = 2, .last = 4}}; // one of them with the old one's name
    for (const Position run : {1, 4}) {
        storage::HourRow row = hour(of_channel, 1, 7);
        row.run = run;
        row.checksum = storage::checksum_of(row);
        split.hours.push_back(row);
    }
    REQUIRE(engine->write(split));
    CHECK(engine->load()->runs == split.runs);
    CHECK(places(*engine, whole(of_channel, 1)) == Places{{7, 1}, {7, 4}});
    CHECK(places(*engine, whole(of_user, 1)).empty());
}

TEST_CASE("records of every kind are taken out with their fingerprints, and all others stay") {
    Scene scene;
    auto engine = open(scene.file);
    Log log{*engine};
    for (int i = 0; i < 2; ++i) {
        for (const Bytes& record : one_of_each_kind("a", noon)) log.add(1, record);
        log.add(1, Bytes{200});
    }
    Transaction written = log.take();
    for (LogEntry& entry : written.entries)
        if (entry.fingerprint) entry.fingerprint = 5;
    REQUIRE(engine->write(written));
    constexpr Position half = kinds + 1;
    const std::vector<LogEntry> first_half(written.entries.begin(), written.entries.begin() + half);
    REQUIRE(engine->write(log.expire(half).take_out(first_half).take()));
    for (const bool is_reopened : {false, true}) {
        CAPTURE(is_reopened);
        const auto entries = all(*engine);
        REQUIRE(entries.size() == half);
        for (std::size_t i = 0; i < entries.size(); ++i) check_same(entries[i], written.entries[half + i]);
        CHECK(engine->find(5, end_of_numbers).value() == Positions{half + 1});
        CHECK(engine->load()->streams[0].removed_sequence == half);
        CHECK(positions(engine->read_stream(1, half + 1, end_of_numbers)).size() == half);
        CHECK_FALSE(engine->has_entries(1, 0, end_of_numbers, half).value());
        REQUIRE(engine->close());
        engine = open(scene.file);
    }
}

TEST_CASE("the parts of a stream that end where it was removed are forgotten, and read no more") {
    Scene scene;
    const auto engine = open(scene.file);
    Log log{*engine};
    REQUIRE(engine->write(log.add_shares(1, 3).take()));
    REQUIRE(engine->write(log.add_shares(1, 3).take()));
    REQUIRE(engine->write(log.add_shares(2, 3).add_shares(1, 3).take()));
    const auto entries = all(*engine);
    REQUIRE(engine->write(log.take_out({entries.begin(), entries.begin() + 4}).take())); // one of the second part, too
    Prompt prompt{scene.file};
    CHECK(prompt.run("SELECT stream, first_sequence, count FROM stretches") == "1|4|3\n1|7|3\n2|1|3\n");
    CHECK(positions(engine->read_stream(1, 5, end_of_numbers)) == Positions{5, 6, 10, 11, 12});
    REQUIRE(engine->write(log.take_out({entries.begin() + 4, entries.begin() + 6}).take()));
    CHECK(prompt.run("SELECT stream, first_sequence, count FROM stretches") == "1|7|3\n2|1|3\n");
    CHECK(positions(engine->read_stream(1, 7, end_of_numbers)) == Positions{10, 11, 12});
    CHECK(positions(engine->read_stream(2, 1, end_of_numbers)) == Positions{7, 8, 9});
}

TEST_CASE("an hour or a run that is damaged is told, not served") {
    Scene scene;
    const auto engine = open(scene.file);
    Log log{*engine};
    REQUIRE(engine->write(log.add_shares(1, 2).close_run({hour(of_channel, 1, 7)}).take()));
    Prompt prompt{scene.file};
    prompt.run("UPDATE hours SET shares_accepted = shares_accepted + 1");
    const auto hours = engine->hours(whole(of_channel, 1));
    REQUIRE(hours);
    REQUIRE(hours->size() == 1);
    CHECK(kind(storage::check(hours->front())) == Kind::corrupt);
    prompt.run("UPDATE runs SET chain = x'00'");
    CHECK(kind(engine->load()) == Kind::corrupt);
    prompt.run("DROP TABLE hours");
    CHECK(kind(engine->hours(whole(of_channel, 1))) == Kind::corrupt);
}
