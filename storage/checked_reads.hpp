// Reading from an engine, and believing nothing: what comes back is what was asked for and what was written, or
// `corrupt`.
#pragma once

#include "storage/engine.hpp"

#include <cstddef>
#include <optional>
#include <vector>

namespace storage {

// Records can be large: a slice of them must fit in memory.
inline constexpr std::size_t entries_at_once = 256;

// The entries that are there from `first` to `last`, as many as fit in a slice.
Result<std::vector<LogEntry>> read_slice(const Engine& engine, Position first, Position last);

// The same, and none is missing: they begin with `first` and have no gaps, at least one.
Result<std::vector<LogEntry>> read_whole_slice(const Engine& engine, Position first, Position last);

// Nothing if it is not there.
Result<std::optional<LogEntry>> read_one(const Engine& engine, Position position);

Result<std::vector<LogEntry>> scan_records(const Engine& engine, const RecordScan& scan);

Result<std::vector<HourRow>> read_hours_of(const Engine& engine, const HourScan& scan);

} // namespace storage
