// The records of one stream that are not acknowledged: numbered, kept in order, sent within the role's limits, sent
// again in the next session. No I/O.
#pragma once

#include "protocol/primitives.hpp"
#include "protocol/storage_messages.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <expected>
#include <optional>

namespace client {

// What one StoreRecords, and all that are under way together, may hold.
struct SendLimits {
    std::size_t records_per_message = 0;
    std::size_t bytes_per_message = 0; // of a payload; a single record may exceed it, up to max_frame
    std::size_t max_frame = 0;         // of a payload
    std::size_t max_in_flight = 0;     // payload bytes, and 64 a record, of all that is not acknowledged
};

enum class SendError : std::uint8_t { limits_too_small }; // for the record that is next
enum class AcknowledgmentError : std::uint8_t { never_sent, goes_back };

class Backlog {
  public:
    Backlog(std::uint64_t last_acknowledged, std::size_t max_records)
        : last_acknowledged_{last_acknowledged},
          max_records_{max_records} {}

    // The record's number; nothing if the backlog is full.
    std::optional<std::uint64_t> add(protocol::Bytes record);

    // The next message of this session; nothing if nothing waits or the window is full.
    std::expected<std::optional<protocol::StoreRecords>, SendError> next(const SendLimits& limits);

    // Forgets all up to `durable_sequence`, which must lie within what this session has sent.
    std::expected<void, AcknowledgmentError> acknowledge(std::uint64_t durable_sequence);

    // A new session begins: nothing is under way, and what was is sent again.
    void rewind();
    // A new stream begins: what is left is numbered from 1 on.
    void renumber();

    [[nodiscard]] std::uint64_t last_acknowledged() const { return last_acknowledged_; }
    [[nodiscard]] std::uint64_t last_numbered() const { return last_acknowledged_ + records_.size(); }
    [[nodiscard]] std::size_t size() const { return records_.size(); }
    [[nodiscard]] bool is_full() const { return records_.size() >= max_records_; }

  private:
    struct Sent {
        std::uint64_t last_sequence;
        std::size_t cost;
    };

    std::deque<protocol::B0_16M> records_; // the first has the number last_acknowledged_ + 1
    std::deque<Sent> under_way_;           // messages, each until the last of its records is acknowledged
    std::size_t in_flight_ = 0;            // the sum of their costs
    std::size_t sent_ = 0;                 // records of this session, from the front of records_
    std::uint64_t last_acknowledged_;
    std::size_t max_records_;
};

} // namespace client
