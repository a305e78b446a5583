// Times, in buckets of a sixteenth of an octave: a percentile is right to 4.5 %, whatever the number of times.
#pragma once

#include <array>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>

namespace mock_pool {

class Latencies {
  public:
    void add(std::chrono::microseconds time, std::uint64_t count) {
        const double octaves = std::log2(static_cast<double>(time.count()) + 1);
        const auto bucket = static_cast<std::size_t>(octaves * buckets_per_octave);
        counts_[bucket < counts_.size() ? bucket : counts_.size() - 1] += count;
        total_ += count;
    }

    // Milliseconds below which `share` of the times lie (0.99 for the 99th percentile); 0 of no times.
    [[nodiscard]] double percentile(double share) const {
        std::uint64_t below = 0;
        for (std::size_t bucket = 0; bucket < counts_.size(); ++bucket) {
            below += counts_[bucket];
            if (total_ > 0 && static_cast<double>(below) >= share * static_cast<double>(total_))
                return (std::exp2(static_cast<double>(bucket + 1) / buckets_per_octave) - 1) / 1000;
        }
        return 0;
    }

  private:
    static constexpr double buckets_per_octave = 16;
    std::array<std::uint64_t, 16 * 40> counts_{}; // up to 2^40 us, which is 12 days
    std::uint64_t total_ = 0;
};

} // namespace mock_pool
