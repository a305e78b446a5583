// The log over an ordered key-value store: keys, values and indexes are the same over each.
#pragma once

#include "storage/engine.hpp"
#include "storage/error.hpp"
#include "storage/keyed/batch.hpp"
#include "storage/keyed/key_values.hpp"

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace storage::keyed {

// What a new store begins with: a data set of its own.
Result<Batch> first_batch();

class KeyedEngine final : public Engine {
  public:
    explicit KeyedEngine(std::unique_ptr<KeyValues> values) : values_{std::move(values)} {}

    [[nodiscard]] std::string_view name() const override { return values_->name(); }
    [[nodiscard]] protocol::Durability durability() const override { return protocol::Durability::local; }

    Result<Contents> load() override;
    Result<void> write(const Transaction& transaction) override;

    [[nodiscard]] Result<std::vector<LogEntry>> read(Position first, Position last, std::size_t limit) const override;
    [[nodiscard]] Result<std::vector<LogEntry>> read_stream(std::uint32_t stream, std::uint64_t first,
                                                            std::uint64_t last) const override;
    [[nodiscard]] Result<std::vector<LogEntry>> scan(const RecordScan& scan) const override;
    [[nodiscard]] Result<std::vector<HourRow>> hours(const HourScan& scan) const override;
    [[nodiscard]] Result<bool> has_entries(std::uint32_t channel, Milliseconds first_time, Milliseconds last_time,
                                           Position cut) const override;
    [[nodiscard]] Result<std::vector<Position>> find(std::uint64_t fingerprint, Position cut) const override;

    [[nodiscard]] std::string warning() const override { return values_->warning(); }
    void interrupt() override { ++interruptions_; }
    Result<void> close() override { return values_->close(); }

  private:
    template <class Ask> auto ask(Ask ask) const;
    Result<void> gather(const Transaction& transaction);
    Result<void> add(const StreamRow& row);
    void add(const std::vector<LogEntry>& entries);
    void add_stretches(const std::vector<LogEntry>& entries);
    void remove(const LogEntry& entry);
    Result<void> change_runs(const Transaction& transaction);

    std::unique_ptr<KeyValues> values_;
    std::atomic<std::uint64_t> interruptions_ = 0;
    Batch batch_;
    // Of each stream, up to where its stretches have been taken out since the store was opened.
    std::unordered_map<std::uint32_t, std::uint64_t> swept_;
    std::optional<StorageError> latched_; // what cannot get better stops all that would follow
};

} // namespace storage::keyed
