#include "storage/memory/memory_engine.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <mutex>
#include <shared_mutex>
#include <sodium.h>

namespace storage {

namespace {

DataSet make_data_set() {
    if (sodium_init() < 0) std::abort(); // no source of randomness
    DataSet data_set{.id = 0, .generation = 1};
    while (data_set.id == 0) randombytes_buf(&data_set.id, sizeof data_set.id); // 0: a client that remembers none
    return data_set;
}

// Whether one of them is in first..last, of positions up to `cut`.
template <class ByTime> bool has_any(const ByTime& times, Milliseconds first, Milliseconds last, Position cut) {
    for (auto next = times.lower_bound({first, 0}); next != times.end() && next->first <= last; ++next) {
        if (next->second <= cut) return true;
    }
    return false;
}

} // namespace

MemoryEngine::MemoryEngine() : data_set_{make_data_set()} {
    randombytes_buf(fingerprint_key_.data(), fingerprint_key_.size());
}

Result<Contents> MemoryEngine::load() {
    const std::shared_lock lock{mutex_};
    Contents contents;
    contents.data_set = data_set_;
    contents.fingerprint_key = fingerprint_key_;
    contents.head = head_;
    for (const auto& [number, row] : streams_) contents.streams.push_back(row);
    for (const auto& [number, row] : channel_rows_) contents.channels.push_back(row);
    for (const auto& [key, value] : derived_)
        contents.derived.push_back({.key = {key.begin(), key.end()}, .value = value});
    return contents;
}

Result<void> MemoryEngine::write(const Transaction& transaction) {
    const std::unique_lock lock{mutex_};
    if (head_.term != transaction.expected_term) {
        return std::unexpected(
            StorageError{.kind = StorageError::Kind::poisoned, .detail = "another role has taken over the store"});
    }
    for (const LogEntry& entry : transaction.entries) append(entry);
    for (const StreamRow& row : transaction.streams) streams_.insert_or_assign(row.number, row);
    for (const ChannelRow& row : transaction.channels) channel_rows_.insert_or_assign(row.number, row);
    for (const KeyValue& pair : transaction.derived)
        derived_.insert_or_assign(std::string{pair.key.begin(), pair.key.end()}, pair.value);
    head_ = transaction.head;
    return {};
}

void MemoryEngine::append(const LogEntry& entry) {
    log_.push_back({.stream = entry.stream,
                    .sequence = entry.sequence,
                    .received_at = entry.received_at,
                    .verdict = entry.verdict,
                    .bytes = entry.bytes,
                    .checksum = entry.checksum,
                    .channel = entry.channel,
                    .time = entry.time,
                    .fingerprint = entry.fingerprint});
    stream_positions_[entry.stream].push_back(entry.position);
    if (entry.content) {
        Channel& channel = channels_[entry.channel];
        ByTime& times = share_of(entry) != nullptr ? channel.shares : channel.others;
        times.emplace_hint(times.end(), entry.time, entry.position);
    }
    if (entry.fingerprint) fingerprints_.emplace(*entry.fingerprint, entry.position);
}

LogEntry MemoryEngine::entry(Position position) const {
    const Row& row = log_[position - 1];
    auto read = protocol::read_record(row.bytes);
    return {.position = position,
            .stream = row.stream,
            .sequence = row.sequence,
            .received_at = row.received_at,
            .verdict = row.verdict,
            .bytes = row.bytes,
            .checksum = row.checksum,
            .content = read ? std::optional{*std::move(read)} : std::nullopt,
            .channel = row.channel,
            .time = row.time,
            .fingerprint = row.fingerprint};
}

Result<std::vector<LogEntry>> MemoryEngine::read(Position first, Position last, std::size_t limit) const {
    const std::shared_lock lock{mutex_};
    std::vector<LogEntry> entries;
    last = std::min(last, Position{log_.size()});
    for (Position position = std::max(first, Position{1}); position <= last && entries.size() < limit; ++position) {
        entries.push_back(entry(position));
    }
    return entries;
}

Result<std::vector<LogEntry>> MemoryEngine::read_stream(std::uint32_t stream, std::uint64_t first,
                                                        std::uint64_t last) const {
    const std::shared_lock lock{mutex_};
    std::vector<LogEntry> entries;
    const auto positions = stream_positions_.find(stream);
    if (positions == stream_positions_.end()) return entries;
    last = std::min(last, std::uint64_t{positions->second.size()});
    for (std::uint64_t sequence = std::max(first, std::uint64_t{1}); sequence <= last; ++sequence) {
        entries.push_back(entry(positions->second[sequence - 1]));
    }
    return entries;
}

Result<std::vector<LogEntry>> MemoryEngine::shares(const ShareScan& scan) const {
    const std::shared_lock lock{mutex_};
    std::vector<LogEntry> entries;
    const auto channel = channels_.find(scan.channel);
    if (channel == channels_.end() || scan.first_time > scan.last_time) return entries;
    const ByTime& times = channel->second.shares;
    const std::pair last{scan.last_time, scan.cut};
    auto end = scan.before && *scan.before <= last ? times.lower_bound(*scan.before) : times.upper_bound(last);
    while (end != times.begin() && entries.size() < scan.limit) {
        --end;
        if (end->first < scan.first_time) break;
        if (end->second <= scan.cut) entries.push_back(entry(end->second));
    }
    return entries;
}

Result<bool> MemoryEngine::has_entries(std::uint32_t channel, Milliseconds first_time, Milliseconds last_time,
                                       Position cut) const {
    const std::shared_lock lock{mutex_};
    const auto found = channels_.find(channel);
    if (found == channels_.end()) return false;
    return has_any(found->second.shares, first_time, last_time, cut) ||
           has_any(found->second.others, first_time, last_time, cut);
}

Result<std::vector<Position>> MemoryEngine::find(std::uint64_t fingerprint, Position cut) const {
    const std::shared_lock lock{mutex_};
    std::vector<Position> positions;
    const auto [begin, end] = fingerprints_.equal_range(fingerprint);
    for (auto next = begin; next != end; ++next) {
        if (next->second <= cut) positions.push_back(next->second);
    }
    return positions;
}

} // namespace storage
