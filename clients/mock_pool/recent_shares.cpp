#include "clients/mock_pool/recent_shares.hpp"

#include <utility>
#include <variant>

namespace mock_pool {

namespace {

constexpr std::size_t most = 1000;

} // namespace

void RecentShares::apply(const JournalEntry& entry) {
    if (const auto* const sent = std::get_if<RecordSent>(&entry)) {
        pending_.push_back(
            {.sequence = sent->sequence, .is_duplicate = sent->is_duplicate, .bytes = sent->bytes.bytes});
    } else if (const auto* const verdict = std::get_if<VerdictGiven>(&entry)) {
        judged_.insert(verdict->entry.sequence);
    } else if (const auto* const acknowledged = std::get_if<RecordsAcknowledged>(&entry)) {
        acknowledge(acknowledged->durable_sequence);
    } else if (std::holds_alternative<LifeBegan>(entry)) {
        pending_.clear(); // it may be stored, or not
    } else if (std::holds_alternative<StreamReplaced>(entry)) {
        shares_.clear(); // they went with the store
        std::uint64_t sequence = 0;
        for (Pending& pending : pending_) pending.sequence = ++sequence;
    }
}

void RecentShares::acknowledge(std::uint64_t durable_sequence) {
    for (; !pending_.empty() && pending_.front().sequence <= durable_sequence; pending_.pop_front()) {
        const Pending& pending = pending_.front();
        if (pending.is_duplicate || judged_.contains(pending.sequence)) continue;
        auto read = protocol::read_record(pending.bytes);
        auto* const share = read ? std::get_if<protocol::Share>(&read->record) : nullptr;
        if (share == nullptr || share->accepted == 0) continue;
        shares_.push_back(std::move(*share));
        if (shares_.size() > most) shares_.pop_front();
    }
    judged_.clear();
}

} // namespace mock_pool
