// When records that are old enough are removed: soon after the start, then in each interval; and never because a clock
// has jumped. The wall clock says how old a record is, and cannot be trusted alone: it is compared with the boot clock,
// which nobody sets. Pure: both clocks are handed in.
#pragma once

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

struct Clocks {
    storage::Milliseconds wall = 0; // since 1970 UTC
    std::chrono::milliseconds boot{0};
};
Clocks read_clocks();

class Retention {
  public:
    static constexpr std::chrono::minutes tolerance{1};    // between the clocks, from tick to tick
    static constexpr std::chrono::minutes first_pause{10}; // after the start: time to set a wall clock that is wrong

    Retention(std::chrono::hours interval, std::chrono::days history, const Clocks& start)
        : interval_{interval},
          history_{history},
          last_{start},
          due_{start.boot + first_pause} {}

    enum class Warning : std::uint8_t {
        clocks_parted,  // since the last tick: nothing is removed for an interval
        wall_is_behind, // the last record came later than now: nothing is removed until it has not
    };
    struct Advice {
        std::optional<storage::Milliseconds> older_than; // to be removed now
        std::optional<Warning> warning;                  // told once
    };
    // About once a minute. `last_commit`: the wall clock at the last commit, if there was one.
    Advice tick(const Clocks& now, std::optional<storage::Milliseconds> last_commit);

  private:
    std::chrono::milliseconds interval_;
    std::chrono::milliseconds history_;
    Clocks last_;
    std::chrono::milliseconds due_; // by the boot clock
    bool was_behind_ = false;
};

} // namespace role
