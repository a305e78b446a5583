// What LogStore answers page by page: records and blocks.
#include "protocol/codec.hpp"
#include "storage/checked_reads.hpp"
#include "storage/integrity.hpp"
#include "storage/log_store.hpp"
#include "storage/retention.hpp"

#include <algorithm>
#include <limits>
#include <mutex>
#include <shared_mutex>

namespace storage {

namespace {

constexpr Milliseconds end_of_time = std::numeric_limits<Milliseconds>::max();

// With the 3 bytes of its length, as in a list.
std::size_t encoded_size(const protocol::StoredRecord& record) {
    static const std::size_t empty = protocol::encode(protocol::StoredRecord{})->size();
    return 3 + empty + record.identity.text.size() + record.verdict.text.size() + record.record.bytes.size();
}
std::size_t encoded_size(const protocol::FoundBlock& block) {
    static const std::size_t empty = protocol::encode(protocol::FoundBlock{})->size();
    return 3 + empty + (block.status_timestamp ? sizeof *block.status_timestamp : 0) + block.record.bytes.size();
}

// Counts what is on a page.
class Room {
  public:
    explicit Room(const PageLimit& limit) : limit_{limit} {}

    // Whether there is room for one more of this size, which it takes.
    bool take(std::size_t bytes) {
        if (items_ > 0 && (bytes > limit_.bytes - std::min(bytes_, limit_.bytes) || items_ == limit_.items))
            return false;
        ++items_;
        bytes_ += bytes;
        return true;
    }

  private:
    PageLimit limit_;
    std::size_t items_ = 0;
    std::size_t bytes_ = 0;
};

// In one slice; the last tells of a next page.
std::size_t slice_of(const PageLimit& limit) {
    return limit.items == 0 ? entries_at_once : std::min(entries_at_once - 1, limit.items) + 1;
}

} // namespace

Result<RecordPage> LogStore::records(const RecordQuery& query) const {
    return undisturbed([&] { return page(query); });
}

Result<RecordPage> LogStore::page(const RecordQuery& query) const {
    const View seen = view();
    RecordScan scan{.kind = query.kind,
                    .channel = 0,
                    .first_time = query.range.start.value_or(0),
                    .last_time = query.range.end.value_or(end_of_time),
                    .cut = seen.cut,
                    .before = std::nullopt,
                    .limit = slice_of(query.limit)};
    Position last_report = 0;
    {
        const std::shared_lock lock{mutex_};
        const Channel* const channel = state_.channel(query.pool, query.channel_id);
        if (channel == nullptr) return RecordPage{};
        scan.channel = channel->row.number;
        if (channel->report) last_report = channel->report->position;
    }
    if (query.after) {
        scan.cut = std::min(scan.cut, query.after->cut);
        scan.before = {query.after->time, query.after->position};
    }
    RecordPage page;
    RecordCursor last; // of the page so far
    Room room{query.limit};
    for (;;) {
        if (const auto on = go_on(seen); !on) return std::unexpected(on.error());
        auto entries = scan_records(*engine_, scan);
        if (!entries) return std::unexpected(entries.error());
        if (page.records.empty()) page.records.reserve(entries->size()); // most answers are one slice
        for (LogEntry& entry : *entries) {
            if (entry.position <= seen.gone && !outlives(entry, last_report)) continue;
            auto record = stored_record(entry, std::move(entry.bytes));
            if (!room.take(encoded_size(record))) {
                page.next = last;
                return page;
            }
            page.records.push_back(std::move(record));
            last = {.cut = scan.cut, .time = entry.time, .position = entry.position};
        }
        if (entries->size() < scan.limit) return page;
        scan.before = {entries->back().time, entries->back().position};
    }
}

protocol::StoredRecord LogStore::stored_record(const LogEntry& entry, protocol::Bytes bytes) const {
    protocol::StoredRecord record;
    record.position = entry.position;
    record.received_at = entry.received_at;
    record.sequence = entry.sequence;
    record.verdict.text = protocol::to_text(entry.verdict);
    record.record.bytes = std::move(bytes);
    const std::shared_lock lock{mutex_};
    if (const Stream* const stream = state_.stream(entry.stream)) {
        record.identity.text = stream->row.name.identity;
        record.stream_id = stream->row.name.stream_id;
    }
    return record;
}

Result<BlockPage> LogStore::blocks(const BlockQuery& query) const {
    const View seen = view();
    RecordCursor before{.cut = seen.cut, .time = end_of_time, .position = std::numeric_limits<Position>::max()};
    if (query.after) {
        before = *query.after;
        before.cut = std::min(seen.cut, before.cut);
    }
    BlockPage page;
    Room room{query.limit};
    for (;;) {
        const auto slice = told(query, before);
        for (const Told& each : slice) {
            if (const auto on = go_on(seen); !on) return std::unexpected(on.error());
            auto block = found_block(each);
            if (!block) return std::unexpected(block.error());
            if (!room.take(encoded_size(*block))) {
                page.next = before;
                return page;
            }
            page.blocks.push_back(*std::move(block));
            before = {.cut = before.cut, .time = each.block.time, .position = each.block.teller};
        }
        if (slice.size() < slice_of(query.limit)) return page;
    }
}

std::vector<LogStore::Told> LogStore::told(const BlockQuery& query, const RecordCursor& before) const {
    std::vector<Told> slice;
    const std::shared_lock lock{mutex_};
    const Pool* const pool = state_.pool(query.pool);
    if (pool == nullptr) return slice;
    const PoolBlocks::ByTime& blocks = pool->blocks.by_time();
    const PoolBlocks::ByTime::key_type last{query.range.end.value_or(end_of_time),
                                            std::numeric_limits<Position>::max()};
    auto next = blocks.lower_bound(std::min(last, {before.time, before.position}));
    while (next != blocks.begin() && slice.size() < slice_of(query.limit)) {
        const KnownBlock& block = (--next)->second;
        if (block.time < query.range.start.value_or(0)) break;
        if (block.teller > before.cut) continue;
        if (!query.channel_id.empty() && state_.channel(block.channel)->row.channel_id != query.channel_id) continue;
        const KnownStatus* const status = pool->blocks.status(block.hash);
        slice.push_back({.block = block, .status = status == nullptr ? std::nullopt : std::optional{*status}});
    }
    return slice;
}

Result<protocol::FoundBlock> LogStore::found_block(const Told& told) const {
    const Position position = told.block.block_record != 0 ? told.block.block_record : told.block.teller;
    auto read = read_one(*engine_, position);
    if (!read) return noticed(read.error());
    std::optional<LogEntry>& entry = *read;
    if (!entry) return noticed(corrupt_at(position, "it is missing"));
    protocol::FoundBlock block;
    if (told.status) {
        block.status = told.status->status;
        block.status_timestamp = told.status->timestamp;
    }
    block.record.bytes = *protocol::encode(stored_record(*entry, std::move(entry->bytes)));
    return block;
}

} // namespace storage
