#include "storage/memory/rows.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace storage {

namespace {

constexpr std::size_t rows_in_block = 256;
constexpr std::size_t bytes_in_block = std::size_t{64} * 1024; // or one entry more

} // namespace

bool Rows::Block::is_full() const {
    return rows.size() >= rows_in_block || bytes.size() >= bytes_in_block;
}

LogEntry Rows::Block::entry(const Row& row) const {
    const auto own = protocol::ByteView{bytes}.subspan(row.begin, row.size);
    auto read = protocol::read_record(own);
    return {.position = row.position,
            .stream = row.stream,
            .sequence = row.sequence,
            .received_at = row.received_at,
            .verdict = row.verdict,
            .bytes = {own.begin(), own.end()},
            .checksum = row.checksum,
            .content = read ? std::optional{*std::move(read)} : std::nullopt,
            .channel = row.channel,
            .time = row.time,
            .fingerprint = row.fingerprint};
}

std::size_t Rows::Block::room() const {
    return (rows.capacity() * sizeof(Row)) + bytes.capacity();
}

void Rows::Block::give_back() {
    if (2 * used >= bytes.size() && 2 * rows.size() >= rows.capacity()) return;
    rows.shrink_to_fit();
    protocol::Bytes kept;
    kept.reserve(used);
    for (Row& row : rows) {
        const auto own = protocol::ByteView{bytes}.subspan(row.begin, row.size);
        row.begin = static_cast<std::uint32_t>(kept.size());
        kept.insert(kept.end(), own.begin(), own.end());
    }
    bytes = std::move(kept);
}

Rows::Block& Rows::block_for(Position position) {
    const auto behind = blocks_.upper_bound(position);
    if (behind != blocks_.begin()) {
        Block& before = std::prev(behind)->second;
        if (behind != blocks_.end() || position < before.rows.back().position || !before.is_full()) return before;
        before.bytes.shrink_to_fit();
    }
    Block& made = blocks_.emplace_hint(behind, position, Block{})->second;
    made.rows.reserve(rows_in_block);
    return made;
}

void Rows::insert(const LogEntry& entry) {
    Block& block = block_for(entry.position);
    const bool is_last = block.rows.empty() || block.rows.back().position < entry.position;
    const auto place =
        is_last ? block.rows.end() : std::ranges::lower_bound(block.rows, entry.position, {}, &Row::position);
    block.rows.insert(place, {.position = entry.position,
                              .sequence = entry.sequence,
                              .received_at = entry.received_at,
                              .checksum = entry.checksum,
                              .time = entry.time,
                              .fingerprint = entry.fingerprint,
                              .stream = entry.stream,
                              .channel = entry.channel,
                              .begin = static_cast<std::uint32_t>(block.bytes.size()),
                              .size = static_cast<std::uint32_t>(entry.bytes.size()),
                              .verdict = entry.verdict});
    block.bytes.insert(block.bytes.end(), entry.bytes.begin(), entry.bytes.end());
    block.used += entry.bytes.size();
}

void Rows::remove(Position position) {
    auto place = blocks_.upper_bound(position);
    if (place == blocks_.begin()) return;
    Block& block = (--place)->second;
    const auto row = std::ranges::lower_bound(block.rows, position, {}, &Row::position);
    if (row == block.rows.end() || row->position != position) return;
    block.used -= row->size;
    block.rows.erase(row);
    if (block.rows.empty())
        blocks_.erase(place);
    else
        block.give_back();
}

std::optional<LogEntry> Rows::find(Position position) const {
    auto found = read(position, position, 1);
    return found.empty() ? std::nullopt : std::optional{std::move(found.front())};
}

std::vector<LogEntry> Rows::read(Position first, Position last, std::size_t limit) const {
    std::vector<LogEntry> entries;
    auto place = blocks_.upper_bound(first);
    if (place != blocks_.begin()) --place;
    for (; place != blocks_.end() && place->first <= last; ++place) {
        const Block& block = place->second;
        for (auto row = std::ranges::lower_bound(block.rows, first, {}, &Row::position); row != block.rows.end();
             ++row) {
            if (row->position > last || entries.size() >= limit) return entries;
            entries.push_back(block.entry(*row));
        }
    }
    return entries;
}

std::size_t Rows::room() const {
    std::size_t room = 0;
    for (const auto& [first, block] : blocks_) room += block.room();
    return room;
}

} // namespace storage
