#include "storage/memory/memory_engine.hpp"

#include "storage/integrity.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <limits>
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
    for (const auto& [number, row] : users_) contents.users.push_back(row);
    for (const auto& [last, run] : runs_) contents.runs.push_back(run);
    for (const auto& [key, value] : derived_)
        contents.derived.push_back({.key = {key.begin(), key.end()}, .value = value});
    return contents;
}

Result<void> MemoryEngine::write(const Transaction& transaction) {
    const std::unique_lock lock{mutex_};
    if (head_ != transaction.expected) return std::unexpected(wrong_head(head_.term == transaction.expected.term));
    for (const LogEntry& entry : transaction.entries) append(entry);
    for (const LogEntry& entry : transaction.removed) remove(entry);
    for (const StreamRow& row : transaction.streams) put(row);
    for (const ChannelRow& row : transaction.channels) channel_rows_.insert_or_assign(row.number, row);
    for (const UserRow& row : transaction.users) users_.insert_or_assign(row.number, row);
    for (const KeyValue& pair : transaction.derived)
        derived_.insert_or_assign(std::string{pair.key.begin(), pair.key.end()}, pair.value);
    if (transaction.replaced_run) {
        runs_.erase(*transaction.replaced_run);
        std::erase_if(hours_, [&](const auto& hour) { return hour.second.run == *transaction.replaced_run; });
    }
    for (const Run& run : transaction.runs) runs_.insert_or_assign(run.last, run);
    for (const HourRow& row : transaction.hours)
        hours_.insert_or_assign({row.subject, row.number, row.hour, row.run}, row);
    head_ = transaction.head;
    return {};
}

void MemoryEngine::append(const LogEntry& entry) {
    log_.insert(entry);
    stream_positions_[entry.stream].positions.push_back(entry.position);
    if (entry.content) {
        ByTime& times = channels_[entry.channel][kind_of(entry.content->record)];
        times.emplace_hint(times.end(), entry.time, entry.position);
    }
    if (entry.fingerprint) fingerprints_.emplace(*entry.fingerprint, entry.position);
}

// Its place in the stream goes with the row that says so.
void MemoryEngine::remove(const LogEntry& entry) {
    log_.remove(entry.position);
    if (entry.content) channels_[entry.channel][kind_of(entry.content->record)].erase({entry.time, entry.position});
    if (!entry.fingerprint) return;
    const auto [begin, end] = fingerprints_.equal_range(*entry.fingerprint);
    const auto found = std::find_if(begin, end, [&](const auto& each) { return each.second == entry.position; });
    if (found != end) fingerprints_.erase(found);
}

void MemoryEngine::put(const StreamRow& row) {
    streams_.insert_or_assign(row.number, row);
    StreamPositions& kept = stream_positions_[row.number];
    for (; kept.first <= row.removed_sequence && !kept.positions.empty(); ++kept.first) kept.positions.pop_front();
}

Result<std::vector<LogEntry>> MemoryEngine::read(Position first, Position last, std::size_t limit) const {
    const std::shared_lock lock{mutex_};
    return log_.read(first, last, limit);
}

Result<std::vector<LogEntry>> MemoryEngine::read_stream(std::uint32_t stream, std::uint64_t first,
                                                        std::uint64_t last) const {
    const std::shared_lock lock{mutex_};
    std::vector<LogEntry> entries;
    const auto kept = stream_positions_.find(stream);
    if (kept == stream_positions_.end()) return entries;
    const auto& positions = kept->second.positions;
    for (std::uint64_t sequence = std::max(first, kept->second.first);
         sequence <= last && sequence - kept->second.first < positions.size(); ++sequence) {
        if (auto found = log_.find(positions[sequence - kept->second.first])) entries.push_back(*std::move(found));
    }
    return entries;
}

Result<std::vector<LogEntry>> MemoryEngine::scan(const RecordScan& scan) const {
    const std::shared_lock lock{mutex_};
    std::vector<LogEntry> entries;
    const auto channel = channels_.find(scan.channel);
    if (channel == channels_.end() || scan.first_time > scan.last_time) return entries;
    const auto kind = channel->second.find(scan.kind);
    if (kind == channel->second.end()) return entries;
    const ByTime& times = kind->second;
    const std::pair last{scan.last_time, scan.cut};
    auto end = scan.before && *scan.before <= last ? times.lower_bound(*scan.before) : times.upper_bound(last);
    while (end != times.begin() && entries.size() < scan.limit) {
        --end;
        if (end->first < scan.first_time) break;
        if (end->second > scan.cut) continue;
        if (auto found = log_.find(end->second)) entries.push_back(*std::move(found));
    }
    return entries;
}

Result<std::vector<HourRow>> MemoryEngine::hours(const HourScan& scan) const {
    const std::shared_lock lock{mutex_};
    std::vector<HourRow> rows;
    const HourName last{scan.subject, scan.number, scan.last_hour, std::numeric_limits<Position>::max()};
    for (auto next = hours_.lower_bound({scan.subject, scan.number, scan.first_hour, 0});
         next != hours_.end() && next->first <= last; ++next) {
        if (next->second.run >= scan.first_run && next->second.run <= scan.last_run) rows.push_back(next->second);
    }
    return rows;
}

Result<bool> MemoryEngine::has_entries(std::uint32_t channel, Milliseconds first_time, Milliseconds last_time,
                                       Position cut) const {
    const std::shared_lock lock{mutex_};
    const auto found = channels_.find(channel);
    if (found == channels_.end()) return false;
    return std::ranges::any_of(found->second,
                               [&](const auto& kind) { return has_any(kind.second, first_time, last_time, cut); });
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
