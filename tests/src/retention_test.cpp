// When what is old is removed, by the two clocks that the test hands in.

#include "src/retention.hpp"
#include "src/trusted_clock.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <optional>

using namespace std::chrono_literals;
using role::Clocks;
using role::Retention;
using role::TrustedClock;

namespace {

constexpr storage::Milliseconds noon = 1'767'268'800'000;

// A machine whose clocks go on as the test says.
struct Machine {
    Clocks clocks{.wall = noon, .boot = 5h};
    TrustedClock clock{clocks};
    Retention retention;
    std::optional<storage::Milliseconds> last_commit = {};
    int warnings = 0;

    explicit Machine(std::chrono::hours interval = 24h, std::chrono::days history = std::chrono::days{30})
        : retention{interval, history, clocks, clock} {}
    Machine(const Machine&) = delete; // the parts refer to each other
    Machine& operator=(const Machine&) = delete;
    ~Machine() = default;

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
    for (const auto days : {std::chrono::days{3}, std::chrono::days{30}}) {
        Machine machine{24h, days};
        for (int i = 0; i < 9; ++i) CHECK_FALSE(machine.minute());
        const auto older_than = machine.minute();
        REQUIRE(older_than.has_value());
        CHECK(machine.clocks.wall - *older_than == std::chrono::milliseconds{days}.count());
    }
}

TEST_CASE("the interval is the one that was set") {
    Machine machine{1h};
    CHECK(machine.minutes_until_removal(day) == 10);
    CHECK(machine.minutes_until_removal(day) == 60);
    CHECK(machine.minutes_until_removal(day) == 60);
}

TEST_CASE("a wall clock that has jumped removes nothing, however long ago it was, and each interval it is told") {
    for (const auto jump : {std::chrono::milliseconds{61s}, std::chrono::milliseconds{-61s},
                            std::chrono::milliseconds{std::chrono::days{365}}, std::chrono::milliseconds{-1h}}) {
        CAPTURE(jump.count());
        Machine machine;
        for (int i = 0; i < 9; ++i) machine.minute();
        CHECK_FALSE(machine.minute(jump));
        CHECK(machine.warnings == 1);
        CHECK(machine.minutes_until_removal(day - 1) == -1);
        CHECK(machine.warnings == 1);
        CHECK(machine.minutes_until_removal(10 * day) == -1);
        CHECK(machine.warnings == 11);
    }
}

TEST_CASE("a wall clock that is set back to where it would be is believed again, within an interval") {
    Machine machine;
    machine.minute(48h);
    CHECK(machine.minutes_until_removal(5 * day) == -1);
    CHECK(machine.warnings == 6);
    const auto back = -std::chrono::milliseconds{48h} + 59s; // nobody sets a clock to the millisecond
    REQUIRE_FALSE(machine.minute(back));
    CHECK(machine.minutes_until_removal(2 * day) == day - 1);
    CHECK(machine.minutes_until_removal(2 * day) == day);
    CHECK(machine.warnings == 6);
    machine.minute(-48h); // another parting
    CHECK(machine.warnings == 7);
}

TEST_CASE("a wall clock that jumps on, or part of the way back, has still jumped") {
    Machine machine;
    machine.minute(40s);
    CHECK(machine.warnings == 0);
    machine.minute(24h);
    machine.minute(24h);
    machine.minute(-47h);
    CHECK(machine.minutes_until_removal(2 * day) == -1);
}

TEST_CASE("a role that is started after the jump believes the wall clock") {
    Machine machine;
    machine.minute(std::chrono::days{365});
    REQUIRE(machine.minutes_until_removal(day) == -1);
    TrustedClock clock{machine.clocks};
    Retention restarted{24h, std::chrono::days{30}, machine.clocks, clock};
    machine.clocks.boot += Retention::first_pause;
    machine.clocks.wall += std::chrono::milliseconds{Retention::first_pause}.count();
    CHECK(restarted.tick(machine.clocks, std::nullopt).older_than.has_value());
}

TEST_CASE("the clock is trusted as long as it goes on with the other, whoever looks, and however seldom") {
    const Clocks start{.wall = noon, .boot = 5h};
    const auto after = [&](std::chrono::milliseconds boot, std::chrono::milliseconds wall) {
        return Clocks{.wall = noon + static_cast<storage::Milliseconds>(wall.count()), .boot = start.boot + boot};
    };
    TrustedClock clock{start};
    CHECK(clock.look(start));
    CHECK(clock.look(after(30 * 24h, 30 * 24h + 1min)));
    CHECK(clock.look(after(60 * 24h, 60 * 24h + 2min)));
    CHECK_FALSE(clock.look(after(60 * 24h, 61 * 24h)));
    CHECK_FALSE(clock.look(after(60 * 24h, 61 * 24h)));
    CHECK_FALSE(clock.look(after(90 * 24h, 91 * 24h)));
    CHECK_FALSE(clock.look(after(90 * 24h, 89 * 24h)));
    CHECK_FALSE(clock.look({.wall = 0, .boot = after(90 * 24h, 0h).boot}));
    CHECK(clock.look(after(90 * 24h, 90 * 24h + 3min)));
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
