// What a store's schema holds: tables as SQLite's have them, and the days by which shares are kept apart. Positions
// ascend through all tables of records; integers of 64 bits are kept in two's complement, times in milliseconds since
// 1970 UTC.
#pragma once

#include "storage/store.hpp"

#include <cstdint>
#include <string>

namespace storage::postgres {

inline constexpr std::uint32_t schema_version = 3;

// Tables and views, in the schema that the session's search_path names.
std::string schema();

using Day = std::int64_t; // since 1970 UTC, of arrival

inline constexpr std::int64_t day_length = 24LL * 3600 * 1000; // ms

inline constexpr Day no_day =
    -1; // of what lies behind the year 9999: two partitions, since 2^63 and more is below 0 there

Day day_of(Milliseconds received_at);

// The name of the day's partition of shares.
std::string partition_of(Day day);

// Makes it.
std::string partition(Day day);

} // namespace storage::postgres
