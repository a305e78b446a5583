// How many lines strangers may cause.

#include "src/log_budget.hpp"

#include <doctest/doctest.h>

using namespace std::chrono_literals;

TEST_CASE("a period's lines are bounded; the next period says how many were left out") {
    role::LogBudget budget{2, 1min};
    const role::LogBudget::Clock::time_point start{1h};
    CHECK(budget.take(start) == 0);
    CHECK(budget.take(start + 59s) == 0);
    CHECK_FALSE(budget.take(start + 59s).has_value());
    CHECK_FALSE(budget.take(start + 59s).has_value());
    CHECK(budget.take(start + 60s) == 2);
    CHECK(budget.take(start + 60s) == 0);
    CHECK_FALSE(budget.take(start + 61s).has_value());
}
