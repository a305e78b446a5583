#include "storage/counted_share.hpp"

#include "storage/integrity.hpp"

namespace storage {

bool counts(const LogEntry& entry, const protocol::U256& hash) {
    const auto* share = share_of(entry);
    return share != nullptr && share->accepted == 1 && entry.verdict == protocol::Verdict::stored &&
           share->share_hash == hash;
}

Result<std::vector<std::uint32_t>> channels_that_count(const Engine& engine, std::uint64_t fingerprint,
                                                       const protocol::U256& hash, Position cut) {
    const auto positions = engine.find(fingerprint, cut);
    if (!positions) return std::unexpected(positions.error());
    std::vector<std::uint32_t> channels;
    for (const Position position : *positions) {
        const auto entries = engine.read(position, position, 1);
        if (!entries) return std::unexpected(entries.error());
        if (entries->size() != 1 || entries->front().position != position) {
            return std::unexpected(corrupt_at(position, "it is missing"));
        }
        if (const auto fine = check(entries->front()); !fine) return std::unexpected(fine.error());
        if (counts(entries->front(), hash)) channels.push_back(entries->front().channel);
    }
    return channels;
}

} // namespace storage
