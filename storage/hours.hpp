// What records add up to hour by hour of their effective time, for each channel and each user.
#pragma once

#include "protocol/storage_requests.hpp"
#include "storage/engine.hpp"
#include "storage/tally.hpp"

#include <compare>
#include <cstdint>
#include <map>
#include <vector>

namespace storage {

// Since 1970 UTC. What lies beyond the last number is in the last hour.
std::uint32_t hour_of(Milliseconds time);
Milliseconds first_of_hour(std::uint32_t hour);
Milliseconds last_of_hour(std::uint32_t hour); // inclusive

class HourSums {
  public:
    struct Name {
        protocol::Subject subject{};
        std::uint32_t number = 0; // of the channel or user
        std::uint32_t hour = 0;

        auto operator<=>(const Name&) const = default;
    };

    // `record` is what the entry adds up to by itself; `user` the number of the share's user, or 0.
    void add(const LogEntry& entry, const Tally& record, std::uint32_t user);

    [[nodiscard]] const std::map<Name, Tally>& sums() const { return sums_; }
    // Of the run that ends there, with their checksums.
    [[nodiscard]] std::vector<HourRow> rows(Position run) const;

  private:
    std::map<Name, Tally> sums_;
};

} // namespace storage
