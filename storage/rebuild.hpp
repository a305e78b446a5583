// The state that a store's contents say.
#pragma once

#include "storage/engine.hpp"
#include "storage/state.hpp"

namespace storage {

// From what was saved, and the log behind it; if that is not whole, from all of the log that is there and the sums of
// what is not. `corrupt` if the log is not what was written, as far as it is read.
Result<State> build_state(const Engine& engine, const Contents& contents);

} // namespace storage
