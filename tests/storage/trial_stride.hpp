// How many of many like trials are made.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <iostream>

// From one trial to the next: 1, or what TRIAL_STRIDE in the environment says. Sanitizers look at code, and most trials
// go through the same.
inline int trial_stride() {
    const char* const given = std::getenv("TRIAL_STRIDE");
    return given == nullptr ? 1 : std::max(1, std::atoi(given));
}

// For whoever reads the suite's output: that a trial was none would not be seen.
inline void print_injected(int failures) {
    std::cout << "# " << failures << " injected failures\n";
}
