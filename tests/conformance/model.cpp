#include "tests/conformance/model.hpp"

#include "tests/conformance/expected_hashes.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <set>

namespace conformance {

namespace {

using protocol::Totals;
using protocol::Verdict;
using storage::Milliseconds;

Milliseconds effective_time(Milliseconds timestamp, Milliseconds received_at) {
    constexpr Milliseconds hour = 3'600'000;
    constexpr Milliseconds past = 31 * 24 * hour;
    const Milliseconds earliest = received_at < past ? 0 : received_at - past;
    return timestamp < earliest || timestamp > received_at + 2 * hour ? received_at : timestamp;
}

bool claims_too_much(const protocol::AnyRecord& record) {
    const auto* const share = std::get_if<protocol::Share>(&record);
    return share != nullptr && share->accepted == 1 && share->target != protocol::U256{} &&
           std::ranges::lexicographical_compare(share->target.bytes.rbegin(), share->target.bytes.rend(),
                                                share->share_hash.bytes.rbegin(), share->share_hash.bytes.rend());
}

bool is_accepted(const Model::Entry& entry) {
    return entry.verdict == Verdict::stored && entry.share() != nullptr && entry.share()->accepted == 1;
}

// The hash of the block that the entry tells of.
std::optional<protocol::U256> block_of(const Model::Entry& entry) {
    if (entry.verdict != Verdict::stored || !entry.record) return std::nullopt;
    if (const auto* const block = std::get_if<protocol::Block>(&*entry.record)) return block->share_hash;
    const auto* const share = entry.share();
    constexpr auto found = static_cast<std::uint8_t>(protocol::Outcome::block_found);
    if (share != nullptr && share->outcome == found) return share->share_hash;
    return std::nullopt;
}

bool is_in(const storage::Range& range, Milliseconds time) {
    return (!range.start || *range.start <= time) && (!range.end || time <= *range.end);
}

} // namespace

storage::Attachment Model::attach(const storage::StreamName& name, const std::string& pool, std::uint32_t number) {
    Stream& stream = streams_[name];
    if (stream.epoch == 0) stream.number = number;
    stream.pool = pool;
    stream.is_refused = false;
    ++stream.epoch;
    return {.stream = stream.number, .epoch = stream.epoch, .durable_sequence = stream.entries.size()};
}

std::vector<storage::Outcome> Model::commit(std::span<const storage::Submission> submissions) {
    std::vector<storage::Outcome> outcomes;
    for (const auto& submission : submissions) outcomes.push_back(commit(submission));
    return outcomes;
}

storage::Outcome Model::commit(const storage::Submission& submission) {
    const auto found =
        std::ranges::find_if(streams_, [&](const auto& each) { return each.second.number == submission.stream; });
    if (found == streams_.end()) return std::unexpected(storage::Refused::fenced);
    auto& [name, stream] = *found;
    if (submission.epoch != stream.epoch || stream.is_refused) return std::unexpected(storage::Refused::fenced);

    const std::uint64_t first = submission.first_sequence;
    if (first == 0 || first > stream.entries.size() + 1) {
        stream.is_refused = true;
        return std::unexpected(storage::Refused::sequence_gap);
    }
    const std::uint64_t last = first - 1 + submission.records.size();
    for (std::uint64_t sequence = first; sequence <= std::min(last, stream.entries.size()); ++sequence) {
        if (log_[stream.entries[sequence - 1]].bytes != submission.records[sequence - first].bytes) {
            stream.is_refused = true;
            return std::unexpected(storage::Refused::sequence_conflict);
        }
    }
    while (stream.entries.size() < last) {
        append(name, stream, submission.records[stream.entries.size() + 1 - first].bytes, submission.received_at);
    }
    storage::Stored stored{.last_sequence = last, .verdicts = {}};
    for (std::uint64_t sequence = first; sequence <= last; ++sequence) {
        const Verdict verdict = log_[stream.entries[sequence - 1]].verdict;
        if (verdict != Verdict::stored) stored.verdicts.push_back({sequence, verdict});
    }
    return stored;
}

void Model::append(const storage::StreamName& name, Stream& stream, const protocol::Bytes& bytes,
                   Milliseconds received_at) {
    Entry entry{.position = log_.size() + 1,
                .stream = name,
                .sequence = stream.entries.size() + 1,
                .received_at = received_at,
                .verdict = Verdict::stored,
                .bytes = bytes,
                .pool = stream.pool,
                .record = {},
                .channel_id = {},
                .time = 0};
    if (const auto read = protocol::read_record(bytes)) {
        entry.record = read->record;
        std::visit(
            [&](const auto& record) {
                entry.channel_id = record.channel_id.text;
                entry.time = effective_time(record.timestamp, received_at);
            },
            read->record);
        if (claims_too_much(*entry.record)) {
            entry.verdict = Verdict::above_target;
        } else if (is_accepted(entry) && is_share_seen(stream.pool, "", entry.share()->share_hash)) {
            entry.verdict = Verdict::duplicate_share;
        }
    } else {
        entry.verdict = read.error();
    }
    stream.entries.push_back(log_.size());
    log_.push_back(std::move(entry));
}

std::vector<protocol::StoredRecord> Model::shares(const std::string& pool, const std::string& channel_id,
                                                  const storage::Range& range) const {
    std::map<std::pair<Milliseconds, storage::Position>, protocol::StoredRecord> oldest_first;
    for (const Entry& entry : log_) {
        if (entry.share() == nullptr || entry.pool != pool || entry.channel_id != channel_id) continue;
        if (!is_in(range, entry.time)) continue;
        oldest_first[{entry.time, entry.position}] = {.position = entry.position,
                                                      .received_at = entry.received_at,
                                                      .identity = {entry.stream.identity},
                                                      .stream_id = entry.stream.stream_id,
                                                      .sequence = entry.sequence,
                                                      .verdict = {std::string{to_text(entry.verdict)}},
                                                      .record = {entry.bytes}};
    }
    std::vector<protocol::StoredRecord> shares;
    for (const auto& [time, share] : oldest_first) shares.insert(shares.begin(), share);
    return shares;
}

bool Model::is_share_seen(const std::string& pool, const std::string& channel_id, const protocol::U256& hash) const {
    return std::ranges::any_of(log_, [&](const Entry& entry) {
        return is_accepted(entry) && entry.pool == pool && (channel_id.empty() || entry.channel_id == channel_id) &&
               entry.share()->share_hash == hash;
    });
}

std::optional<Totals> Model::accounting(const std::string& pool, const std::string& channel_id) const {
    const auto known = channels(pool);
    if (std::ranges::find(known, channel_id) == known.end()) return std::nullopt;
    return channel_stats(pool, channel_id, {});
}

storage::PoolTotals Model::totals(const std::string& pool, const storage::Range& range) const {
    return {.position = position(), .channels = channels(pool, range).size(), .totals = channel_stats(pool, {}, range)};
}

Totals Model::channel_stats(const std::string& pool, const std::optional<std::string>& channel_id,
                            const storage::Range& range) const {
    Totals totals;
    Uint128 work = 0;
    Uint128 hashes = 0;
    std::set<std::array<std::uint8_t, 32>> blocks;
    for (const Entry& entry : log_) {
        if (!entry.record || entry.pool != pool) continue;
        const auto block = block_of(entry);
        const bool is_new_block = block && blocks.insert(block->bytes).second;
        if ((channel_id && entry.channel_id != *channel_id) || !is_in(range, entry.time)) continue;

        if (is_new_block) ++totals.blocks_found;
        if (entry.verdict == Verdict::duplicate_share) ++totals.shares_duplicate;
        if (entry.verdict == Verdict::above_target) ++totals.shares_above_target;
        const auto* const share = entry.share();
        if (share == nullptr || entry.verdict != Verdict::stored) continue;
        totals.last_sequence_number = share->sequence_number;
        totals.first_share_timestamp = std::min(totals.first_share_timestamp.value_or(entry.time), entry.time);
        totals.last_share_timestamp = std::max(totals.last_share_timestamp.value_or(entry.time), entry.time);
        if (share->accepted == 0) {
            ++totals.shares_rejected;
            continue;
        }
        ++totals.shares_accepted;
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

std::vector<std::string> Model::channels(const std::string& pool, const storage::Range& range) const {
    std::set<std::string> names;
    for (const Entry& entry : log_) {
        if (entry.record && entry.pool == pool && is_in(range, entry.time)) names.insert(entry.channel_id);
    }
    return {names.begin(), names.end()};
}

std::vector<protocol::StreamState> Model::streams(const std::string& pool) const {
    std::vector<protocol::StreamState> states;
    for (const auto& [name, stream] : streams_) {
        if (stream.pool != pool) continue;
        states.push_back({.identity = {name.identity},
                          .stream_id = name.stream_id,
                          .epoch = stream.epoch,
                          .durable_sequence = stream.entries.size()});
    }
    return states;
}

} // namespace conformance
