#include "src/retention.hpp"

#include <ctime>

#include <utility>

namespace role {

namespace {

std::chrono::milliseconds read(clockid_t clock) {
    timespec time{};
    ::clock_gettime(clock, &time); // cannot fail for the two clocks below
    return std::chrono::milliseconds{std::chrono::seconds{time.tv_sec}} +
           std::chrono::floor<std::chrono::milliseconds>(std::chrono::nanoseconds{time.tv_nsec});
}

} // namespace

Clocks read_clocks() {
    return {.wall = static_cast<storage::Milliseconds>(read(CLOCK_REALTIME).count()), .boot = read(CLOCK_BOOTTIME)};
}

Retention::Advice Retention::tick(const Clocks& now, std::optional<storage::Milliseconds> last_commit) {
    const Clocks before = std::exchange(last_, now);
    const std::chrono::milliseconds wall_step{static_cast<std::int64_t>(now.wall - before.wall)};
    if (std::chrono::abs(wall_step - (now.boot - before.boot)) > tolerance) {
        due_ = now.boot + interval_;
        return {.older_than = {}, .warning = Warning::clocks_parted};
    }
    if (now.boot < due_) return {};
    if (last_commit && now.wall < *last_commit) {
        if (std::exchange(was_behind_, true)) return {};
        return {.older_than = {}, .warning = Warning::wall_is_behind};
    }
    was_behind_ = false;
    due_ = now.boot + interval_;
    const auto history = static_cast<storage::Milliseconds>(history_.count());
    if (now.wall < history) return {};
    return {.older_than = now.wall - history, .warning = {}};
}

} // namespace role
