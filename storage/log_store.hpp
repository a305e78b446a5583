// The store over any engine: it judges what is submitted, keeps what the log adds up to, and answers from both.
#pragma once

#include "storage/cleanup.hpp"
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
    // every `save_interval` records, which are a run then, and when the store is closed; the records behind that are
    // read again here. `place` is where it is, for a person who has to mend it; empty if that is nowhere.
    static Result<std::unique_ptr<LogStore>> open(std::unique_ptr<Engine> engine, Position save_interval = 100'000,
                                                  std::string place = {});

    [[nodiscard]] std::string_view backend() const override { return engine_->name(); }
    [[nodiscard]] protocol::Durability durability() const override { return engine_->durability(); }
    [[nodiscard]] DataSet data_set() const override { return data_set_; }

    Result<Attachment> attach(const StreamName& stream, const std::string& pool) override;
    Result<std::vector<Outcome>> commit(std::span<const Submission> submissions) override;
    Result<CleanupStep> clean_up(Milliseconds older_than) override;

    [[nodiscard]] Position position() const override;
    [[nodiscard]] Mark mark() const override;
    [[nodiscard]] Result<MarkFit> compare(const Mark& mark) const override;
    [[nodiscard]] Result<RecordPage> records(const RecordQuery& query) const override;
    [[nodiscard]] Result<BlockPage> blocks(const BlockQuery& query) const override;
    [[nodiscard]] Result<std::vector<bool>> are_shares_seen(const std::string& pool, const std::string& channel_id,
                                                            std::span<const protocol::U256> hashes) const override;
    [[nodiscard]] Result<std::optional<Accounting>> accounting(const std::string& pool,
                                                               const std::string& channel_id) const override;
    [[nodiscard]] Result<std::vector<Drift>> drift(const std::string& pool, const std::string& after,
                                                   std::size_t limit) const override;
    [[nodiscard]] Result<RangeTotals> channel_stats(const std::string& pool, const std::string& channel_id,
                                                    const Range& range) const override;
    [[nodiscard]] Result<PoolTotals> totals(const std::string& pool, const Range& range) const override;
    [[nodiscard]] Result<std::vector<Hour>> hours(const HoursQuery& query) const override;
    [[nodiscard]] Result<std::vector<std::string>> channels(const std::string& pool, const std::string& after,
                                                            std::size_t limit) const override;
    [[nodiscard]] Result<std::vector<std::string>> users(const std::string& pool, const std::string& after,
                                                         std::size_t limit) const override;
    [[nodiscard]] Result<std::vector<protocol::StreamState>>
    streams(const std::string& pool, const std::optional<StreamName>& after, std::size_t limit) const override;
    [[nodiscard]] Health health() const override;
    [[nodiscard]] std::string warning() const override { return engine_->warning(); }

    void interrupt() override;
    Result<void> close() override;

  private:
    // What a question is answered from: records up to `cut`, of which those up to `gone` have been taken out, or will
    // be; unless it is interrupted meanwhile.
    struct View {
        Position cut = 0;
        Position gone = 0;
        std::uint64_t interrupts = 0;
    };

    LogStore(std::unique_ptr<Engine> engine, Position save_interval, std::string place, const Contents& contents,
             State state);

    // The writer's.
    Result<void> get_ready();
    Result<void> catch_up();
    Result<void> write(const Transaction& transaction);
    Result<void> make_durable(const Transaction& transaction);
    Result<void> publish(const Transaction& transaction);
    std::unexpected<StorageError> failed(StorageError error);
    std::unexpected<StorageError> poisoned(StorageError error);

    [[nodiscard]] View view() const;
    [[nodiscard]] protocol::StoredRecord stored_record(const LogEntry& entry, protocol::Bytes bytes) const;
    [[nodiscard]] Result<void> go_on(const View& view) const;
    // The error, which is kept for health() if it is damage. From any thread.
    std::unexpected<StorageError> noticed(StorageError error) const;
    // The answer, asked for again if more was declared gone meanwhile: it may have been taken out already.
    template <class Question> auto undisturbed(Question question) const -> decltype(question());
    [[nodiscard]] Result<RecordPage> page(const RecordQuery& query) const;
    // Of the blocks behind `before`, the next that belong to the answer, and their records' positions.
    struct Told {
        KnownBlock block;
        std::optional<KnownStatus> status;
    };
    [[nodiscard]] std::vector<Told> told(const BlockQuery& query, const RecordCursor& before) const;
    [[nodiscard]] Result<protocol::FoundBlock> found_block(const Told& told) const;
    // Nothing if it is not the channel's last any more.
    [[nodiscard]] Result<std::optional<Report>> read_report(std::uint32_t channel, const KnownReport& known) const;

    const std::unique_ptr<Engine> engine_;
    const Position save_interval_;
    const std::string place_;
    const DataSet data_set_;
    const FingerprintKey fingerprint_key_;
    std::atomic<std::uint64_t> interrupts_ = 0;

    // Only the writer changes these, with mutex_ held; it reads them without.
    mutable SharedMutex mutex_; // never held during a call of the engine
    State state_;
    std::optional<StorageError> failure_; // of the last write, until one succeeds
    mutable std::string damage_;          // the last that was met; any thread's to change
    std::optional<Milliseconds> last_commit_;

    // The writer's alone.
    Cleanup cleanup_;
    std::optional<StorageError> poison_;
    bool is_behind_ = false; // what became of the last write is not known
};

template <class Question> auto LogStore::undisturbed(Question question) const -> decltype(question()) {
    for (;;) {
        const Position gone = view().gone;
        auto answer = question();
        const bool is_interrupted = !answer && answer.error().kind == StorageError::Kind::unavailable;
        if (!is_interrupted && view().gone != gone) continue;
        if (!answer) return noticed(std::move(answer).error());
        return answer;
    }
}

} // namespace storage
