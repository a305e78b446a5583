#include "tests/conformance/expected_hashes.hpp"
#include "tests/conformance/records.hpp"
#include "tests/conformance/scene.hpp"
#include "tests/conformance/text.hpp"

#include <doctest/doctest.h>
#include <limits>

namespace conformance {

namespace {

constexpr std::uint64_t most = std::numeric_limits<std::uint64_t>::max();

protocol::Share worth(protocol::Share share, std::uint64_t work, double difficulty) {
    share.share_work = work;
    share.difficulty = std::bit_cast<std::uint64_t>(difficulty);
    return share;
}

protocol::Totals stored_totals(Scene& scene, const std::vector<protocol::B0_16M>& records) {
    const auto attachment = scene.attach(stream, pool);
    scene.commit(submission(attachment, attachment.durable_sequence + 1, records));
    scene.compare_answers();
    return scene.store().totals(pool, {}).value().in_range.totals;
}

} // namespace

TEST_CASE("Totals add up every field, for the channel and for the pool") {
    Scene scene;
    stored_totals(scene, all_sent(numbered(worth(with_target(share("a", 1, noon + 5), power_of_2(255)), 10, 2.5), 4),
                                  numbered(worth(rejected(share("a", 2, noon - 5)), 1000, 99), 3),
                                  numbered(worth(share("a", 1, noon - 50), 1000, 99), 9),
                                  numbered(worth(with_target(share("a", 8, noon + 50), u256(7)), 1000, 99), 9),
                                  with_block(worth(share("b", 3, noon + 7), 5, 3)), block("a", 4, noon + 90),
                                  batch_acknowledgment("c")));
    protocol::Totals a;
    a.shares_accepted = 1;
    a.shares_rejected = 1;
    a.shares_duplicate = 1;
    a.shares_above_target = 1;
    a.share_work_sum_low = 10;
    a.expected_hashes_low = 1;
    a.blocks_found = 1;
    a.best_difficulty = std::bit_cast<std::uint64_t>(2.5);
    a.last_sequence_number = 3;
    a.first_share_timestamp = noon - 5;
    a.last_share_timestamp = noon + 5;
    CHECK(text(scene.store().accounting(pool, "a").value()->derived) == text(a));

    protocol::Totals all = a;
    all.shares_accepted = 2;
    all.share_work_sum_low = 15;
    all.blocks_found = 2;
    all.best_difficulty = std::bit_cast<std::uint64_t>(3.0);
    all.last_sequence_number = 0;
    all.last_share_timestamp = noon + 7;
    const auto totals = scene.store().totals(pool, {}).value();
    CHECK(text(totals.in_range.totals) == text(all));
    CHECK(totals.channels == 3);
    CHECK(totals.position == 7);
    CHECK(text(scene.store().accounting(pool, "c").value()->derived) == text(protocol::Totals{}));
    CHECK(!scene.store().accounting(pool, "d").value());
    CHECK(!scene.store().accounting("another pool", "a").value());
}

TEST_CASE("Work adds up past 64 bits") {
    Scene scene;
    const auto totals = stored_totals(
        scene, all_sent(worth(share("a", 1), most, 1), worth(share("a", 2), most, 1), worth(share("b", 3), most, 1)));
    CHECK(totals.share_work_sum_low == most - 2);
    CHECK(totals.share_work_sum_high == 2);
    if (!scene.is_volatile()) scene.reopen();
    const auto after = stored_totals(scene, all_sent(worth(share("a", 4), 3, 1)));
    CHECK(after.share_work_sum_low == 0);
    CHECK(after.share_work_sum_high == 3);
}

TEST_CASE("Work and difficulty may be the largest that there are, and numbers that have a sign bit") {
    Scene scene;
    auto largest = worth(share("a", 1), most, std::numeric_limits<double>::max());
    largest.sequence_number = std::numeric_limits<std::uint32_t>::max();
    auto smallest = worth(share("a", 2), 0, std::numeric_limits<double>::denorm_min());
    const auto totals =
        stored_totals(scene, all_sent(smallest, largest, worth(share("b", 3), std::uint64_t{1} << 63U, 0)));
    CHECK(totals.best_difficulty == largest.difficulty);
    CHECK(totals.share_work_sum_low == (std::uint64_t{1} << 63U) - 1);
    CHECK(totals.share_work_sum_high == 1);
}

TEST_CASE("Expected hashes are 2^256 / (target + 1), and stop at the most that 128 bits can say") {
    Scene scene;
    std::uint64_t hash = 0;
    const auto stored = [&](const protocol::U256& target) {
        const auto before = scene.attach(stream, pool);
        protocol::Share next = with_target(share("a", 0), target);
        next.share_hash.bytes[0] = static_cast<std::uint8_t>(++hash); // below every target here
        scene.commit(submission(before, before.durable_sequence + 1, all_sent(next)));
        scene.compare_answers();
        const auto totals = scene.store().totals(pool, {}).value().in_range.totals;
        return std::pair{totals.expected_hashes_high, totals.expected_hashes_low};
    };
    protocol::U256 all_ones;
    all_ones.bytes.fill(0xff);
    protocol::U256 difficulty_1; // 0xffff * 2^208
    difficulty_1.bytes[26] = difficulty_1.bytes[27] = 0xff;
    using Sum = std::pair<std::uint64_t, std::uint64_t>;
    CHECK(stored(all_ones) == Sum{0, 1});
    CHECK(stored(power_of_2(255)) == Sum{0, 2});
    CHECK(stored(difficulty_1) == Sum{0, 2 + 0x1'0001'0001});
    CHECK(stored(power_of_2(192)) == Sum{1, 1 + 0x1'0001'0001});
    CHECK(stored(power_of_2(129)) == Sum{(std::uint64_t{1} << 63U) + 1, 0x1'0001'0001});
    CHECK(stored(power_of_2(129)) == Sum{most, most});
    CHECK(stored(power_of_2(100)) == Sum{most, most});
    CHECK(stored(power_of_2(255)) == Sum{most, most});
}

TEST_CASE("The last sequence number is that of the share stored last, not of the newest or largest") {
    Scene scene;
    const auto totals =
        stored_totals(scene, all_sent(numbered(share("a", 1, noon + 5), 9), numbered(share("b", 2, noon + 9), 7),
                                      numbered(share("a", 3, noon), 2)));
    CHECK(totals.last_sequence_number == 2);
}

TEST_CASE("A block is one for each hash of a pool, whichever records tell of it") {
    Scene scene;
    const auto totals = stored_totals(scene, all_sent(with_block(share("a", 1)), block("a", 1),
                                                      block("b", 1, noon + hour), block("b", 2), block("b", 2),
                                                      with_block(share("a", 2)), with_block(share("a", 1)),
                                                      with_target(with_block(share("a", 9)), u256(8)), block("c", 3)));
    CHECK(totals.blocks_found == 3);
    CHECK(scene.store().accounting(pool, "a").value()->derived.blocks_found == 1);
    CHECK(scene.store().accounting(pool, "b").value()->derived.blocks_found == 1);

    if (!scene.is_volatile()) scene.reopen();
    CHECK(stored_totals(scene, all_sent(block("a", 3), block("a", 2))).blocks_found == 3);
    const auto elsewhere = scene.attach({.identity = "bob", .stream_id = 1}, "another pool");
    scene.commit(submission(elsewhere, 1, all_sent(block("a", 1))));
    CHECK(scene.store().totals("another pool", {}).value().in_range.totals.blocks_found == 1);
    scene.compare_answers();
}

TEST_CASE("A share that only wore a block's hash as a duplicate does not hide the block") {
    Scene scene;
    const auto totals = stored_totals(scene, all_sent(share("a", 1), with_block(share("a", 1)), block("b", 1)));
    CHECK(totals.blocks_found == 1);
    CHECK(scene.store().accounting(pool, "b").value()->derived.blocks_found == 1);
}

TEST_CASE("A timestamp is believed from 31 days before its arrival to 2 hours after it") {
    Scene scene;
    std::uint64_t number = 0;
    const auto effective_time = [&](storage::Milliseconds timestamp, storage::Milliseconds received_at) {
        ++number;
        std::string channel_id{"channel "};
        channel_id.append(std::to_string(number));
        const auto attachment = scene.attach(stream, pool);
        scene.commit(submission(attachment, attachment.durable_sequence + 1,
                                all_sent(share(channel_id, number, timestamp)), received_at));
        return scene.store().accounting(pool, channel_id).value()->derived.first_share_timestamp.value();
    };
    CHECK(effective_time(noon - 31 * day, noon) == noon - 31 * day);
    CHECK(effective_time(noon - 31 * day - 1, noon) == noon);
    CHECK(effective_time(noon + 2 * hour, noon) == noon + 2 * hour);
    CHECK(effective_time(noon + 2 * hour + 1, noon) == noon);
    CHECK(effective_time(0, noon) == noon);
    CHECK(effective_time(protocol::last_timestamp, noon) == noon);
    CHECK(effective_time(0, 31 * day) == 0);
    CHECK(effective_time(0, 31 * day + 1) == 31 * day + 1);
    CHECK(effective_time(0, 1) == 0); // the clock of a machine that has lost it
    CHECK(effective_time(2 * hour, 0) == 2 * hour);
    CHECK(effective_time(protocol::last_timestamp, protocol::last_timestamp) == protocol::last_timestamp);
    scene.compare_answers();
}

} // namespace conformance
