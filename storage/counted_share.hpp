// Where a share's hash was accepted before.
#pragma once

#include "storage/engine.hpp"

#include <cstdint>
#include <vector>

namespace storage {

// Whether the entry is an accepted share that counts, with this hash.
bool counts(const LogEntry& entry, const protocol::U256& hash);

// The channels with such an entry at a position up to `cut`, but for those that are gone: up to `gone`, unless they
// outlive. The fingerprint only leads there: each is read and checked.
Result<std::vector<std::uint32_t>> channels_that_count(const Engine& engine, std::uint64_t fingerprint,
                                                       const protocol::U256& hash, Position cut, Position gone);

} // namespace storage
