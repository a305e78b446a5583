// The blocks of a pool, one for each hash, and what became of them.
#pragma once

#include "protocol/codec.hpp"
#include "protocol/primitives.hpp"
#include "storage/engine.hpp"

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <utility>

namespace storage {

struct KnownBlock {
    protocol::U256 hash;
    std::uint32_t channel = 0;
    Milliseconds time = 0; // of the record that told of it first, by position, as the channel and the next
    Position teller = 0;
    Position block_record = 0; // the first Block record; 0: only shares have told

    static constexpr auto fields(auto& s) {
        return protocol::in_order(protocol::Field{"hash", s.hash}, protocol::Field{"channel", s.channel},
                                  protocol::Field{"time", s.time}, protocol::Field{"teller", s.teller},
                                  protocol::Field{"block_record", s.block_record});
    }
    bool operator==(const KnownBlock&) const = default;
};

struct KnownStatus {
    protocol::U256 hash;
    std::uint8_t status = 0;     // protocol::BlockState
    std::uint64_t timestamp = 0; // of the last BlockStatus, by position

    static constexpr auto fields(auto& s) {
        return protocol::in_order(protocol::Field{"hash", s.hash}, protocol::Field{"status", s.status},
                                  protocol::Field{"timestamp", s.timestamp});
    }
    bool operator==(const KnownStatus&) const = default;
};

class PoolBlocks {
  public:
    using ByTime = std::map<std::pair<Milliseconds, Position>, KnownBlock>; // of the tellers
    using Hash = std::array<std::uint8_t, 32>;

    // The block that the entry changed, or nothing. If it was the first to tell of it, it is the teller.
    const KnownBlock* add(const LogEntry& entry);
    void add(const KnownBlock& block);
    void add(const KnownStatus& status);

    [[nodiscard]] const ByTime& by_time() const { return by_time_; }
    [[nodiscard]] const std::map<Hash, KnownStatus>& statuses() const { return statuses_; }
    // Nothing if none has come.
    [[nodiscard]] const KnownStatus* status(const protocol::U256& hash) const;
    // Whether the entry was the first to tell of its block.
    [[nodiscard]] bool has_told(const LogEntry& entry) const;

  private:
    ByTime by_time_;
    std::map<Hash, ByTime::key_type> by_hash_;
    std::map<Hash, KnownStatus> statuses_;
};

} // namespace storage
