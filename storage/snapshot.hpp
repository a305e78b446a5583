// Derived state as it is saved: what the log adds up to at the end of a run, sealed against damage.
#pragma once

#include "protocol/codec.hpp"
#include "storage/engine.hpp"
#include "storage/pool_blocks.hpp"
#include "storage/tally.hpp"

#include <cstdint>
#include <optional>
#include <vector>

namespace storage {

// A channel's last report that was not deleted.
struct KnownReport {
    Position position = 0;
    protocol::Totals derived_before; // of the records up to it
    bool is_drifting = false;

    static constexpr auto fields(auto& s) {
        return protocol::in_order(protocol::Field{"position", s.position},
                                  protocol::Field{"derived_before", s.derived_before},
                                  protocol::Field{"is_drifting", s.is_drifting});
    }
    bool operator==(const KnownReport&) const = default;
};

struct SavedChannel {
    Tally tally;
    protocol::Option<KnownReport> report;
    protocol::Seq<KnownBlock, 0xffff'ffff, 4> blocks;    // that it has told of first
    protocol::Seq<KnownStatus, 0xffff'ffff, 4> statuses; // if it is its pool's own

    static constexpr auto fields(auto& s) {
        return protocol::in_order(protocol::Field{"tally", s.tally}, protocol::Field{"report", s.report},
                                  protocol::Field{"blocks", s.blocks}, protocol::Field{"statuses", s.statuses});
    }
};

struct Snapshot {
    Position position = 0;
    ChainLink chain{};
    std::vector<SavedChannel> channels; // by number - 1
};

KeyValue saved_position(Position position, const ChainLink& chain, std::uint32_t channels);
KeyValue saved_channel(std::uint32_t number, const SavedChannel& channel);

// Nothing if it is not of this form, or not whole.
std::optional<Snapshot> read_snapshot(const std::vector<KeyValue>& saved);

} // namespace storage
