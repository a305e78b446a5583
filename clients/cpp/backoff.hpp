// How long to wait before the next attempt: doubled each time, from 100 ms to 5 s or less, and up to half of it taken
// off at random, so that the clients of a role that restarts do not come back all at once.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace client {

class Backoff {
  public:
    static constexpr std::chrono::milliseconds shortest{100};
    static constexpr std::chrono::milliseconds longest{5000};

    explicit Backoff(std::chrono::milliseconds limit = longest) : limit_{limit} {}

    // `random`: any number.
    std::chrono::milliseconds next(std::uint64_t random) {
        const auto whole = next_;
        next_ = std::min(next_ * 2, limit_);
        return whole - std::chrono::milliseconds{random % static_cast<std::uint64_t>(whole.count() / 2 + 1)};
    }
    void reset() { next_ = shortest; }

  private:
    std::chrono::milliseconds limit_;
    std::chrono::milliseconds next_ = shortest;
};

} // namespace client
