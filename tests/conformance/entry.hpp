// One record as it was stored, what it says by itself, and what several add up to.
#pragma once

#include "protocol/records.hpp"
#include "protocol/storage_requests.hpp"
#include "storage/store.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace conformance {

inline constexpr storage::Milliseconds hour = 3'600'000;

struct Entry {
    storage::Position position = 0;
    storage::StreamName stream;
    std::uint64_t sequence = 0;
    storage::Milliseconds received_at = 0;
    protocol::Verdict verdict{};
    protocol::Bytes bytes;
    std::string pool;

    std::optional<protocol::AnyRecord> record; // nothing: the bytes are none, and the rest says nothing
    std::string channel_id;                    // empty: the record belongs to the pool as a whole
    storage::Milliseconds time = 0;            // effective
    std::optional<protocol::U256> block;       // the hash of the block that it is the first to tell of

    template <class R> [[nodiscard]] const R* as() const { return record ? std::get_if<R>(&*record) : nullptr; }
};

// An item of a list that is ordered by time and position, newest first.
template <class T> struct Listed {
    storage::Milliseconds time = 0;
    storage::Position position = 0;
    T item;

    [[nodiscard]] auto place() const { return std::pair{time, position}; }
};

// What its bytes say by themselves: verdict, record, channel and time.
void read_bytes(Entry& entry);

bool finds_block(const protocol::Share& share);
bool is_accepted(const Entry& entry);
bool is_in(const storage::Range& range, storage::Milliseconds time);
// Of the channel or user that it is of; empty if it is of none.
std::string name_of(const Entry& entry, protocol::Subject subject);
protocol::StoredRecord stored_record(const Entry& entry);
// Whether a report and what the records up to it add up to say different things.
bool differ(const protocol::ShareAccounting& report, const protocol::Totals& derived);

protocol::Totals sum_of(const std::vector<Entry>& entries);

} // namespace conformance
