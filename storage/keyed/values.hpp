// The values of what a store holds <-> rows and entries. Integers are little-endian, text and bytes follow their
// length. What does not decode is `corrupt`.
#pragma once

#include "protocol/primitives.hpp"
#include "protocol/writer.hpp"
#include "storage/engine.hpp"
#include "storage/error.hpp"
#include "storage/stretches.hpp"

#include <array>
#include <cstdint>

namespace storage::keyed {

// Made with the store, and never changed.
struct StoreRow {
    std::uint32_t mark = 0x53563253; // "SV2S": a store of ours
    std::uint32_t version = 0;
    DataSet data_set;
    std::array<std::uint8_t, 16> fingerprint_key{};
};

void put(protocol::Writer& out, const StoreRow& row);
void put(protocol::Writer& out, const Head& head); // its term first
void put(protocol::Writer& out, const StreamRow& row);
void put(protocol::Writer& out, const ChannelRow& row);
void put(protocol::Writer& out, const UserRow& row);
void put(protocol::Writer& out, const Run& run);
void put(protocol::Writer& out, const HourRow& row);
void put(protocol::Writer& out, const Stretch& stretch);
void put(protocol::Writer& out, const LogEntry& entry);

// Made of a key and its value, but for those that have one key alone.
Result<StoreRow> store_row(protocol::ByteView value);
Result<Head> head(protocol::ByteView value);
Result<StreamRow> stream_row(protocol::ByteView key, protocol::ByteView value);
Result<ChannelRow> channel_row(protocol::ByteView key, protocol::ByteView value);
Result<UserRow> user_row(protocol::ByteView key, protocol::ByteView value);
Result<Run> run(protocol::ByteView key, protocol::ByteView value);
Result<HourRow> hour_row(protocol::ByteView key, protocol::ByteView value);
Result<Stretch> stretch(protocol::ByteView key, protocol::ByteView value);
Result<LogEntry> log_entry(protocol::ByteView key, protocol::ByteView value); // without its fingerprint

} // namespace storage::keyed
