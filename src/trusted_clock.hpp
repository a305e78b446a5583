// Whether the wall clock can be believed: it is compared with the boot clock, which nobody sets. Pure: both are handed
// in.
#pragma once

#include "storage/store.hpp"

#include <chrono>
#include <cstdint>

namespace role {

struct Clocks {
    storage::Milliseconds wall = 0; // since 1970 UTC
    std::chrono::milliseconds boot{0};
};
Clocks read_clocks();

class TrustedClock {
  public:
    static constexpr std::chrono::minutes tolerance{1}; // from look to look: a clock is set right in small steps

    explicit TrustedClock(const Clocks& start) : agreed_{offset(start)} {}

    // Whether the clocks still agree. After a jump they do not, however long ago it was, until the wall clock is set
    // back to where it would be without.
    bool look(const Clocks& now) {
        const auto found = offset(now);
        if (std::chrono::abs(found - agreed_) > tolerance) return false;
        agreed_ = found;
        return true;
    }

  private:
    static std::chrono::milliseconds offset(const Clocks& clocks) {
        return std::chrono::milliseconds{static_cast<std::int64_t>(clocks.wall)} - clocks.boot;
    }

    std::chrono::milliseconds agreed_; // when they last did
};

} // namespace role
