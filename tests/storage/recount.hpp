// All that a store was ever sent, and every sum counted anew from it.
#pragma once

#include "storage/integrity.hpp"
#include "storage/retention.hpp"
#include "tests/storage/fixtures.hpp"

#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace fixtures {

inline constexpr storage::Milliseconds one_hour = 3'600'000;

class Recount {
  public:
    // The next record, as it was stored.
    void add(const protocol::B0_16M& bytes, storage::Milliseconds received_at, protocol::Verdict verdict) {
        storage::LogEntry entry;
        entry.position = log_.size() + 1;
        entry.received_at = received_at;
        entry.verdict = verdict;
        entry.bytes = bytes.bytes;
        if (auto read = protocol::read_record(bytes.bytes)) {
            entry.content = *std::move(read);
            entry.time = storage::effective_time(entry.content->record, received_at);
        }
        log_.push_back(std::move(entry));
    }

    [[nodiscard]] const std::vector<storage::LogEntry>& log() const { return log_; }

    // Of a channel, of a user, or of all channels.
    [[nodiscard]] storage::Tally channel(const std::string& id, const storage::Range& range = {}) const {
        return sum([&](const auto& entry) { return storage::channel_id_of(entry.content->record) == id; }, range);
    }
    [[nodiscard]] storage::Tally user(const std::string& identity, const storage::Range& range = {}) const {
        return sum(
            [&](const auto& entry) {
                const auto* share = storage::share_of(entry);
                return share != nullptr && share->user_identity.text == identity;
            },
            range);
    }
    [[nodiscard]] storage::Tally pool(const storage::Range& range = {}) const {
        return sum([](const auto& entry) { return !storage::channel_id_of(entry.content->record).empty(); }, range);
    }

    [[nodiscard]] std::set<std::string> channels(const storage::Range& range = {}) const {
        std::set<std::string> names;
        for (const auto& entry : log_) {
            if (entry.content && is_in(range, entry.time)) names.insert(storage::channel_id_of(entry.content->record));
        }
        names.erase("");
        return names;
    }

    // The last report of the channel that was not deleted; 0: none.
    [[nodiscard]] storage::Position last_report(const std::string& channel_id) const {
        storage::Position last = 0;
        for (const auto& entry : log_) {
            if (!entry.content || storage::channel_id_of(entry.content->record) != channel_id) continue;
            if (std::holds_alternative<protocol::ShareAccounting>(entry.content->record)) last = entry.position;
            if (std::holds_alternative<protocol::AccountingDeleted>(entry.content->record)) last = 0;
        }
        return last;
    }

    // How many records, from the first on, arrived before then.
    [[nodiscard]] storage::Position older_than(storage::Milliseconds time) const {
        const auto first = std::ranges::find_if(log_, [&](const auto& entry) { return entry.received_at >= time; });
        return static_cast<storage::Position>(first - log_.begin());
    }
    // What is left of the first `removed` records, and all behind them.
    [[nodiscard]] std::vector<storage::Position> left(storage::Position removed) const {
        std::vector<storage::Position> left;
        for (const auto& entry : log_) {
            const auto report =
                entry.content ? last_report(storage::channel_id_of(entry.content->record)) : storage::Position{0};
            if (entry.position > removed || storage::outlives(entry, report)) left.push_back(entry.position);
        }
        return left;
    }

  private:
    static bool is_in(const storage::Range& range, storage::Milliseconds time) {
        return (!range.start || *range.start <= time) && (!range.end || time <= *range.end);
    }
    static const protocol::U256* block_of(const storage::LogEntry& entry) {
        if (entry.verdict != protocol::Verdict::stored) return nullptr;
        if (const auto* block = std::get_if<protocol::Block>(&entry.content->record)) return &block->share_hash;
        const auto* share = storage::share_of(entry);
        return share != nullptr && share->outcome == 3 ? &share->share_hash : nullptr;
    }

    [[nodiscard]] storage::Tally sum(const std::function<bool(const storage::LogEntry&)>& is_asked_for,
                                     const storage::Range& range) const {
        storage::Tally tally;
        std::set<std::array<std::uint8_t, 32>> blocks;
        for (const auto& entry : log_) {
            if (!entry.content) continue;
            const auto* block = block_of(entry);
            const bool tells = block != nullptr && blocks.insert(block->bytes).second;
            if (!is_in(range, entry.time) || !is_asked_for(entry)) continue;
            if (const auto* share = storage::share_of(entry)) {
                storage::add(tally, *share, entry.verdict, entry.time, entry.position);
            }
            if (tells) ++tally.totals.blocks_found;
            ++tally.records;
        }
        return tally;
    }

    std::vector<storage::LogEntry> log_; // without what only engines need
};

} // namespace fixtures
