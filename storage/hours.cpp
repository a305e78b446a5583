#include "storage/hours.hpp"

#include "storage/integrity.hpp"

#include <algorithm>
#include <limits>

namespace storage {

namespace {

constexpr Milliseconds hour_length = 3'600'000;
constexpr std::uint32_t last_hour = std::numeric_limits<std::uint32_t>::max();

} // namespace

std::uint32_t hour_of(Milliseconds time) {
    return static_cast<std::uint32_t>(std::min(time / hour_length, Milliseconds{last_hour}));
}

Milliseconds first_of_hour(std::uint32_t hour) {
    return hour * hour_length;
}

Milliseconds last_of_hour(std::uint32_t hour) {
    return hour == last_hour ? std::numeric_limits<Milliseconds>::max() : first_of_hour(hour) + hour_length - 1;
}

void HourSums::add(const LogEntry& entry, const Tally& record, std::uint32_t user) {
    const std::uint32_t hour = hour_of(entry.time);
    storage::add(sums_[{.subject = protocol::Subject::channel, .number = entry.channel, .hour = hour}], record);
    if (user != 0) storage::add(sums_[{.subject = protocol::Subject::user, .number = user, .hour = hour}], record);
}

std::vector<HourRow> HourSums::rows(Position run) const {
    std::vector<HourRow> rows;
    rows.reserve(sums_.size());
    for (const auto& [name, tally] : sums_) {
        HourRow& row = rows.emplace_back();
        row.subject = name.subject;
        row.number = name.number;
        row.hour = name.hour;
        row.run = run;
        row.tally = tally;
        row.checksum = checksum_of(row);
    }
    return rows;
}

} // namespace storage
