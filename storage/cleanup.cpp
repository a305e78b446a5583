#include "storage/cleanup.hpp"

#include "storage/checked_reads.hpp"
#include "storage/counted_share.hpp"
#include "storage/retention.hpp"

#include <algorithm>
#include <cstddef>
#include <map>

namespace storage {

namespace {

// Of one step: what comes first.
constexpr std::size_t entries_in_step = 2000;
constexpr std::size_t bytes_in_step = std::size_t{16} * 1024 * 1024;

// Entries from `first` on, as far as a step goes; with `is_whole` none may be missing. `use` is given each, and may
// take it. Tells how far it went.
template <class Use>
Result<Position> read_step(const State& state, const Engine& engine, Position first, Position last, bool is_whole,
                           Use use) {
    std::size_t entries = 0;
    std::size_t bytes = 0;
    while (first <= last && entries < entries_in_step && bytes < bytes_in_step) {
        auto slice = is_whole ? read_whole_slice(engine, first, last) : read_slice(engine, first, last);
        if (!slice) return std::unexpected(slice.error());
        if (slice->empty()) return last;
        first = slice->back().position + 1;
        entries += slice->size();
        for (const LogEntry& entry : *slice) {
            bytes += entry.bytes.size();
            if (entry.content && state.channel(entry.channel) == nullptr) {
                return std::unexpected(corrupt_at(entry.position, "its channel is not known"));
            }
        }
        std::ranges::for_each(*slice, use);
    }
    return first - 1;
}

Position last_report_of(const State& state, const LogEntry& entry) {
    const Channel* const channel = state.channel(entry.channel);
    return channel != nullptr && channel->report ? channel->report->position : 0;
}

} // namespace

Result<Cleanup::Step> Cleanup::next(const State& state, const Engine& engine, const FingerprintKey& key,
                                    Milliseconds older_than) {
    const Head& head = state.head();
    if (swept_ < head.removed) return sweep(state, engine, key);
    Step step{.transaction = std::nullopt, .swept = swept_};
    const auto run = state.runs().upper_bound(head.removed);
    if (run == state.runs().end()) {
        if (state.tail().is_empty() || state.tail().run().first_received >= older_than) {
            step.is_done = true;
            return step;
        }
        state.save(step.transaction.emplace(behind(head)));
        return step;
    }
    if (run->second.last_received < older_than) {
        Transaction& declaring = step.transaction.emplace(behind(head));
        declaring.head.removed = run->second.last;
        declaring.head.removed_chain = run->second.chain;
        return step;
    }
    if (run->second.first_received < older_than) return split(state, engine, run->second, older_than);
    step.is_done = true;
    return step;
}

Result<Cleanup::Step> Cleanup::sweep(const State& state, const Engine& engine, const FingerprintKey& key) const {
    Step step;
    Transaction transaction = behind(state.head());
    std::map<std::uint32_t, std::uint64_t> last_of_stream;
    const auto swept = read_step(state, engine, swept_ + 1, state.head().removed, false, [&](LogEntry& entry) {
        last_of_stream[entry.stream] = entry.sequence;
        if (outlives(entry, last_report_of(state, entry))) return;
        if (const auto* share = share_of(entry)) {
            ++step.removed_shares;
            if (counts(entry, share->share_hash)) {
                const std::string& pool = state.channel(entry.channel)->row.pool;
                entry.fingerprint = fingerprint_of(key, pool, share->share_hash);
            }
        }
        transaction.removed.push_back(std::move(entry));
    });
    if (!swept) return std::unexpected(swept.error());
    step.swept = *swept;
    for (const auto& [number, sequence] : last_of_stream) {
        const Stream* const stream = state.stream(number);
        if (stream == nullptr || stream->row.removed_sequence >= sequence) continue;
        transaction.streams.push_back(stream->row);
        transaction.streams.back().removed_sequence = sequence;
    }
    if (!transaction.removed.empty() || !transaction.streams.empty()) step.transaction = std::move(transaction);
    return step;
}

Result<Cleanup::Step> Cleanup::split(const State& state, const Engine& engine, const Run& run,
                                     Milliseconds older_than) {
    if (split_.run != run || split_.older_than != older_than) {
        split_ = {};
        split_.run = run;
        split_.older_than = older_than;
        split_.chain = state.head().removed_chain;
        split_.read = run.first - 1;
    }
    Split& split = split_;
    const auto read = read_step(state, engine, split.read + 1, run.last, true, [&](const LogEntry& entry) {
        if (split.younger.is_empty() && entry.received_at >= older_than) split.bound = split.chain;
        const bool is_older = split.younger.is_empty() && entry.received_at < older_than;
        (is_older ? split.older : split.younger)
            .add(entry, state.tally_of(entry), entry.content ? state.user_of(entry) : 0);
        split.chain = next_link(split.chain, entry.checksum);
        split.read = entry.position;
    });
    if (!read) return std::unexpected(read.error());
    Step step{.transaction = std::nullopt, .swept = swept_};
    if (split.read < run.last) return step;
    if (split.chain != run.chain || split.older.is_empty() || split.younger.is_empty()) {
        split_ = {};
        return std::unexpected(
            corrupt_at(run.last, "the records of the run that ends here are not those it was made of"));
    }
    Transaction& splitting = step.transaction.emplace(behind(state.head()));
    splitting.replaced_run = run.last;
    split.older.close(splitting, split.bound);
    split.younger.close(splitting, split.chain);
    return step;
}

} // namespace storage
