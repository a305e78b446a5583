#include "tests/conformance/entry.hpp"

#include "protocol/codec.hpp"
#include "tests/conformance/expected_hashes.hpp"

#include <algorithm>
#include <bit>

namespace conformance {

using protocol::Subject;
using protocol::Totals;
using protocol::Verdict;
using storage::Milliseconds;

namespace {

// The timestamp where it is believed, else the time of arrival.
Milliseconds effective_time(Milliseconds timestamp, Milliseconds received_at) {
    constexpr Milliseconds past = 31 * 24 * hour;
    const Milliseconds earliest = received_at < past ? 0 : received_at - past;
    return timestamp < earliest || timestamp > received_at + 2 * hour ? received_at : timestamp;
}

} // namespace

void read_bytes(Entry& entry) {
    const auto read = protocol::read_record(entry.bytes);
    entry.verdict = read ? read->verdict : read.error();
    if (!read) return;
    entry.record = read->record;
    std::visit(
        [&](const auto& record) {
            if constexpr (requires { record.channel_id; }) entry.channel_id = record.channel_id.text;
            entry.time = effective_time(record.timestamp, entry.received_at);
        },
        read->record);
}

bool finds_block(const protocol::Share& share) {
    return share.outcome == static_cast<std::uint8_t>(protocol::Outcome::block_found);
}

bool is_accepted(const Entry& entry) {
    const auto* const share = entry.as<protocol::Share>();
    return share != nullptr && share->accepted == 1 && entry.verdict == Verdict::stored;
}

bool is_in(const storage::Range& range, Milliseconds time) {
    return (!range.start || *range.start <= time) && (!range.end || time <= *range.end);
}

std::string name_of(const Entry& entry, Subject subject) {
    if (subject == Subject::channel) return entry.channel_id;
    const auto* const share = entry.as<protocol::Share>();
    return share == nullptr ? "" : share->user_identity.text;
}

protocol::StoredRecord stored_record(const Entry& entry) {
    return {entry.position,
            entry.received_at,
            {entry.stream.identity},
            entry.stream.stream_id,
            entry.sequence,
            {std::string{to_text(entry.verdict)}},
            protocol::B0_16M{entry.bytes}};
}

bool differ(const protocol::ShareAccounting& report, const Totals& derived) {
    Uint128 rejects = 0;
    for (const auto& item : report.rejects.items) {
        protocol::Reader in{item.bytes};
        rejects += protocol::decode<protocol::RejectCount>(in).value().count;
    }
    return report.shares_accepted != derived.shares_accepted || derived.share_work_sum_high != 0 ||
           report.share_work_sum != derived.share_work_sum_low || report.best_difficulty != derived.best_difficulty ||
           report.blocks_found != derived.blocks_found || rejects != derived.shares_rejected ||
           report.last_share_sequence_number != derived.last_sequence_number;
}

Totals sum_of(const std::vector<Entry>& entries) {
    Totals totals;
    Uint128 work = 0;
    Uint128 hashes = 0;
    for (const Entry& entry : entries) {
        if (entry.block) ++totals.blocks_found;
        if (entry.verdict == Verdict::duplicate_share) ++totals.shares_duplicate;
        if (entry.verdict == Verdict::above_target) ++totals.shares_above_target;
        const auto* const share = entry.as<protocol::Share>();
        if (!share || entry.verdict != Verdict::stored) continue;
        totals.last_sequence_number = share->sequence_number;
        totals.first_share_timestamp = std::min(totals.first_share_timestamp.value_or(entry.time), entry.time);
        totals.last_share_timestamp = std::max(totals.last_share_timestamp.value_or(entry.time), entry.time);
        ++(share->accepted == 1 ? totals.shares_accepted : totals.shares_rejected);
        if (share->accepted == 0) continue;
        work = saturating_sum(work, share->share_work);
        if (share->target != protocol::U256{}) hashes = saturating_sum(hashes, expected_hashes(share->target));
        if (std::bit_cast<double>(share->difficulty) > std::bit_cast<double>(totals.best_difficulty)) {
            totals.best_difficulty = share->difficulty;
        }
    }
    totals.share_work_sum_low = low(work);
    totals.share_work_sum_high = high(work);
    totals.expected_hashes_low = low(hashes);
    totals.expected_hashes_high = high(hashes);
    return totals;
}

} // namespace conformance
