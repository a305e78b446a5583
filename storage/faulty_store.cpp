#include "storage/faulty_store.hpp"

namespace storage {

Result<Attachment> FaultyStore::attach(const StreamName& stream, const std::string& pool) {
    return with_faults(hook_, "attach", [&] { return store_->attach(stream, pool); });
}

Result<std::vector<Outcome>> FaultyStore::commit(std::span<const Submission> submissions) {
    return with_faults(hook_, "commit", [&] { return store_->commit(submissions); });
}

Result<SharePage> FaultyStore::shares(const ShareQuery& query) const {
    return with_faults(hook_, "shares", [&] { return store_->shares(query); });
}

Result<std::vector<bool>> FaultyStore::are_shares_seen(const std::string& pool, const std::string& channel_id,
                                                       std::span<const protocol::U256> hashes) const {
    return with_faults(hook_, "are_shares_seen", [&] { return store_->are_shares_seen(pool, channel_id, hashes); });
}

Result<std::optional<protocol::Totals>> FaultyStore::accounting(const std::string& pool,
                                                                const std::string& channel_id) const {
    return with_faults(hook_, "accounting", [&] { return store_->accounting(pool, channel_id); });
}

Result<protocol::Totals> FaultyStore::channel_stats(const std::string& pool, const std::string& channel_id,
                                                    const Range& range) const {
    return with_faults(hook_, "channel_stats", [&] { return store_->channel_stats(pool, channel_id, range); });
}

Result<PoolTotals> FaultyStore::totals(const std::string& pool, const Range& range) const {
    return with_faults(hook_, "totals", [&] { return store_->totals(pool, range); });
}

Result<std::vector<std::string>> FaultyStore::channels(const std::string& pool, const std::string& after,
                                                       std::size_t limit) const {
    return with_faults(hook_, "channels", [&] { return store_->channels(pool, after, limit); });
}

Result<std::vector<protocol::StreamState>>
FaultyStore::streams(const std::string& pool, const std::optional<StreamName>& after, std::size_t limit) const {
    return with_faults(hook_, "streams", [&] { return store_->streams(pool, after, limit); });
}

Health FaultyStore::health() const {
    const auto health = with_faults(hook_, "health", [&]() -> Result<Health> { return store_->health(); });
    if (health) return *health;
    return {.is_healthy = false, .last_commit = std::nullopt, .error_message = health.error().detail};
}

Result<void> FaultyStore::close() {
    return with_faults(hook_, "close", [&] { return store_->close(); });
}

} // namespace storage
