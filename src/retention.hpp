// When records that are old enough are removed: soon after the start, then in each interval; and never because a clock
// has jumped. Pure: the clocks are handed in.
#pragma once

#include "src/trusted_clock.hpp"
#include "storage/store.hpp"

#include <chrono>
#include <cstdint>
#include <optional>

namespace role {

// Duplicates are told from the records of so long: none that is younger may go.
inline constexpr std::chrono::hours duplicate_window{72};

// What arrived before this may be removed, and nothing else.
inline storage::Milliseconds youngest_to_remove(storage::Milliseconds now) {
    constexpr auto window = static_cast<storage::Milliseconds>(std::chrono::milliseconds{duplicate_window}.count());
    return now > window ? now - window : 0;
}

class Retention {
  public:
    static constexpr std::chrono::minutes first_pause{10}; // after the start: time to set a wall clock that is wrong

    // `clock` must outlive it.
    Retention(std::chrono::hours interval, std::chrono::days history, const Clocks& start, TrustedClock& clock)
        : interval_{interval},
          history_{history},
          clock_{clock},
          due_{start.boot + first_pause} {}

    enum class Warning : std::uint8_t {
        clocks_parted,  // nothing is removed until they agree again; told again after each interval
        wall_is_behind, // the last record came later than now: nothing is removed until it has not; told once
    };
    struct Advice {
        std::optional<storage::Milliseconds> older_than; // to be removed now
        std::optional<Warning> warning;
    };
    // About once a minute. `last_commit`: the wall clock at the last commit, if there was one.
    Advice tick(const Clocks& now, std::optional<storage::Milliseconds> last_commit);

  private:
    std::chrono::milliseconds interval_;
    std::chrono::milliseconds history_;
    TrustedClock& clock_;
    std::chrono::milliseconds due_; // by the boot clock
    bool have_parted_ = false;
    bool was_behind_ = false;
};

} // namespace role
