// How many of the calls that may fail do.
#pragma once

#include <algorithm>
#include <cstdlib>

// From one call that fails to the next: 1, or what FAULT_STRIDE in the environment says. Sanitizers look at code, and
// most of these calls fail in the same.
inline int fault_stride() {
    const char* const given = std::getenv("FAULT_STRIDE");
    return given == nullptr ? 1 : std::max(1, std::atoi(given));
}
