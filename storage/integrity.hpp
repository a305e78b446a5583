// What shows that an entry read is the entry written, and the fingerprint by which a share's hash is found again.
#pragma once

#include "protocol/primitives.hpp"
#include "storage/engine.hpp"
#include "storage/error.hpp"

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace storage {

// SipHash-2-4 under a key of zeros over position, stream, sequence, received_at and verdict (U64, U32, U64, U64, U8,
// little-endian), then the bytes. Against damage, not against forgery.
std::uint64_t checksum_of(const LogEntry& entry);

// Nothing, or `corrupt` with the position: the checksum does not hold, or `time` is not what the record says.
Result<void> check(const LogEntry& entry);

// The same over subject, number, hour and run (U8, U32, U32, U64), then the tally as it is encoded.
std::uint64_t checksum_of(const HourRow& row);
Result<void> check(const HourRow& row);

StorageError corrupt_at(Position position, std::string_view what);

// SipHash-2-4 with 128 bits, under the previous link as its key, over the checksum (U64, little-endian). Against
// damage, as the checksum. One step for each entry, so that the chain can be walked again without knowing where commits
// ended; the head keeps the link after the last.
ChainLink next_link(const ChainLink& previous, std::uint64_t checksum);

using FingerprintKey = std::array<std::uint8_t, 16>;

// SipHash-2-4 over the pool, preceded by its length, and the hash. Keyed, so that no client can make two collide.
std::uint64_t fingerprint_of(const FingerprintKey& key, std::string_view pool, const protocol::U256& share_hash);

// The record's timestamp if it lies within [-31 d, +2 h] of `received_at`, else `received_at`.
Milliseconds effective_time(const protocol::AnyRecord& record, Milliseconds received_at);

// Empty for those that belong to no channel.
const std::string& channel_id_of(const protocol::AnyRecord& record);

protocol::RecordKind kind_of(const protocol::AnyRecord& record);

} // namespace storage
