// What shares add up to.

#include "storage/tally.hpp"
#include "tests/storage/fixtures.hpp"

using namespace fixtures;
using namespace storage;

namespace {}

TEST_CASE("a share is counted as what it was stored as, and as nothing else") {
    Tally tally;
    auto accepted = share(7);
    accepted.target.bytes[26] = accepted.target.bytes[27] = 0xff; // difficulty 1
    accepted.share_work = max64;
    auto rejected = share(8);
    rejected.accepted = 0;
    rejected.difficulty = std::bit_cast<std::uint64_t>(1e300);
    add(tally, accepted, protocol::Verdict::stored, 100, 1);
    add(tally, accepted, protocol::Verdict::stored, 90, 3);
    add(tally, rejected, protocol::Verdict::stored, 110, 2);
    add(tally, share(9), protocol::Verdict::duplicate_share, 1, 4);
    add(tally, share(9), protocol::Verdict::above_target, 999, 5);
    const protocol::Totals expected{.shares_accepted = 2,
                                    .shares_rejected = 1,
                                    .shares_duplicate = 1,
                                    .shares_above_target = 1,
                                    .share_work_sum_low = max64 - 1,
                                    .share_work_sum_high = 1,
                                    .expected_hashes_low = 2 * 0x1'0001'0001ULL,
                                    .expected_hashes_high = 0,
                                    .blocks_found = 0,
                                    .best_difficulty = std::bit_cast<std::uint64_t>(1.0),
                                    .last_sequence_number = 7,
                                    .first_share_timestamp = 90,
                                    .last_share_timestamp = 110};
    CHECK(tally.totals == expected);

    Tally sum;
    add(sum, Tally{});
    add(sum, tally);
    CHECK(sum == tally);
    Tally other;
    add(other, share(20), protocol::Verdict::stored, 80, 2); // an older one
    add(sum, other);
    CHECK(sum.totals.shares_accepted == 3);
    CHECK(sum.totals.share_work_sum_low == 8);
    CHECK(sum.totals.share_work_sum_high == 2);
    CHECK(sum.totals.last_sequence_number == 7);
    CHECK(sum.totals.first_share_timestamp == 80);
}
