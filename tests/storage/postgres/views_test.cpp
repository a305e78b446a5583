// What people and their tools see: the same as in SQLite, in PostgreSQL's words.
#include "tests/storage/postgres/scene.hpp"
#include "tests/storage/shown_records.hpp"

using namespace postgres_scene;
using namespace shown_records;

TEST_CASE("the views have the columns of the reference, in its order") {
    OpenScene scene;
    const auto columns_of = [&](const std::string& view) {
        return scene.prompt.run("SELECT string_agg(attname, ' ' ORDER BY attnum) FROM pg_attribute WHERE attrelid = '" +
                                view + "'::regclass AND attnum > 0");
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
    CHECK(scene.prompt.run("SELECT * FROM share_records ORDER BY sequence_number, validation_result NULLS FIRST") ==
          "my own|a|" + counted_text + "|1|5000|1024.5|1790000001|1|Valid\n" +          //
              "a_2|a|" + zero_text + "|2|1|1024.5|1790000002|0|Failed: stale-share\n" + //
              "b_3|b|" + counted_text + "|3|1|1024.5|1|1|NULL\n" +                      //
              "b_3|b|" + counted_text + "|3|1|1024.5|1790000003|1|BlockFound\n" +       //
              "b_3|b|" + counted_text + "|3|1|1024.5|1790000003|1|ValidWithAcknowledgement\n");
}

TEST_CASE("integers of 64 bits are shown without a sign, as large as they are") {
    OpenScene scene;
    std::uint64_t hashes = 0;
    for (const std::uint64_t number : {two_to_63 - 1, two_to_63, end_of_numbers}) {
        scene.log.add(1, share_of("a", 1, number));
        protocol::BatchAcknowledgment batch = acknowledgment("a");
        batch.new_shares_sum = number;
        scene.log.add(1, batch);
        protocol::Block block = engine_scene::block("a");
        block.share_hash = hash(++hashes);
        block.template_id = number;
        scene.log.add(1, block);
        protocol::Share share = share_of("a", 9, 1);
        share.share_hash = hash(++hashes);
        set_outcome(share, Outcome::block_found, protocol::BlockFoundOutcome{number, {}});
        scene.log.add(1, share);
    }
    scene.write();
    const std::string texts = "9223372036854775807\n9223372036854775808\n18446744073709551615\n";
    CHECK(scene.prompt.run("SELECT share_work FROM share_records WHERE sequence_number = 1 "
                           "ORDER BY share_work") == texts);
    CHECK(scene.prompt.run("SELECT new_shares_sum FROM batch_acknowledgments "
                           "ORDER BY new_shares_sum") == texts);
    CHECK(scene.prompt.run("SELECT template_id FROM block_records "
                           "GROUP BY template_id HAVING count(*) = 2 ORDER BY template_id") == texts);
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
    protocol::Block block = engine_scene::block("a", noon + 1999, coinbase);
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
    CHECK(scene.prompt.run(
              "SELECT id, channel_id, share_hash, template_id, upper(encode(coinbase, 'hex')), difficulty, timestamp "
              "FROM block_records ORDER BY id") ==
          "b_" + last_text + "|b|" + last_text + "|NULL||1024.5|1790000007\n" +          //
              "b_" + counted_text + "|b|" + counted_text + "|1|09|1024.5|1790000007\n" + //
              "block_12345|a|" + counted_text + "|12345|0001FF00|2.5|1790000001\n" +     //
              "by a share|b|" + zero_text + "|72623859790382856|0001FF00|1024.5|1790000007\n");
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
    CHECK(accounting() == "a|0|0|0|0|NULL|derived\n");

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
    const auto sum = [&] { return scene.prompt.run("SELECT share_work_sum FROM share_accounting"); };
    scene.log.add(1, share_of("a", 1, two_to_63 - 1));
    scene.write();
    CHECK(sum() == "9223372036854775807\n");
    scene.log.add(1, share_of("a", 2, 1));
    scene.write();
    CHECK(sum() == "9223372036854775808\n");
    scene.log.add(1, share_of("a", 3, two_to_63));
    scene.write();
    CHECK(sum() == "18446744073709551616\n");
    scene.log.add(1, share_of("a", 4, end_of_numbers));
    scene.write();
    CHECK(sum() == "36893488147419103231\n");

    protocol::Totals totals;
    totals.share_work_sum_low = end_of_numbers;
    totals.share_work_sum_high = two_to_63 - 1;
    scene.log.close_run({hour_of(1, 1, totals, 4)});
    scene.write();
    CHECK(sum() == "170141183460469231731687303715884105727\n");
    scene.log.add(1, share_of("a", 5, 1));
    scene.write();
    CHECK(sum() == "170141183460469231731687303715884105728\n");
    scene.log.close_run({hour_of(1, 1, totals, 5)}); // of this run
    scene.write();
    CHECK(sum() == "340282366920938463463374607431768211454\n");
    scene.log.add(1, share_of("a", 6, 1));
    scene.write();
    CHECK(sum() == "340282366920938463463374607431768211455\n");
    scene.log.add(1, share_of("a", 7, end_of_numbers));
    scene.write();
    CHECK(sum() == "340282366920938463463374607431768211455\n");
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
        return scene.prompt.run(
            "SELECT string_agg(sequence_number::text, ',') FROM (SELECT sequence_number FROM share_records "
            "WHERE channel_id = 'a' AND " +
            filter + " ORDER BY sequence_number) AS s");
    };
    CHECK(numbers("timestamp = 1790000000") == "1,1000\n");
    CHECK(numbers("timestamp < 1790000000") == "0,5000\n");
    CHECK(numbers("timestamp <= 5") == "5000\n");
    CHECK(numbers("timestamp > 1790000000") == "1001\n");
    CHECK(numbers("timestamp >= 5") == "0,1,1000,1001,5000\n");
}

TEST_CASE("a filter on channel and time is answered by an index") {
    OpenScene scene;
    scene.log.add_shares(1, 5);
    scene.write();
    scene.prompt.run("SET enable_seqscan = off; SET enable_bitmapscan = off");
    const auto plan_of = [&](const std::string& query) {
        return scene.prompt.run(std::string{"EXPLAIN "}.append(query));
    };
    const std::string filter = " WHERE channel_id = '1.1.1' AND timestamp >= 5";
    const std::string shares = plan_of("SELECT * FROM share_records" + filter);
    CHECK_MESSAGE(has(shares, "channel_expr_time_idx"), shares);
    CHECK_MESSAGE(has(shares, "\"time\" / 1000) >= 5"), shares);
    CHECK_MESSAGE(!has(shares, "Seq Scan on shares_2"), shares);
    const std::string blocks = plan_of("SELECT * FROM block_records" + filter);
    CHECK_MESSAGE(has(blocks, "blocks_by_timestamp"), blocks);
    const std::string batches = plan_of("SELECT * FROM batch_acknowledgments" + filter);
    CHECK_MESSAGE(has(batches, "acknowledgments_by_timestamp"), batches);
}
