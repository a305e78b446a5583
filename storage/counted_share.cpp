#include "storage/counted_share.hpp"

#include "storage/checked_reads.hpp"
#include "storage/integrity.hpp"
#include "storage/retention.hpp"

namespace storage {

bool counts(const LogEntry& entry, const protocol::U256& hash) {
    const auto* share = share_of(entry);
    return share != nullptr && share->accepted == 1 && entry.verdict == protocol::Verdict::stored &&
           share->share_hash == hash;
}

Result<std::vector<std::uint32_t>> channels_that_count(const Engine& engine, std::uint64_t fingerprint,
                                                       const protocol::U256& hash, Position cut, Position gone) {
    const auto positions = engine.find(fingerprint, cut);
    if (!positions) return std::unexpected(positions.error());
    std::vector<std::uint32_t> channels;
    for (const Position position : *positions) {
        const auto read = read_one(engine, position);
        if (!read) return std::unexpected(read.error());
        const std::optional<LogEntry>& entry = *read;
        if (!entry && position > gone) return std::unexpected(corrupt_at(position, "it is missing"));
        if (!entry || (position <= gone && !outlives(*entry, 0))) continue;
        if (counts(*entry, hash)) channels.push_back(entry->channel);
    }
    return channels;
}

} // namespace storage
