#include "src/trusted_clock.hpp"

#include <ctime>

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

} // namespace role
