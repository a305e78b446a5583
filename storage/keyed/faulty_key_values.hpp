// A key-value store with faults on order: around commits, snapshots, and every step of a cursor.
#pragma once

#include "storage/fault.hpp"
#include "storage/keyed/key_values.hpp"

#include <memory>
#include <string>
#include <string_view>

namespace storage::keyed {

class FaultyKeyValues final : public KeyValues {
  public:
    // The store is shared, so that a test can open again what is there.
    FaultyKeyValues(std::shared_ptr<KeyValues> values, FaultHook hook)
        : values_{std::move(values)},
          hook_{std::move(hook)} {}

    [[nodiscard]] std::string_view name() const override { return values_->name(); }
    Result<void> commit(const Batch& batch) override;
    Result<std::unique_ptr<Snapshot>> snapshot() override;
    [[nodiscard]] std::string warning() const override { return values_->warning(); }
    Result<void> close() override;

  private:
    const std::shared_ptr<KeyValues> values_;
    const FaultHook hook_;
};

} // namespace storage::keyed
