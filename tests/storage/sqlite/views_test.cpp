#include "tests/storage/shown_records.hpp"
#include "tests/storage/sqlite/scene.hpp"

#include <array>
#include <cstdio>
#include <map>
#include <string>
#include <vector>

using namespace sqlite_scene;
using namespace shown_records;

namespace {

// A store that a role has open, and a person who asks about it.
struct OpenScene : Scene {
    std::unique_ptr<Engine> engine = open(file);
    Log log{*engine};
    Prompt prompt{file};

    void write() { REQUIRE(engine->write(log.take())); }
};

// What the program prints when a shell in the folder runs the command.
std::string output_of(const fs::path& folder, const std::string& command) {
    FILE* const pipe = popen(("cd '" + folder.string() + "' && " + command + " 2>&1").c_str(), "r");
    REQUIRE(pipe != nullptr);
    std::string output;
    std::array<char, 4096> some{};
    while (const auto size = fread(some.data(), 1, some.size(), pipe)) output.append(some.data(), size);
    CHECK(pclose(pipe) == 0);
    return output;
}

} // namespace

TEST_CASE("the views have the columns of the reference, in its order") {
    OpenScene scene;
    const auto columns_of = [&](const std::string& view) {
        return scene.prompt.run("SELECT group_concat(name, ' ') FROM pragma_table_info('" + view + "')");
    };
    CHECK(columns_of("share_records") == "id channel_id share_hash sequence_number share_work difficulty timestamp "
                                         "accepted validation_result\n");
    CHECK(columns_of("share_accounting") == "channel_id last_share_sequence_number shares_accepted share_work_sum "
                                            "best_diff last_updated source\n");
    CHECK(columns_of("block_records") == "id channel_id share_hash template_id coinbase difficulty timestamp\n");
    CHECK(columns_of("batch_acknowledgments") == "id channel_id last_sequence_number new_submits_accepted_count "
                                                 "new_shares_sum timestamp\n");
}

TEST_CASE("share_records shows each share that counts, with its label or channel and sequence number as id") {
    OpenScene scene;
    protocol::Share share = share_of("a", 1, 5000);
    share.share_hash = counted();
    share.label = {"my own"};
    scene.log.add(1, share);
    scene.log.add_duplicate(1, share);
    share = share_of("a", 2, 1);
    share.share_hash = {};
    set_outcome(share, Outcome::failed, protocol::FailedOutcome{{"stale-share"}});
    scene.log.add(1, share);
    share = share_of("b", 3, 1);
    share.share_hash = counted();
    set_outcome(share, Outcome::valid_with_acknowledgment, protocol::AcknowledgmentOutcome{1, 2, 3});
    scene.log.add(1, share);
    set_outcome(share, Outcome::block_found, protocol::BlockFoundOutcome{});
    scene.log.add(1, share);
    share.outcome = static_cast<std::uint8_t>(Outcome::none);
    share.outcome_data = {};
    share.timestamp = 1999; // not believed
    scene.log.add(1, share);
    share.target = hash(0);
    share.share_hash.bytes.fill(0xff); // above it
    scene.log.add(1, share);
    scene.write();
    CHECK(scene.prompt.run("SELECT * FROM share_records ORDER BY sequence_number, validation_result") ==
          "my own|a|" + counted_text + "|1|5000|1024.5|1790000001|1|Valid\n" +          //
              "a_2|a|" + zero_text + "|2|1|1024.5|1790000002|0|Failed: stale-share\n" + //
              "b_3|b|" + counted_text + "|3|1|1024.5|1|1|NULL\n" +                      //
              "b_3|b|" + counted_text + "|3|1|1024.5|1790000003|1|BlockFound\n" +       //
              "b_3|b|" + counted_text + "|3|1|1024.5|1790000003|1|ValidWithAcknowledgement\n");
}

TEST_CASE("integers of 64 bits are shown without a sign, from 2^63 on as text") {
    OpenScene scene;
    std::uint64_t hashes = 0;
    for (const std::uint64_t number : {two_to_63 - 1, two_to_63, end_of_numbers}) {
        scene.log.add(1, share_of("a", 1, number));
        protocol::BatchAcknowledgment batch = acknowledgment("a");
        batch.new_shares_sum = number;
        scene.log.add(1, batch);
        protocol::Block block = sqlite_scene::block("a");
        block.share_hash = hash(++hashes);
        block.template_id = number;
        scene.log.add(1, block);
        protocol::Share share = share_of("a", 9, 1);
        share.share_hash = hash(++hashes);
        set_outcome(share, Outcome::block_found, protocol::BlockFoundOutcome{number, {}});
        scene.log.add(1, share);
    }
    scene.write();
    const std::string texts = "integer|9223372036854775807\ntext|9223372036854775808\ntext|18446744073709551615\n";
    CHECK(scene.prompt.run("SELECT typeof(share_work), share_work FROM share_records WHERE sequence_number = 1 "
                           "ORDER BY length(share_work), share_work") == texts);
    CHECK(scene.prompt.run("SELECT typeof(new_shares_sum), new_shares_sum FROM batch_acknowledgments "
                           "ORDER BY length(new_shares_sum), new_shares_sum") == texts);
    CHECK(scene.prompt.run("SELECT typeof(template_id), template_id FROM block_records "
                           "GROUP BY template_id HAVING count(*) = 2 ORDER BY length(template_id), template_id") ==
          texts);
}

TEST_CASE("records that retention has put behind are not shown any more, also while their rows are there; blocks are") {
    OpenScene scene;
    protocol::Share found = share_of("a", 1, 1);
    set_outcome(found, Outcome::block_found, protocol::BlockFoundOutcome{});
    scene.log.add(1, found).add(1, share_of("a", 2, 1)).add(1, acknowledgment("a")).add(1, block("a"));
    scene.log.add(1, share_of("a", 3, 1)).add(1, acknowledgment("b"));
    scene.write();
    scene.log.expire(4);
    scene.write();
    CHECK(scene.prompt.run("SELECT id FROM share_records ORDER BY id") == "a_1\na_3\n");
    CHECK(scene.prompt.run("SELECT id FROM batch_acknowledgments") == "b_0\n");
    CHECK(scene.prompt.run("SELECT count(*) FROM block_records") == "2\n");
    CHECK(scene.prompt.run("SELECT count(*) FROM shares") == "3\n");
    const auto entries = all(*scene.engine);
    scene.log.take_out({entries[1], entries[2]});
    scene.write();
    CHECK(scene.prompt.run("SELECT id FROM share_records ORDER BY id") == "a_1\na_3\n");
    CHECK(scene.prompt.run("SELECT count(*) FROM shares") == "2\n");
}

TEST_CASE("block_records shows one block for each hash in a pool: its first record, else the share that found it") {
    OpenScene scene;
    const Bytes coinbase{0, 1, 0xff, 0};
    protocol::Block block = sqlite_scene::block("a", noon + 1999, coinbase);
    block.share_hash = counted();
    block.template_id = 12345;
    block.difficulty = std::bit_cast<std::uint64_t>(2.5);
    block.label = {"block_12345"};
    protocol::Share share = share_of("b", 7, 1);
    share.share_hash = counted();
    set_outcome(share, Outcome::block_found, protocol::BlockFoundOutcome{1, {{9}}});

    scene.log.add(1, share); // the same block, told before the record of it
    scene.log.add(1, block);
    block.label = {"told again"};
    scene.log.add(2, block);
    scene.log.add(100, share); // another pool's
    share.share_hash = {};
    share.label = {"by a share"};
    set_outcome(share, Outcome::block_found, protocol::BlockFoundOutcome{0x0102030405060708, {coinbase}});
    scene.log.add(1, share);
    scene.log.add(1, share); // older than what duplicates are looked for in
    scene.log.add_duplicate(1, share);
    share.share_hash.bytes[31] = 1;
    share.label = {};
    set_outcome(share, Outcome::block_found, protocol::BlockFoundOutcome{{}, {}});
    scene.log.add(1, share);
    scene.write();
    const std::string last_text = "01" + std::string(62, '0');
    CHECK(scene.prompt.run("SELECT id, channel_id, share_hash, template_id, hex(coinbase), difficulty, timestamp "
                           "FROM block_records ORDER BY id") ==
          "b_" + last_text + "|b|" + last_text + "|NULL||1024.5|1790000007\n" +          //
              "b_" + counted_text + "|b|" + counted_text + "|1|09|1024.5|1790000007\n" + //
              "block_12345|a|" + counted_text + "|12345|0001FF00|2.5|1790000001\n" +     //
              "by a share|b|" + zero_text + "|72623859790382856|0001FF00|1024.5|1790000007\n");
    CHECK(scene.prompt.run("SELECT DISTINCT typeof(coinbase) FROM block_records") == "blob\n");
}

TEST_CASE("batch_acknowledgments shows each, with its label or channel and last sequence number as id") {
    OpenScene scene;
    protocol::BatchAcknowledgment batch{.channel_id = {"a"},
                                        .last_sequence_number = 0xffff'ffff,
                                        .new_submits_accepted_count = 0xffff'fffe,
                                        .new_shares_sum = 3,
                                        .timestamp = protocol::last_timestamp,
                                        .label = {}};
    scene.log.add(1, batch);
    batch.label = {"batch_a_0"};
    batch.timestamp = 0;
    scene.log.add(1, batch);
    scene.write();
    CHECK(scene.prompt.run("SELECT * FROM batch_acknowledgments ORDER BY timestamp DESC") ==
          "a_4294967295|a|4294967295|4294967294|3|253402300799\n"
          "batch_a_0|a|4294967295|4294967294|3|0\n");
}

TEST_CASE("share_accounting shows the last report that is not deleted, else what the shares add up to") {
    OpenScene scene;
    const auto accounting = [&] { return scene.prompt.run("SELECT * FROM share_accounting WHERE channel_id = 'a'"); };
    CHECK(accounting().empty());
    scene.log.add(1, block("a"));
    scene.write();
    CHECK(accounting() == "a|0|0|0|0.0|NULL|derived\n");

    protocol::Share refused = share_of("a", 9, 1000);
    set_outcome(refused, Outcome::failed, protocol::FailedOutcome{{"stale-share"}});
    refused.difficulty = std::bit_cast<std::uint64_t>(9999.0);
    scene.log.add(1, share_of("a", 8, 5)).add(1, refused).add_duplicate(1, share_of("a", 10, 5));
    scene.write();
    CHECK(accounting() == "a|9|1|5|1024.5|1790000009|derived\n");

    scene.log.add(1, report("a", 3)).add(1, report("a", 2));
    scene.write();
    CHECK(accounting() == "a|2|2|2|2.5|1790000000|reported\n");

    scene.log.add(1, deletion("a"));
    scene.write();
    CHECK(accounting() == "a|9|1|5|1024.5|1790000009|derived\n");

    scene.log.add(1, report("a", end_of_numbers)).expire(4);
    scene.write();
    CHECK(accounting() == "a|4294967295|18446744073709551615|18446744073709551615|2.5|1790000000|reported\n");
}

TEST_CASE("share_accounting adds the hours of all runs and the shares behind them, once each") {
    OpenScene scene;
    scene.log.add(1, share_of("a", 1, 10)).add(1, share_of("a", 2, 10)).add(1, share_of("b", 1, 3));
    const protocol::Totals first{.shares_accepted = 1,
                                 .share_work_sum_low = 10,
                                 .best_difficulty = std::bit_cast<std::uint64_t>(1024.5),
                                 .last_sequence_number = 1,
                                 .first_share_timestamp = noon,
                                 .last_share_timestamp = noon + 5000};
    protocol::Totals second = first;
    second.last_sequence_number = 2;
    second.last_share_timestamp = noon + 4000;
    protocol::Totals of_user = first;
    of_user.shares_accepted = 100;
    storage::HourRow user = hour_of(1, 1, of_user, 1);
    user.subject = protocol::Subject::user;
    scene.log.close_run({hour_of(1, 1, first, 1), hour_of(1, 2, second, 2), hour_of(2, 1, first, 3), user});
    scene.write();
    CHECK(scene.prompt.run("SELECT * FROM share_accounting ORDER BY channel_id") ==
          "a|2|2|20|1024.5|1790000005|derived\n"
          "b|1|1|10|1024.5|1790000005|derived\n");
    scene.log.add(1, share_of("a", 3, 7)).expire(3); // sums outlive the records
    scene.write();
    CHECK(scene.prompt.run("SELECT * FROM share_accounting ORDER BY channel_id") ==
          "a|3|3|27|1024.5|1790000005|derived\n"
          "b|1|1|10|1024.5|1790000005|derived\n");
}

TEST_CASE("sums of work are exact to 128 bits, and stop there") {
    OpenScene scene;
    const auto sum = [&] {
        return scene.prompt.run("SELECT typeof(share_work_sum), share_work_sum FROM share_accounting");
    };
    scene.log.add(1, share_of("a", 1, two_to_63 - 1));
    scene.write();
    CHECK(sum() == "integer|9223372036854775807\n");
    scene.log.add(1, share_of("a", 2, 1));
    scene.write();
    CHECK(sum() == "text|9223372036854775808\n");
    scene.log.add(1, share_of("a", 3, two_to_63));
    scene.write();
    CHECK(sum() == "text|18446744073709551616\n");
    scene.log.add(1, share_of("a", 4, end_of_numbers));
    scene.write();
    CHECK(sum() == "text|36893488147419103231\n");

    protocol::Totals totals;
    totals.share_work_sum_low = end_of_numbers;
    totals.share_work_sum_high = two_to_63 - 1;
    scene.log.close_run({hour_of(1, 1, totals, 4)});
    scene.write();
    CHECK(sum() == "text|170141183460469231731687303715884105727\n");
    scene.log.add(1, share_of("a", 5, 1));
    scene.write();
    CHECK(sum() == "text|170141183460469231731687303715884105728\n");
    scene.log.close_run({hour_of(1, 1, totals, 5)}); // of this run
    scene.write();
    CHECK(sum() == "text|340282366920938463463374607431768211454\n");
    scene.log.add(1, share_of("a", 6, 1));
    scene.write();
    CHECK(sum() == "text|340282366920938463463374607431768211455\n");
    scene.log.add(1, share_of("a", 7, end_of_numbers));
    scene.write();
    CHECK(sum() == "text|340282366920938463463374607431768211455\n");
}

TEST_CASE("a filter on channel and time, or on one of them, reads no more of the shares than it shows, by an index") {
    OpenScene scene;
    scene.log.add_shares(1, 5);
    scene.write();
    const auto plan_of = [&](const std::string& query) { return scene.prompt.run("EXPLAIN QUERY PLAN " + query); };
    const auto has = [](const std::string& plan, std::string_view part) {
        return plan.find(part) != std::string::npos;
    };
    const std::string filter = " WHERE channel_id = 'a' AND timestamp >= 5";
    const std::string by_channel = "SEARCH c USING COVERING INDEX sqlite_autoindex_channels_1 (channel_id=?)";
    const std::string by_time = " (channel=? AND <expr>>?)";

    for (const char* const columns : {"*", "id, share_hash", "count(*), sum(share_work)", "min(timestamp)"}) {
        const std::string plan =
            plan_of(std::string{"SELECT "}.append(columns).append(" FROM share_records").append(filter));
        CAPTURE(plan);
        CHECK(has(plan, by_channel));
        CHECK(has(plan, "SEARCH s USING INDEX shares_by_time" + by_time));
        CHECK(has(plan, "SEARCH s USING INDEX misdated_shares" + by_time));
        CHECK_FALSE(has(plan, "SCAN s"));
    }
    const std::string latest =
        plan_of("SELECT * FROM share_records WHERE channel_id = 'a' AND timestamp BETWEEN 5 AND 9 "
                "ORDER BY timestamp DESC LIMIT 10");
    CHECK(has(latest, "SEARCH s USING INDEX shares_by_time (channel=? AND <expr>>? AND <expr><?)"));

    const std::string blocks = plan_of("SELECT * FROM block_records" + filter);
    CAPTURE(blocks);
    CHECK(has(blocks, by_channel));
    CHECK(has(blocks, "SEARCH b USING INDEX blocks_by_timestamp" + by_time));
    CHECK(has(blocks, "SEARCH s USING INDEX shares_with_block_by_timestamp" + by_time));
    const std::string all_blocks = plan_of("SELECT * FROM block_records");
    CAPTURE(all_blocks);
    CHECK(has(all_blocks, "SCAN s USING INDEX shares_with_block"));

    const std::string batches = plan_of("SELECT * FROM batch_acknowledgments" + filter);
    CAPTURE(batches);
    CHECK(has(batches, "SEARCH a USING INDEX acknowledgments_by_timestamp" + by_time));

    const std::string of_channel = plan_of("SELECT * FROM share_records WHERE channel_id = 'a'");
    CAPTURE(of_channel);
    CHECK(has(of_channel, "SEARCH s USING INDEX shares_by_time (channel=?)"));
    CHECK(has(of_channel, "SEARCH s USING INDEX misdated_shares (channel=?)"));
    const std::string each_channel = " (ANY(channel) AND <expr>>?)"; // searched in it one after the other
    for (const auto& [view, indexes] : std::map<std::string, std::vector<std::string>>{
             {"share_records", {"s USING INDEX shares_by_time", "s USING INDEX misdated_shares"}},
             {"block_records", {"b USING INDEX blocks_by_timestamp", "s USING INDEX shares_with_block_by_timestamp"}},
             {"batch_acknowledgments", {"a USING INDEX acknowledgments_by_timestamp"}}}) {
        const std::string plan = plan_of("SELECT * FROM " + view + " WHERE timestamp >= 5");
        CAPTURE(plan);
        for (const std::string& index : indexes) CHECK(has(plan, "SEARCH " + index + each_channel));
    }
    const std::string all_shares = plan_of("SELECT channel_id, count(*) FROM share_records GROUP BY channel_id");
    CAPTURE(all_shares);
    CHECK(has(all_shares, "SCAN s\n")); // each share once, in the order in which they lie

    const std::string accounting = plan_of("SELECT * FROM share_accounting WHERE channel_id = 'a'");
    CAPTURE(accounting);
    CHECK(has(accounting, by_channel));
    CHECK(has(accounting, "SEARCH h USING PRIMARY KEY (subject=? AND number=?)"));
    CHECK(has(accounting, "SEARCH shares USING INTEGER PRIMARY KEY (rowid>?)"));
    CHECK(has(accounting, "SEARCH reports USING COVERING INDEX reports_by_channel (channel=? AND rowid>?)"));
    CHECK_FALSE(has(accounting, "SCAN reports"));
    CHECK_FALSE(has(accounting, "SCAN shares"));
}

TEST_CASE(
    "what the filters find is what is there, on both sides of a second and with timestamps that are not believed") {
    OpenScene scene;
    for (const std::uint64_t time : {noon - 1, noon, noon + 999, noon + 1000}) {
        protocol::Share share = share_of("a", static_cast<std::uint32_t>(time - noon + 1), 1);
        share.timestamp = time;
        scene.log.add(1, share);
    }
    protocol::Share misdated = share_of("a", 5000, 1);
    misdated.timestamp = 5000;
    scene.log.add(1, misdated);
    scene.write();
    const auto numbers = [&](const std::string& filter) {
        return scene.prompt.run("SELECT group_concat(sequence_number) FROM (SELECT sequence_number FROM share_records "
                                "WHERE channel_id = 'a' AND " +
                                filter + " ORDER BY sequence_number)");
    };
    CHECK(numbers("timestamp = 1790000000") == "1,1000\n");
    CHECK(numbers("timestamp < 1790000000") == "0,5000\n");
    CHECK(numbers("timestamp <= 5") == "5000\n");
    CHECK(numbers("timestamp > 1790000000") == "1001\n");
    CHECK(numbers("timestamp >= 5") == "0,1,1000,1001,5000\n");
}

TEST_CASE("the four commands that the reference prints work as they are printed, while the role runs and after") {
    Scene scene;
    const fs::path folder = scene.folder.path();
    const auto engine = open(folder / "example_storage.db");
    Log log{*engine};
    protocol::Block block = sqlite_scene::block("a", noon + 1000, {'t', 'e', 'x', 't'});
    block.share_hash = counted();
    block.template_id = 7;
    log.add(1, share_of("a", 1, 1)).add(1, share_of("a", 2, 1)).add(1, share_of("b", 1, 1)).add(1, block);
    log.add(1, acknowledgment("a", noon)).add(1, acknowledgment("b", noon + 1000));
    REQUIRE(engine->write(log.take()));
    for (const bool is_running : {true, false}) {
        CAPTURE(is_running);
        if (!is_running) REQUIRE(engine->close());
        const std::string schema = output_of(folder, R"(sqlite3 example_storage.db ".schema")");
        for (const char* const view : {"share_records", "share_accounting", "block_records", "batch_acknowledgments"})
            CHECK(schema.find(std::string{"CREATE VIEW "}.append(view).append(" (")) != std::string::npos);
        CHECK(
            output_of(
                folder,
                R"(sqlite3 example_storage.db "SELECT channel_id, COUNT(*) FROM share_records GROUP BY channel_id")") ==
            "a|2\nb|1\n");
        CHECK(output_of(folder, R"(sqlite3 example_storage.db "SELECT * FROM block_records")") ==
              "a_" + counted_text + "|a|" + counted_text + "|7|text|0.0|1790000001\n");
        CHECK(
            output_of(folder,
                      R"(sqlite3 example_storage.db "SELECT * FROM batch_acknowledgments ORDER BY timestamp DESC")") ==
            "b_0|b|0|0|0|1790000001\na_0|a|0|0|0|1790000000\n");
    }
}
