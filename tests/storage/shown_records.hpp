// What the suites of the views store.
#pragma once

#include "tests/storage/engine_log.hpp"

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string>

namespace shown_records {

using namespace engine_scene;

inline constexpr std::uint64_t two_to_63 = std::uint64_t{1} << 63U;

// Bytes 01 02 03 ... 20, which are displayed the other way round.
inline protocol::U256 counted() {
    protocol::U256 hash;
    for (std::size_t i = 0; i < hash.bytes.size(); ++i) hash.bytes.at(i) = static_cast<std::uint8_t>(i + 1);
    return hash;
}
inline const std::string counted_text = "201f1e1d1c1b1a191817161514131211100f0e0d0c0b0a090807060504030201";
inline const std::string zero_text(64, '0');

inline protocol::Share share_of(const std::string& channel, std::uint32_t sequence_number, std::uint64_t work) {
    protocol::Share share = engine_scene::share(sequence_number, channel);
    share.share_work = work;
    share.timestamp = noon + sequence_number * 1000 + 999; // the seconds are cut off
    return share;
}

inline protocol::ShareAccounting report(const std::string& channel, std::uint64_t number) {
    return {.channel_id = {channel},
            .last_share_sequence_number = static_cast<std::uint32_t>(number),
            .shares_accepted = number,
            .share_work_sum = number,
            .best_difficulty = std::bit_cast<std::uint64_t>(2.5),
            .rejects = {},
            .timestamp = noon,
            .label = {}};
}

inline protocol::AccountingDeleted deletion(const std::string& channel) {
    return {.channel_id = {channel}, .timestamp = noon, .label = {}};
}

inline storage::HourRow hour_of(std::uint32_t channel, std::uint32_t hour, protocol::Totals totals,
                                Position newest_share) {
    storage::HourRow row{.subject = protocol::Subject::channel, .number = channel, .hour = hour, .run = 0, .tally = {}};
    row.tally.totals = totals;
    row.tally.newest_share = newest_share;
    return row;
}

} // namespace shown_records
