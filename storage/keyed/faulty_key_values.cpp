#include "storage/keyed/faulty_key_values.hpp"

#include <array>
#include <utility>

namespace storage::keyed {

namespace {

using protocol::ByteView;

class FaultyCursor final : public Cursor {
  public:
    FaultyCursor(Cursor& cursor, const FaultHook& hook) : cursor_{cursor}, hook_{hook} {}

    Result<bool> seek(ByteView key) override {
        return with_faults(hook_, "seek", [&] { return cursor_.seek(key); });
    }
    Result<bool> seek_back(ByteView key) override {
        return with_faults(hook_, "seek_back", [&] { return cursor_.seek_back(key); });
    }
    Result<bool> next() override {
        return with_faults(hook_, "next", [&] { return cursor_.next(); });
    }
    Result<bool> previous() override {
        return with_faults(hook_, "previous", [&] { return cursor_.previous(); });
    }
    [[nodiscard]] ByteView key() const override { return cursor_.key(); }
    [[nodiscard]] ByteView value() const override { return cursor_.value(); }

  private:
    Cursor& cursor_;
    const FaultHook& hook_;
};

class FaultySnapshot final : public Snapshot {
  public:
    FaultySnapshot(std::unique_ptr<Snapshot> snapshot, const FaultHook& hook)
        : snapshot_{std::move(snapshot)},
          hook_{hook} {}

    Result<Cursor*> cursor(Table table) override {
        auto& cursor = cursors_.at(static_cast<std::size_t>(table));
        if (cursor) return cursor.get();
        auto inner = with_faults(hook_, "cursor", [&] { return snapshot_->cursor(table); });
        if (!inner) return inner;
        cursor = std::make_unique<FaultyCursor>(**inner, hook_);
        return cursor.get();
    }

  private:
    std::unique_ptr<Snapshot> snapshot_;
    const FaultHook& hook_;
    std::array<std::unique_ptr<FaultyCursor>, table_names.size()> cursors_;
};

} // namespace

Result<void> FaultyKeyValues::commit(const Batch& batch) {
    return with_faults(hook_, "commit", [&] { return values_->commit(batch); });
}

Result<std::unique_ptr<Snapshot>> FaultyKeyValues::snapshot() {
    auto snapshot = with_faults(hook_, "snapshot", [&] { return values_->snapshot(); });
    if (!snapshot) return snapshot;
    return std::make_unique<FaultySnapshot>(*std::move(snapshot), hook_);
}

Result<void> FaultyKeyValues::close() {
    return with_faults(hook_, "close", [&] { return values_->close(); });
}

} // namespace storage::keyed
