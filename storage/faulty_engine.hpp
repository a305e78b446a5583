// An engine with faults on order. What cannot fail is passed on unasked.
#pragma once

#include "storage/engine.hpp"
#include "storage/fault.hpp"

#include <memory>
#include <vector>

namespace storage {

class FaultyEngine final : public Engine {
  public:
    // The engine is shared, so that a test can open what one store has left behind with another.
    FaultyEngine(std::shared_ptr<Engine> engine, FaultHook hook) : engine_{std::move(engine)}, hook_{std::move(hook)} {}

    [[nodiscard]] std::string_view name() const override { return engine_->name(); }
    [[nodiscard]] protocol::Durability durability() const override { return engine_->durability(); }

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

    [[nodiscard]] std::string warning() const override { return engine_->warning(); }
    void interrupt() override { engine_->interrupt(); }
    Result<void> close() override;

  private:
    const std::shared_ptr<Engine> engine_;
    const FaultHook hook_;
};

} // namespace storage
