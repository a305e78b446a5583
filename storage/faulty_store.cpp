#include "storage/faulty_store.hpp"

namespace storage {

Result<Attachment> FaultyStore::attach(const StreamName& stream, const std::string& pool) {
    return with_faults(hook_, "attach", [&] { return store_->attach(stream, pool); });
}

Result<std::vector<Outcome>> FaultyStore::commit(std::span<const Submission> submissions) {
    return with_faults(hook_, "commit", [&] { return store_->commit(submissions); });
}

Result<CleanupStep> FaultyStore::clean_up(Milliseconds older_than) {
    return with_faults(hook_, "clean_up", [&] { return store_->clean_up(older_than); });
}

Result<MarkFit> FaultyStore::compare(const Mark& mark) const {
    return with_faults(hook_, "compare", [&] { return store_->compare(mark); });
}

Result<RecordPage> FaultyStore::records(const RecordQuery& query) const {
    return with_faults(hook_, "records", [&] { return store_->records(query); });
}

Result<BlockPage> FaultyStore::blocks(const BlockQuery& query) const {
    return with_faults(hook_, "blocks", [&] { return store_->blocks(query); });
}

Result<std::vector<bool>> FaultyStore::are_shares_seen(const std::string& pool, const std::string& channel_id,
                                                       std::span<const protocol::U256> hashes) const {
    return with_faults(hook_, "are_shares_seen", [&] { return store_->are_shares_seen(pool, channel_id, hashes); });
}

Result<std::optional<Accounting>> FaultyStore::accounting(const std::string& pool,
                                                          const std::string& channel_id) const {
    return with_faults(hook_, "accounting", [&] { return store_->accounting(pool, channel_id); });
}

Result<std::vector<Drift>> FaultyStore::drift(const std::string& pool, const std::string& after,
                                              std::size_t limit) const {
    return with_faults(hook_, "drift", [&] { return store_->drift(pool, after, limit); });
}

Result<RangeTotals> FaultyStore::channel_stats(const std::string& pool, const std::string& channel_id,
                                               const Range& range) const {
    return with_faults(hook_, "channel_stats", [&] { return store_->channel_stats(pool, channel_id, range); });
}

Result<PoolTotals> FaultyStore::totals(const std::string& pool, const Range& range) const {
    return with_faults(hook_, "totals", [&] { return store_->totals(pool, range); });
}

Result<std::vector<Hour>> FaultyStore::hours(const HoursQuery& query) const {
    return with_faults(hook_, "hours", [&] { return store_->hours(query); });
}

Result<std::vector<std::string>> FaultyStore::channels(const std::string& pool, const std::string& after,
                                                       std::size_t limit) const {
    return with_faults(hook_, "channels", [&] { return store_->channels(pool, after, limit); });
}

Result<std::vector<std::string>> FaultyStore::users(const std::string& pool, const std::string& after,
                                                    std::size_t limit) const {
    return with_faults(hook_, "users", [&] { return store_->users(pool, after, limit); });
}

Result<std::vector<protocol::StreamState>>
FaultyStore::streams(const std::string& pool, const std::optional<StreamName>& after, std::size_t limit) const {
    return with_faults(hook_, "streams", [&] { return store_->streams(pool, after, limit); });
}

Health FaultyStore::health() const {
    const auto health = with_faults(hook_, "health", [&]() -> Result<Health> { return store_->health(); });
    if (health) return *health;
    return {.is_healthy = false, .last_commit = std::nullopt, .error_message = health.error().detail, .damage = {}};
}

Result<void> FaultyStore::close() {
    return with_faults(hook_, "close", [&] { return store_->close(); });
}

} // namespace storage
