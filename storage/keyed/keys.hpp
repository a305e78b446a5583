// The keys of what a store holds. Numbers are big-endian, so that keys are in their order.
#pragma once

#include "protocol/primitives.hpp"
#include "protocol/records.hpp"
#include "protocol/storage_requests.hpp"
#include "storage/store.hpp"

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>

namespace storage::keyed {

inline constexpr std::uint32_t schema_version = 2; // of keys and values
inline constexpr std::uint64_t last_number = std::numeric_limits<std::uint64_t>::max();

class Key {
  public:
    Key() = default;
    explicit Key(std::integral auto... numbers) { (add(numbers), ...); }

    void add(std::integral auto number) {
        for (std::size_t i = sizeof number; i > 0; --i)
            bytes_.at(size_++) = static_cast<std::uint8_t>(static_cast<std::uint64_t>(number) >> (8 * (i - 1)));
    }
    void add(protocol::ByteView bytes) {
        for (const std::uint8_t byte : bytes) add(byte);
    }

    // NOLINTNEXTLINE(google-explicit-constructor): a key is its bytes.
    operator protocol::ByteView() const { return protocol::ByteView{bytes_}.first(size_); }

  private:
    std::array<std::uint8_t, 32> bytes_{};
    std::size_t size_ = 0;
};

// The number of Integer's width at `offset`; 0 if the key is too short.
template <std::unsigned_integral Integer> Integer number_in(protocol::ByteView key, std::size_t offset) {
    if (key.size() < offset + sizeof(Integer)) return 0;
    std::uint64_t number = 0;
    for (const std::uint8_t byte : key.subspan(offset, sizeof(Integer))) number = number << 8U | byte;
    return static_cast<Integer>(number);
}

inline bool is_within(protocol::ByteView key, protocol::ByteView prefix) {
    return key.size() >= prefix.size() && std::ranges::equal(key.first(prefix.size()), prefix);
}

// Table::rows: what comes first in the key.
enum class RowKind : std::uint8_t {
    store = 1,         // nothing else: whose it is, and the data set
    head = 2,          // nothing else
    stream = 3,        // number
    channel = 4,       // number
    user = 5,          // number
    run = 6,           // last position
    derived = 7,       // as it is given
    stretch = 8,       // stream, first sequence
    hours = 9,         // subject, number, hour, run
    hours_of_run = 10, // run, subject, number, hour: without a value
};

Key row_key(RowKind kind, std::integral auto... numbers) {
    return Key{static_cast<std::uint8_t>(kind), numbers...};
}

inline Key derived_key(protocol::ByteView given) {
    Key key = row_key(RowKind::derived);
    key.add(given);
    return key;
}

// Table::log: the position.
inline Key log_key(Position position) {
    return Key{position};
}

// Table::times, without values.
inline Key time_key(std::uint32_t channel, protocol::RecordKind kind, Milliseconds time, Position position) {
    return Key{channel, static_cast<std::uint8_t>(kind), time, position};
}

// Table::fingerprints, without values.
inline Key fingerprint_key(std::uint64_t fingerprint, Position position) {
    return Key{fingerprint, position};
}

} // namespace storage::keyed
