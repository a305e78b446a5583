// How a database that keeps entries by position finds them by their numbers in a stream: numbers come in order, so that
// a row for each stretch of them is enough.
#pragma once

#include "storage/engine.hpp"

#include <cstdint>
#include <vector>

namespace storage {

// Entries of one stream whose numbers and positions follow each other.
struct Stretch {
    std::uint32_t stream = 0;
    std::uint64_t first_sequence = 0;
    Position first_position = 0;
    std::uint64_t count = 0;
};

// As few as cover all.
inline std::vector<Stretch> stretches_of(const std::vector<LogEntry>& entries) {
    std::vector<Stretch> all;
    for (const LogEntry& entry : entries) {
        const bool goes_on = !all.empty() && entry.stream == all.back().stream &&
                             entry.sequence == all.back().first_sequence + all.back().count &&
                             entry.position == all.back().first_position + all.back().count;
        if (goes_on)
            ++all.back().count;
        else
            all.push_back({.stream = entry.stream,
                           .first_sequence = entry.sequence,
                           .first_position = entry.position,
                           .count = 1});
    }
    return all;
}

} // namespace storage
