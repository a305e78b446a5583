// What a fuzz target claims.
#pragma once

#include <cstdlib>

namespace fuzz {

inline void check(bool holds) {
    if (!holds) std::abort();
}

} // namespace fuzz
