// What the records of a channel add up to.
#pragma once

#include "protocol/records.hpp"
#include "protocol/storage_requests.hpp"
#include "protocol/verdict.hpp"
#include "storage/store.hpp"

#include <cstdint>

namespace storage {

struct Tally {
    protocol::Totals totals;
    Position newest_share = 0; // the one that totals.last_sequence_number is of
    std::uint64_t records = 0; // of any kind, whatever their verdict

    static constexpr auto fields(auto& s) {
        return protocol::in_order(protocol::Field{"totals", s.totals}, protocol::Field{"newest_share", s.newest_share},
                                  protocol::Field{"records", s.records});
    }
    bool operator==(const Tally&) const = default;
};

// Of the share's own: `records` are not counted here, nor blocks, as whether one is new takes more than the share that
// found it.
void add(Tally& tally, const protocol::Share& share, protocol::Verdict verdict, Milliseconds time, Position position);

void add(Tally& tally, const Tally& other);

} // namespace storage
