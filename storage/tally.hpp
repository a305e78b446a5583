// What the records of a channel add up to.
#pragma once

#include "protocol/records.hpp"
#include "protocol/storage_requests.hpp"
#include "protocol/verdict.hpp"
#include "storage/store.hpp"

#include <cstdint>
#include <tuple>

namespace storage {

struct Tally {
    protocol::Totals totals;
    Position newest_share = 0; // the one that totals.last_sequence_number is of

    static constexpr auto fields(auto& s) {
        return std::tuple{protocol::Field{"totals", s.totals}, protocol::Field{"newest_share", s.newest_share}};
    }
    bool operator==(const Tally&) const = default;
};

// Blocks are not counted here: whether one is new takes more than the share that found it.
void add(Tally& tally, const protocol::Share& share, protocol::Verdict verdict, Milliseconds time, Position position);

void add(Tally& tally, const Tally& other);

} // namespace storage
