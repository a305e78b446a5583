// How many bytes all sessions together may have in flight: what a session is granted, nobody else is. The more is
// granted already, the smaller is the next window, so that many sessions fit.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace role {

class WindowBudget {
  public:
    static constexpr std::size_t largest = std::size_t{4} * 1024 * 1024;
    static constexpr std::size_t smallest = std::size_t{256} * 1024;

    // `ceiling` in bytes.
    explicit WindowBudget(std::size_t ceiling) : free_{ceiling} {}

    // A window in bytes; nothing if no useful one is left. To be given back to release().
    std::optional<std::size_t> grant() {
        const std::size_t window = std::clamp(free_ / 8, smallest, largest);
        if (window > free_) return std::nullopt;
        free_ -= window;
        return window;
    }
    void release(std::size_t window) { free_ += window; }

  private:
    std::size_t free_;
};

} // namespace role
