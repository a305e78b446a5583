// When what is old is removed, by the two clocks that the test hands in.

#include "src/retention.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <optional>

using namespace std::chrono_literals;
using role::Clocks;
using role::Retention;

namespace {

constexpr storage::Milliseconds noon = 1'767'268'800'000;

// A machine whose clocks go on as the test says.
struct Machine {
    Clocks clocks{.wall = noon, .boot = 5h};
    Retention retention{24h, std::chrono::days{30}, clocks};
    std::optional<storage::Milliseconds> last_commit = {};
    int warnings = 0;

    // The next minute's tick; what is to be removed.
    std::optional<storage::Milliseconds> minute(std::chrono::milliseconds jump = 0ms) {
        clocks.boot += 1min;
        clocks.wall += static_cast<storage::Milliseconds>((1min + jump).count());
        const auto advice = retention.tick(clocks, last_commit);
        if (advice.warning) ++warnings;
        return advice.older_than;
    }
    // How many minutes go by before something is removed; at most `limit`.
    int minutes_until_removal(int limit) {
        for (int minutes = 1; minutes <= limit; ++minutes)
            if (minute()) return minutes;
        return -1;
    }
};

constexpr int day = 24 * 60;

} // namespace

TEST_CASE("what is too old is removed ten minutes after the start, and then once in each interval") {
    Machine machine;
    CHECK(machine.minutes_until_removal(day) == 10);
    CHECK(machine.minutes_until_removal(2 * day) == day);
    CHECK(machine.minutes_until_removal(2 * day) == day);
    CHECK(machine.warnings == 0);
}

TEST_CASE("too old is what came longer ago by the wall clock than the history is long") {
    Machine machine;
    for (int i = 0; i < 9; ++i) CHECK_FALSE(machine.minute());
    const auto older_than = machine.minute();
    REQUIRE(older_than.has_value());
    CHECK(machine.clocks.wall - *older_than == std::chrono::milliseconds{std::chrono::days{30}}.count());
}

TEST_CASE("a wall clock that has jumped removes nothing until both clocks have agreed for a whole interval") {
    for (const auto jump : {std::chrono::milliseconds{61s}, std::chrono::milliseconds{-61s},
                            std::chrono::milliseconds{std::chrono::days{365}}, std::chrono::milliseconds{-1h}}) {
        CAPTURE(jump.count());
        Machine machine;
        for (int i = 0; i < 9; ++i) machine.minute();
        CHECK_FALSE(machine.minute(jump));
        CHECK(machine.warnings == 1);
        CHECK(machine.minutes_until_removal(2 * day) == day);
        CHECK(machine.warnings == 1);
    }
}

TEST_CASE("a second jump begins the interval anew, and one back is a jump, too") {
    Machine machine;
    machine.minute(48h);
    CHECK(machine.minutes_until_removal(day - 1) == -1);
    machine.minute(-48h);
    CHECK(machine.warnings == 2);
    CHECK(machine.minutes_until_removal(2 * day) == day);
}

TEST_CASE("clocks that part by a minute and not more in a tick are believed: a clock is set right in small steps") {
    Machine machine;
    for (int i = 0; i < 9; ++i) CHECK_FALSE(machine.minute(i % 2 == 0 ? 60s : -60s));
    CHECK(machine.minute().has_value());
    CHECK(machine.warnings == 0);
}

TEST_CASE("a tick that comes hours late is no jump if both clocks say so: the machine was asleep") {
    Machine machine;
    machine.clocks.boot += 7h;
    machine.clocks.wall += std::chrono::milliseconds{7h}.count();
    CHECK(machine.retention.tick(machine.clocks, std::nullopt).older_than.has_value());
}

TEST_CASE("nothing is removed while the wall clock stands before the last commit") {
    Machine machine;
    machine.last_commit = noon + static_cast<storage::Milliseconds>(std::chrono::milliseconds{20min}.count());
    CHECK(machine.minutes_until_removal(day) == 20);
    CHECK(machine.warnings == 1);
}

TEST_CASE("a wall clock that stands closer to 1970 than the history is long removes nothing") {
    Machine machine;
    machine.clocks.wall = 1000;
    machine.minute();
    CHECK(machine.minutes_until_removal(2 * day) == -1);
}

TEST_CASE("what is younger than 72 hours is never removed") {
    CHECK(role::youngest_to_remove(noon) == noon - 72 * 3'600'000ULL);
    CHECK(role::youngest_to_remove(1000) == 0);
}

TEST_CASE("the boot clock goes on, and the wall clock is in this century") {
    const auto first = role::read_clocks();
    const auto second = role::read_clocks();
    CHECK(second.boot >= first.boot);
    CHECK(first.boot > 0ms);
    CHECK(first.wall > noon - 1000 * 86'400'000ULL);
}
