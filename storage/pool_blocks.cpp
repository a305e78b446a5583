#include "storage/pool_blocks.hpp"

#include <variant>

namespace storage {

namespace {

const protocol::U256* block_of(const LogEntry& entry) {
    if (!entry.content || entry.verdict != protocol::Verdict::stored) return nullptr;
    if (const auto* block = std::get_if<protocol::Block>(&entry.content->record)) return &block->share_hash;
    const auto* share = share_of(entry);
    const bool found = share != nullptr && share->outcome == static_cast<std::uint8_t>(protocol::Outcome::block_found);
    return found ? &share->share_hash : nullptr;
}

} // namespace

const KnownBlock* PoolBlocks::add(const LogEntry& entry) {
    if (!entry.content) return nullptr;
    if (const auto* status = std::get_if<protocol::BlockStatus>(&entry.content->record)) {
        add(KnownStatus{.hash = status->share_hash, .status = status->status, .timestamp = status->timestamp});
        return nullptr;
    }
    const protocol::U256* const hash = block_of(entry);
    if (hash == nullptr) return nullptr;
    const Position block_record = share_of(entry) == nullptr ? entry.position : 0;
    const auto known = by_hash_.find(hash->bytes);
    if (known == by_hash_.end()) {
        add(KnownBlock{.hash = *hash,
                       .channel = entry.channel,
                       .time = entry.time,
                       .teller = entry.position,
                       .block_record = block_record});
        return &by_time_.find({entry.time, entry.position})->second;
    }
    KnownBlock& block = by_time_.find(known->second)->second;
    if (block_record == 0 || block.block_record != 0) return nullptr;
    block.block_record = block_record;
    return &block;
}

void PoolBlocks::add(const KnownBlock& block) {
    by_time_.insert_or_assign({block.time, block.teller}, block);
    by_hash_.insert_or_assign(block.hash.bytes, ByTime::key_type{block.time, block.teller});
}

void PoolBlocks::add(const KnownStatus& status) {
    statuses_.insert_or_assign(status.hash.bytes, status);
}

const KnownStatus* PoolBlocks::status(const protocol::U256& hash) const {
    const auto found = statuses_.find(hash.bytes);
    return found == statuses_.end() ? nullptr : &found->second;
}

bool PoolBlocks::has_told(const LogEntry& entry) const {
    return by_time_.contains({entry.time, entry.position});
}

} // namespace storage
