// The store over any engine: it judges what is submitted, keeps what the log adds up to, and answers from both.
#pragma once

#include "storage/engine.hpp"
#include "storage/integrity.hpp"
#include "storage/shared_mutex.hpp"
#include "storage/state.hpp"
#include "storage/store.hpp"

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace storage {

class LogStore final : public Store {
  public:
    // Takes the next term: whoever had the store open before can write no more. What the log adds up to is saved after
    // every `save_interval` records, and when the store is closed; the records behind that are read again here.
    static Result<std::unique_ptr<LogStore>> open(std::unique_ptr<Engine> engine, Position save_interval = 100'000);

    [[nodiscard]] std::string_view backend() const override { return engine_->name(); }
    [[nodiscard]] protocol::Durability durability() const override { return engine_->durability(); }
    [[nodiscard]] DataSet data_set() const override { return data_set_; }

    Result<Attachment> attach(const StreamName& stream, const std::string& pool) override;
    Result<std::vector<Outcome>> commit(std::span<const Submission> submissions) override;

    [[nodiscard]] Position position() const override;
    [[nodiscard]] Result<SharePage> shares(const ShareQuery& query) const override;
    [[nodiscard]] Result<std::vector<bool>> are_shares_seen(const std::string& pool, const std::string& channel_id,
                                                            std::span<const protocol::U256> hashes) const override;
    [[nodiscard]] Result<std::optional<protocol::Totals>> accounting(const std::string& pool,
                                                                     const std::string& channel_id) const override;
    [[nodiscard]] Result<protocol::Totals> channel_stats(const std::string& pool, const std::string& channel_id,
                                                         const Range& range) const override;
    [[nodiscard]] Result<PoolTotals> totals(const std::string& pool, const Range& range) const override;
    [[nodiscard]] Result<std::vector<std::string>> channels(const std::string& pool, const std::string& after,
                                                            std::size_t limit) const override;
    [[nodiscard]] Result<std::vector<protocol::StreamState>>
    streams(const std::string& pool, const std::optional<StreamName>& after, std::size_t limit) const override;
    [[nodiscard]] Health health() const override;

    void interrupt() override;
    Result<void> close() override;

  private:
    // What a question is answered from: records up to `cut`, unless it is interrupted meanwhile.
    struct View {
        Position cut = 0;
        std::uint64_t interrupts = 0;
    };
    // What is known of a channel in a range without reading its shares.
    struct Scanned {
        std::uint32_t channel = 0;
        std::uint64_t blocks = 0;
    };

    LogStore(std::unique_ptr<Engine> engine, Position save_interval, const Contents& contents);

    Result<void> load(const Contents& contents);

    // The writer's.
    Result<void> get_ready();
    Result<void> catch_up();
    Result<void> write(const Transaction& transaction);
    Result<void> publish(const Transaction& transaction);
    std::unexpected<StorageError> failed(StorageError error);
    std::unexpected<StorageError> poisoned(StorageError error);

    // With mutex_ held.
    [[nodiscard]] View view() const;
    [[nodiscard]] static Scanned scanned(const Channel& channel, const Range& range);

    [[nodiscard]] Result<void> go_on(const View& view) const;
    Result<std::vector<LogEntry>> read_shares(const ShareScan& scan) const;
    Result<Tally> tally(const Scanned& channel, const Range& range, const View& view) const;
    Result<bool> has_records(const Scanned& channel, const Range& range, const View& view) const;
    [[nodiscard]] protocol::StoredRecord stored_record(const LogEntry& entry) const;

    const std::unique_ptr<Engine> engine_;
    const Position save_interval_;
    const DataSet data_set_;
    const FingerprintKey fingerprint_key_;
    std::atomic<std::uint64_t> interrupts_ = 0;

    // Only the writer changes these, with mutex_ held; it reads them without.
    mutable SharedMutex mutex_; // never held during a call of the engine
    State state_;
    std::optional<StorageError> failure_; // of the last write, until one succeeds
    std::optional<Milliseconds> last_commit_;

    // The writer's alone.
    std::optional<StorageError> poison_;
    bool is_behind_ = false; // what became of the last write is not known
};

} // namespace storage
