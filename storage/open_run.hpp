// A run in the making: entries are added to it one by one, in the order of their positions.
#pragma once

#include "storage/engine.hpp"
#include "storage/hours.hpp"
#include "storage/tally.hpp"

#include <cstdint>
#include <vector>

namespace storage {

class OpenRun {
  public:
    // `record` and `user` as HourSums::add(), and nothing for bytes that are no record.
    void add(const LogEntry& entry, const Tally& record, std::uint32_t user);

    [[nodiscard]] bool is_empty() const { return run_.last == 0; }
    [[nodiscard]] const HourSums& hours() const { return hours_; }
    // As far as it has come; its chain is left to whoever walks it.
    [[nodiscard]] const Run& run() const { return run_; }

    // Into what is to be written, with the chain's link at its end.
    void close(Transaction& transaction, const ChainLink& chain) const;

  private:
    Run run_;
    HourSums hours_;
};

} // namespace storage
