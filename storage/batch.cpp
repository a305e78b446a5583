#include "storage/batch.hpp"

#include "storage/counted_share.hpp"

#include <algorithm>
#include <limits>

namespace storage {

namespace {

using protocol::Verdict;

void tell(std::vector<SequenceVerdict>& verdicts, std::uint64_t sequence, Verdict verdict) {
    if (verdict != Verdict::stored) verdicts.push_back({.sequence = sequence, .verdict = verdict});
}

} // namespace

Batch::Batch(const State& state, const Engine& engine, const FingerprintKey& key, std::size_t records)
    : state_{state},
      engine_{engine},
      key_{key} {
    entries_.reserve(records);
    fingerprints_.reserve(records);
}

Result<Outcome> Batch::add(const Submission& submission) {
    const Stream* const stream = state_.stream(submission.stream);
    if (stream == nullptr || submission.epoch != stream->row.epoch || submission.epoch == stream->refused_epoch) {
        return Outcome{std::unexpected(Refused::fenced)};
    }
    Appended& to = appended(*stream);
    if (to.is_refused) return Outcome{std::unexpected(Refused::fenced)};

    const std::uint64_t first = submission.first_sequence;
    const std::uint64_t count = submission.records.size();
    if (first == 0 || first - 1 > to.row.durable_sequence ||
        count > std::numeric_limits<std::uint64_t>::max() - (first - 1)) {
        to.is_refused = true;
        return Outcome{std::unexpected(Refused::sequence_gap)};
    }

    const std::size_t entries = entries_.size();
    const std::size_t channels = new_channels_.size();
    const std::size_t of_stream = to.entries.size();
    auto outcome = add(submission, to);
    if (!outcome) undo(entries, channels, to, of_stream);
    if (!outcome && outcome.error().kind == StorageError::Kind::corrupt) {
        damage_ = std::move(outcome).error();
        outcome = Outcome{std::unexpected(Refused::damaged)};
    }
    if (outcome && !*outcome) to.is_refused = true;
    return outcome;
}

Result<Outcome> Batch::add(const Submission& submission, Appended& to) {
    const std::uint64_t before = submission.first_sequence - 1;
    Stored stored{.last_sequence = before + submission.records.size(), .verdicts = {}};
    stored.unread = std::max(std::min(stored.last_sequence, to.row.removed_sequence), before) - before;
    const auto repeats_all = repeats(submission, to, stored.verdicts);
    if (!repeats_all) return std::unexpected(repeats_all.error());
    if (!*repeats_all) return Outcome{std::unexpected(Refused::sequence_conflict)};
    for (std::uint64_t sequence = to.row.durable_sequence + 1; sequence <= stored.last_sequence; ++sequence) {
        const auto verdict = append(submission, sequence, to);
        if (!verdict) return std::unexpected(verdict.error());
        tell(stored.verdicts, sequence, *verdict);
    }
    return stored;
}

void Batch::undo(std::size_t entries, std::size_t channels, Appended& to, std::size_t of_stream) {
    std::erase_if(fingerprints_, [&](const auto& each) { return each.second >= entries; });
    std::erase_if(*to.new_channels,
                  [&](const auto& each) { return each.second > state_.channels().size() + channels; });
    entries_.resize(entries);
    new_channels_.resize(channels);
    to.entries.resize(of_stream);
    to.row.durable_sequence = to.durable_before + of_stream;
}

Transaction Batch::transaction() && {
    Transaction transaction = behind(state_.head());
    transaction.entries = std::move(entries_);
    transaction.channels = std::move(new_channels_);
    for (auto& [number, stream] : streams_) {
        if (stream.row.durable_sequence != stream.durable_before) transaction.streams.push_back(std::move(stream.row));
    }
    for (const LogEntry& entry : transaction.entries) {
        transaction.head.chain = next_link(transaction.head.chain, entry.checksum);
        transaction.head.position = entry.position;
    }
    return transaction;
}

std::vector<std::pair<std::uint32_t, std::uint64_t>> Batch::refused() const {
    std::vector<std::pair<std::uint32_t, std::uint64_t>> refused;
    for (const auto& [number, stream] : streams_) {
        if (stream.is_refused) refused.emplace_back(number, stream.row.epoch);
    }
    return refused;
}

Batch::Appended& Batch::appended(const Stream& stream) {
    const auto [place, is_new] = streams_.try_emplace(stream.row.number);
    if (is_new) {
        place->second.row = stream.row;
        place->second.known_pool = state_.pool(stream.row.pool);
        place->second.new_channels = &new_channel_numbers_[stream.row.pool];
        place->second.durable_before = stream.row.durable_sequence;
    }
    return place->second;
}

Result<bool> Batch::repeats(const Submission& submission, const Appended& to, std::vector<SequenceVerdict>& verdicts) {
    // What may have been taken out is acknowledged unread.
    const std::uint64_t first = std::max(submission.first_sequence, to.row.removed_sequence + 1);
    const std::uint64_t last =
        std::min(submission.first_sequence - 1 + submission.records.size(), to.row.durable_sequence);
    if (last < first) return true;

    const auto same = [&](const LogEntry& entry) {
        tell(verdicts, entry.sequence, entry.verdict);
        return entry.bytes == submission.records[entry.sequence - submission.first_sequence].bytes;
    };
    std::uint64_t next = first;
    if (first <= to.durable_before) {
        const auto used = engine_.read_stream(submission.stream, first, std::min(last, to.durable_before));
        if (!used) return std::unexpected(used.error());
        for (const LogEntry& entry : *used) {
            if (const auto fine = check(entry); !fine) return std::unexpected(fine.error());
            if (entry.stream != submission.stream || entry.sequence != next) {
                return std::unexpected(corrupt_at(entry.position, "it is not where its stream has it"));
            }
            if (!same(entry)) return false;
            ++next;
        }
        if (next != std::min(last, to.durable_before) + 1) {
            std::string detail{"record "};
            detail.append(std::to_string(next)).append(" of the stream of ").append(to.row.name.identity);
            detail.append(" is missing");
            return std::unexpected(StorageError{.kind = StorageError::Kind::corrupt, .detail = std::move(detail)});
        }
    }
    for (; next <= last; ++next) {
        if (!same(entries_[to.entries[next - to.durable_before - 1]])) return false;
    }
    return true;
}

Result<Verdict> Batch::append(const Submission& submission, std::uint64_t sequence, Appended& to) {
    const std::size_t place = entries_.size();
    LogEntry& entry = entries_.emplace_back();
    entry.position = state_.head().position + entries_.size();
    entry.stream = submission.stream;
    entry.sequence = sequence;
    entry.received_at = submission.received_at;
    entry.bytes = submission.records[sequence - submission.first_sequence].bytes;
    if (auto read = protocol::read_record(entry.bytes)) {
        entry.verdict = read->verdict;
        entry.content = *std::move(read);
        entry.channel = channel(to, channel_id_of(entry.content->record));
        entry.time = effective_time(entry.content->record, entry.received_at);
        const auto* share = share_of(entry);
        if (share != nullptr && share->accepted == 1 && entry.verdict == Verdict::stored) {
            const std::uint64_t fingerprint = fingerprint_of(key_, to.row.pool, share->share_hash);
            const auto duplicate = is_duplicate(fingerprint, to.row.pool, share->share_hash);
            if (!duplicate) return std::unexpected(duplicate.error());
            if (*duplicate) {
                entry.verdict = Verdict::duplicate_share;
            } else {
                entry.fingerprint = fingerprint;
                fingerprints_.emplace(fingerprint, place);
            }
        }
    } else {
        entry.verdict = read.error();
    }
    entry.checksum = checksum_of(entry);
    to.entries.push_back(place);
    to.row.durable_sequence = sequence;
    return entry.verdict;
}

Result<bool> Batch::is_duplicate(std::uint64_t fingerprint, const std::string& pool, const protocol::U256& hash) {
    const auto [begin, end] = fingerprints_.equal_range(fingerprint);
    for (auto place = begin; place != end; ++place) {
        const LogEntry& entry = entries_[place->second];
        if (counts(entry, hash) && pool_of(entry.channel) == pool) return true;
    }
    const auto channels =
        channels_that_count(engine_, fingerprint, hash, state_.head().position, state_.head().removed);
    if (!channels) return std::unexpected(channels.error());
    return std::ranges::any_of(*channels, [&](std::uint32_t channel) { return pool_of(channel) == pool; });
}

std::uint32_t Batch::channel(const Appended& to, const std::string& channel_id) {
    if (to.known_pool != nullptr) {
        const auto known = to.known_pool->channels.find(channel_id);
        if (known != to.known_pool->channels.end()) return known->second;
    }
    const auto next = static_cast<std::uint32_t>(state_.channels().size() + new_channels_.size() + 1);
    const auto [place, is_new] = to.new_channels->try_emplace(channel_id, next);
    if (is_new) new_channels_.push_back({.number = next, .pool = to.row.pool, .channel_id = channel_id});
    return place->second;
}

const std::string& Batch::pool_of(std::uint32_t channel) const {
    if (const Channel* known = state_.channel(channel)) return known->row.pool;
    return new_channels_[channel - state_.channels().size() - 1].pool;
}

} // namespace storage
