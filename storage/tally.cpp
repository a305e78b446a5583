#include "storage/tally.hpp"

#include "storage/work.hpp"

#include <algorithm>

namespace storage {

namespace {

void add_to(std::uint64_t& low, std::uint64_t& high, Uint128 addend) {
    const Uint128 sum = saturating_sum({.low = low, .high = high}, addend);
    low = sum.low;
    high = sum.high;
}

void add_accepted(protocol::Totals& totals, const protocol::Share& share) {
    ++totals.shares_accepted;
    add_to(totals.share_work_sum_low, totals.share_work_sum_high, {.low = share.share_work, .high = 0});
    if (share.target != protocol::U256{}) {
        add_to(totals.expected_hashes_low, totals.expected_hashes_high, expected_hashes(share.target));
    }
    // Doubles that are not negative are ordered as their bits are.
    totals.best_difficulty = std::max(totals.best_difficulty, share.difficulty);
}

} // namespace

void add(Tally& tally, const protocol::Share& share, protocol::Verdict verdict, Milliseconds time, Position position) {
    protocol::Totals& totals = tally.totals;
    if (verdict == protocol::Verdict::duplicate_share) ++totals.shares_duplicate;
    if (verdict == protocol::Verdict::above_target) ++totals.shares_above_target;
    if (verdict != protocol::Verdict::stored) return;
    if (share.accepted == 1) {
        add_accepted(totals, share);
    } else {
        ++totals.shares_rejected;
    }
    totals.first_share_timestamp = std::min(totals.first_share_timestamp.value_or(time), time);
    totals.last_share_timestamp = std::max(totals.last_share_timestamp.value_or(time), time);
    if (position > tally.newest_share) {
        tally.newest_share = position;
        totals.last_sequence_number = share.sequence_number;
    }
}

void add(Tally& tally, const Tally& other) {
    protocol::Totals& to = tally.totals;
    const protocol::Totals& from = other.totals;
    to.shares_accepted += from.shares_accepted;
    to.shares_rejected += from.shares_rejected;
    to.shares_duplicate += from.shares_duplicate;
    to.shares_above_target += from.shares_above_target;
    add_to(to.share_work_sum_low, to.share_work_sum_high,
           {.low = from.share_work_sum_low, .high = from.share_work_sum_high});
    add_to(to.expected_hashes_low, to.expected_hashes_high,
           {.low = from.expected_hashes_low, .high = from.expected_hashes_high});
    to.blocks_found += from.blocks_found;
    tally.records += other.records;
    to.best_difficulty = std::max(to.best_difficulty, from.best_difficulty);
    if (const auto first = from.first_share_timestamp) {
        to.first_share_timestamp = std::min(to.first_share_timestamp.value_or(*first), *first);
    }
    if (const auto last = from.last_share_timestamp) {
        to.last_share_timestamp = std::max(to.last_share_timestamp.value_or(*last), *last);
    }
    if (other.newest_share > tally.newest_share) {
        tally.newest_share = other.newest_share;
        to.last_sequence_number = from.last_sequence_number;
    }
}

} // namespace storage
