// A store with faults on order. What cannot fail is passed on unasked.
#pragma once

#include "storage/fault.hpp"
#include "storage/store.hpp"

#include <memory>
#include <string>
#include <vector>

namespace storage {

class FaultyStore final : public Store {
  public:
    FaultyStore(std::unique_ptr<Store> store, FaultHook hook) : store_{std::move(store)}, hook_{std::move(hook)} {}

    [[nodiscard]] std::string_view backend() const override { return store_->backend(); }
    [[nodiscard]] protocol::Durability durability() const override { return store_->durability(); }
    [[nodiscard]] DataSet data_set() const override { return store_->data_set(); }

    Result<Attachment> attach(const StreamName& stream, const std::string& pool) override;
    Result<std::vector<Outcome>> commit(std::span<const Submission> submissions) override;
    Result<CleanupStep> clean_up(Milliseconds older_than) override;

    [[nodiscard]] Position position() const override { return store_->position(); }
    [[nodiscard]] Mark mark() const override { return store_->mark(); }
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
    // A fault is told as the store's own.
    [[nodiscard]] Health health() const override;
    [[nodiscard]] std::string warning() const override { return store_->warning(); }

    void interrupt() override { store_->interrupt(); }
    Result<void> close() override;

  private:
    const std::unique_ptr<Store> store_;
    const FaultHook hook_;
};

} // namespace storage
