// How many log lines strangers may cause: without a limit a peer that is refused in a loop fills the disk.
// Time is handed in.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <utility>

namespace role {

class LogBudget {
  public:
    using Clock = std::chrono::steady_clock;

    // At most `lines` in each `period`.
    LogBudget(std::uint32_t lines, Clock::duration period) : lines_{lines}, period_{period} {}

    // How many lines were left out since the last one that was written, if one may be written now.
    std::optional<std::uint64_t> take(Clock::time_point now) {
        if (now - period_start_ >= period_) {
            period_start_ = now;
            taken_ = 0;
        }
        if (taken_ == lines_) {
            ++left_out_;
            return std::nullopt;
        }
        ++taken_;
        return std::exchange(left_out_, 0);
    }

  private:
    std::uint32_t lines_;
    Clock::duration period_;
    Clock::time_point period_start_{};
    std::uint32_t taken_ = 0;
    std::uint64_t left_out_ = 0;
};

} // namespace role
