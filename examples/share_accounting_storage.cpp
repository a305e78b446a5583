#include "examples/share_accounting_storage.hpp"

#include "examples/mock_data.hpp"
#include "storage/open.hpp"

#include <fmt/format.h>

#include <bit>
#include <string_view>
#include <utility>
#include <variant>

namespace examples {

namespace {

const std::string pool = "examples"; // whose records these are
const storage::StreamName stream_name{.identity = "examples", .stream_id = 1};
constexpr storage::PageLimit page{.items = 0, .bytes = std::size_t{1} << 20U};
constexpr std::size_t names_at_once = 1000;

std::unexpected<std::string> error(const storage::StorageError& error) {
    return std::unexpected(fmt::format("{}: {}", to_text(error.kind), error.detail));
}

std::string_view why(storage::Refused refused) {
    switch (refused) {
    case storage::Refused::fenced: return "fenced: another session has attached to this stream";
    case storage::Refused::sequence_gap: return "sequence-gap: a number was left out; initialize again";
    case storage::Refused::sequence_conflict:
        return "sequence-conflict: this number was used for another record; initialize again";
    case storage::Refused::damaged: return "damaged: what the store holds cannot be compared with this record";
    }
    std::unreachable();
}

std::unexpected<std::string> not_open() {
    return std::unexpected(std::string{"the storage is not initialized, or is closed"});
}

std::unexpected<std::string> unreadable(storage::Position position) {
    return std::unexpected(fmt::format("the record at position {} is not of the kind asked for", position));
}

protocol::Bytes as_sent(const protocol::AnyRecord& any) {
    return std::visit([](const auto& record) { return protocol::encode_record(record).value(); }, any);
}

template <class R> std::optional<R> read_as(const protocol::StoredRecord& stored) {
    auto read = protocol::read_record(stored.record.bytes);
    R* const record = read ? std::get_if<R>(&read->record) : nullptr;
    return record != nullptr ? std::optional{std::move(*record)} : std::nullopt;
}

// A block is told by a record of its own, or by the share that found it.
std::optional<protocol::Block> block_of(const protocol::StoredRecord& stored) {
    if (auto block = read_as<protocol::Block>(stored)) return block;
    const auto share = read_as<protocol::Share>(stored);
    if (!share) return std::nullopt;
    const auto found = protocol::decode<protocol::BlockFoundOutcome>(share->outcome_data.bytes);
    if (!found) return std::nullopt;
    return protocol::Block{.channel_id = share->channel_id,
                           .share_hash = share->share_hash,
                           .template_id = found->template_id,
                           .coinbase = found->coinbase,
                           .difficulty = share->difficulty,
                           .timestamp = share->timestamp,
                           .label = share->label};
}

storage::Uint128 work_in(const protocol::Totals& totals) {
    return {.low = totals.share_work_sum_low, .high = totals.share_work_sum_high};
}

} // namespace

StoreOpener backend(std::string name, std::filesystem::path database_path) {
    return backend(storage::StoreConfig{.backend = std::move(name), .database_path = std::move(database_path)});
}

StoreOpener backend(storage::StoreConfig config) {
    return [config = std::move(config)] { return storage::open(config); };
}

Result<void> ShareAccountingStorage::initialize() {
    if (!store_) {
        auto opened = opener_();
        if (!opened) return error(opened.error());
        store_ = *std::move(opened);
    }
    const auto attached = store_->attach(stream_name, pool);
    if (!attached) return error(attached.error());
    stream_ = *attached;
    next_sequence_ = stream_.durable_sequence + 1;
    return {};
}

Result<void> ShareAccountingStorage::close() {
    if (!store_) return not_open();
    const auto closed = store_->close();
    store_.reset();
    if (!closed) return error(closed.error());
    return {};
}

Result<std::vector<protocol::Verdict>>
ShareAccountingStorage::store_batch(const std::vector<protocol::AnyRecord>& records) {
    if (!store_) return not_open();
    if (records.empty()) return std::vector<protocol::Verdict>{};
    std::vector<storage::Submission> submissions(1);
    storage::Submission& submission = submissions.front();
    submission.stream = stream_.stream;
    submission.epoch = stream_.epoch;
    submission.first_sequence = next_sequence_;
    submission.received_at = now();
    submission.records.reserve(records.size());
    for (const auto& record : records) submission.records.push_back({.bytes = as_sent(record)});

    const auto outcomes = store_->commit(submissions);
    if (!outcomes) return error(outcomes.error());
    const storage::Outcome& outcome = outcomes->front();
    if (!outcome) return std::unexpected(std::string{why(outcome.error())});
    std::vector<protocol::Verdict> verdicts(records.size(), protocol::Verdict::stored);
    for (const auto& [sequence, verdict] : outcome->verdicts) verdicts.at(sequence - next_sequence_) = verdict;
    next_sequence_ += records.size();
    return verdicts;
}

Result<protocol::Verdict> ShareAccountingStorage::store(const protocol::AnyRecord& record) {
    const auto verdicts = store_batch({record});
    if (!verdicts) return std::unexpected(verdicts.error());
    return verdicts->front();
}

Result<protocol::Verdict> ShareAccountingStorage::store_share_accounting(const protocol::ShareAccounting& report) {
    return store(report);
}
Result<protocol::Verdict> ShareAccountingStorage::store_share_record(const protocol::Share& share) {
    return store(share);
}
Result<protocol::Verdict> ShareAccountingStorage::store_block_record(const protocol::Block& block) {
    return store(block);
}
Result<protocol::Verdict>
ShareAccountingStorage::store_batch_acknowledgment(const protocol::BatchAcknowledgment& batch) {
    return store(batch);
}
Result<protocol::Verdict> ShareAccountingStorage::delete_share_accounting(const std::string& channel_id) {
    return store(protocol::AccountingDeleted{.channel_id = {channel_id}, .timestamp = now(), .label = {}});
}

Result<std::optional<ShareAccountingData>>
ShareAccountingStorage::get_share_accounting(const std::string& channel_id) const {
    if (!store_) return not_open();
    const auto accounting = store_->accounting(pool, channel_id);
    if (!accounting) return error(accounting.error());
    if (!*accounting) return std::nullopt;
    ShareAccountingData data;
    data.channel_id = channel_id;
    if (const auto& reported = (*accounting)->reported) {
        const auto report = read_as<protocol::ShareAccounting>(reported->record);
        if (!report) return unreadable(reported->record.position);
        data.last_share_sequence_number = report->last_share_sequence_number;
        data.shares_accepted = report->shares_accepted;
        data.share_work_sum.low = report->share_work_sum;
        data.best_diff = std::bit_cast<double>(report->best_difficulty);
        data.last_updated = report->timestamp;
        data.source = Source::reported;
    } else {
        const protocol::Totals& derived = (*accounting)->derived;
        data.last_share_sequence_number = derived.last_sequence_number;
        data.shares_accepted = derived.shares_accepted;
        data.share_work_sum = work_in(derived);
        data.best_diff = std::bit_cast<double>(derived.best_difficulty);
        data.last_updated = derived.last_share_timestamp.value_or(0);
        data.source = Source::derived;
    }
    return data;
}

Result<std::vector<std::string>> ShareAccountingStorage::list_channels() const {
    if (!store_) return not_open();
    std::vector<std::string> all;
    for (;;) {
        const auto next = store_->channels(pool, all.empty() ? "" : all.back(), names_at_once);
        if (!next) return error(next.error());
        all.insert(all.end(), next->begin(), next->end());
        if (next->size() < names_at_once) return all;
    }
}

template <class R>
Result<std::vector<R>> ShareAccountingStorage::records(const std::string& channel_id, const storage::Range& range,
                                                       std::optional<std::size_t> limit) const {
    if (!store_) return not_open();
    std::vector<R> found;
    storage::RecordQuery query{.pool = pool,
                               .kind = R::kind,
                               .channel_id = channel_id,
                               .range = range,
                               .after = {},
                               .limit = {.items = limit.value_or(0), .bytes = page.bytes}};
    while (found.size() != limit) {
        const auto next = store_->records(query);
        if (!next) return error(next.error());
        found.reserve(found.size() + next->records.size());
        for (const protocol::StoredRecord& stored : next->records) {
            if (!stored.verdict.text.empty()) continue; // it is kept, and counts nowhere
            auto record = read_as<R>(stored);
            if (!record) return unreadable(stored.position);
            found.push_back(*std::move(record));
            if (found.size() == limit) break;
        }
        if (!next->next) break;
        query.after = next->next;
    }
    return found;
}

Result<std::vector<protocol::Share>> ShareAccountingStorage::get_share_records(const std::string& channel_id,
                                                                               const storage::Range& range,
                                                                               std::optional<std::size_t> limit) const {
    return records<protocol::Share>(channel_id, range, limit);
}

Result<std::vector<protocol::BatchAcknowledgment>>
ShareAccountingStorage::get_batch_acknowledgments(const std::string& channel_id, const storage::Range& range,
                                                  std::optional<std::size_t> limit) const {
    return records<protocol::BatchAcknowledgment>(channel_id, range, limit);
}

Result<bool> ShareAccountingStorage::is_share_seen(const std::string& channel_id,
                                                   const protocol::U256& share_hash) const {
    if (!store_) return not_open();
    const auto seen = store_->are_shares_seen(pool, channel_id, std::span{&share_hash, 1});
    if (!seen) return error(seen.error());
    return seen->front();
}

Result<std::vector<BlockRecord>> ShareAccountingStorage::blocks(const std::string& channel_id,
                                                                const storage::Range& range,
                                                                std::optional<std::size_t> limit) const {
    if (!store_) return not_open();
    std::vector<BlockRecord> found;
    storage::BlockQuery query{.pool = pool,
                              .channel_id = channel_id,
                              .range = range,
                              .after = {},
                              .limit = {.items = limit.value_or(0), .bytes = page.bytes}};
    while (found.size() != limit) {
        const auto next = store_->blocks(query);
        if (!next) return error(next.error());
        for (const protocol::FoundBlock& each : next->blocks) {
            const auto stored = protocol::decode<protocol::StoredRecord>(each.record.bytes).value();
            const auto block = block_of(stored);
            if (!block) return unreadable(stored.position);
            found.push_back({.block = *block, .state = static_cast<protocol::BlockState>(each.status)});
            if (found.size() == limit) break;
        }
        if (!next->next) break;
        query.after = next->next;
    }
    return found;
}

Result<std::vector<BlockRecord>> ShareAccountingStorage::get_block_records(const storage::Range& range,
                                                                           std::optional<std::size_t> limit) const {
    return blocks("", range, limit);
}

Result<std::vector<BlockRecord>> ShareAccountingStorage::get_channel_blocks(const std::string& channel_id) const {
    if (channel_id.empty()) return std::vector<BlockRecord>{}; // no channel; to the store it means all of them
    return blocks(channel_id, {}, {});
}

Result<std::uint64_t> ShareAccountingStorage::get_total_shares(const storage::Range& range) const {
    if (!store_) return not_open();
    const auto totals = store_->totals(pool, range);
    if (!totals) return error(totals.error());
    return totals->in_range.totals.shares_accepted + totals->in_range.totals.shares_rejected;
}

Result<storage::Uint128> ShareAccountingStorage::get_total_work(const storage::Range& range) const {
    if (!store_) return not_open();
    const auto totals = store_->totals(pool, range);
    if (!totals) return error(totals.error());
    return work_in(totals->in_range.totals);
}

Result<ChannelStats> ShareAccountingStorage::get_channel_stats(const std::string& channel_id,
                                                               const storage::Range& range) const {
    if (!store_) return not_open();
    const auto stats = store_->channel_stats(pool, channel_id, range);
    if (!stats) return error(stats.error());
    const protocol::Totals& totals = stats->totals;
    return ChannelStats{.total_shares = totals.shares_accepted + totals.shares_rejected,
                        .accepted_shares = totals.shares_accepted,
                        .rejected_shares = totals.shares_rejected,
                        .total_work = work_in(totals),
                        .blocks_found = totals.blocks_found,
                        .best_difficulty = std::bit_cast<double>(totals.best_difficulty),
                        .first_share_timestamp = totals.first_share_timestamp,
                        .last_share_timestamp = totals.last_share_timestamp,
                        .covered = stats->range};
}

Result<std::uint64_t> ShareAccountingStorage::cleanup_old_shares(storage::Milliseconds older_than) {
    if (!store_) return not_open();
    std::uint64_t removed = 0;
    for (;;) {
        const auto step = store_->clean_up(older_than);
        if (!step) return error(step.error());
        removed += step->removed_shares;
        if (step->is_done) return removed;
    }
}

StorageHealth ShareAccountingStorage::health_check() const {
    StorageHealth health;
    health.connection_status = "closed";
    if (!store_) return health;
    const storage::Health found = store_->health();
    health.is_healthy = found.is_healthy;
    health.backend_type = store_->backend();
    health.connection_status = found.is_healthy ? "connected" : "failed";
    health.last_operation_timestamp = found.last_commit;
    if (!found.is_healthy) health.error_message = found.error_message;
    return health;
}

} // namespace examples
