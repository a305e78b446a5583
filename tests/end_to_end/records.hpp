// Records to store.
#pragma once

#include "protocol/records.hpp"
#include "protocol/storage_requests.hpp"

#include <bit>
#include <chrono>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace end_to_end {

using Records = std::vector<protocol::B0_16M>;

inline std::uint64_t milliseconds_now() {
    const auto now = std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
    return static_cast<std::uint64_t>(now.time_since_epoch().count());
}

// All of a kind; `channel_id` is empty for kinds that belong to no channel.
inline protocol::GetRecords all_of(protocol::RecordKind kind, const std::string& channel_id = {}) {
    protocol::GetRecords request;
    request.kind = static_cast<std::uint8_t>(kind);
    request.channel_id.text = channel_id;
    return request;
}

// One for each number; as a number it is that number.
inline protocol::U256 hash(std::uint64_t number) {
    protocol::U256 hash;
    for (std::size_t i = 0; i < sizeof number; ++i) hash.bytes.at(i) = static_cast<std::uint8_t>(number >> (8 * i));
    return hash;
}

// Accepted, of work 10 and difficulty 2, a few seconds old: the higher the number, the younger.
inline protocol::Share share(std::uint64_t number, const std::string& channel_id = "1.1.1.1") {
    static const std::uint64_t start = milliseconds_now() - 1'000'000;
    protocol::Share share;
    share.channel_id.text = channel_id;
    share.sequence_number = static_cast<std::uint32_t>(number);
    share.share_hash = hash(number);
    share.share_work = 10;
    share.difficulty = std::bit_cast<std::uint64_t>(2.0);
    share.timestamp = start + number;
    share.accepted = 1;
    return share;
}

inline protocol::Share rejected(std::uint64_t number, const std::string& channel_id = "1.1.1.1") {
    protocol::Share rejected = share(number, channel_id);
    rejected.accepted = 0;
    rejected.outcome = static_cast<std::uint8_t>(protocol::Outcome::failed);
    rejected.outcome_data.bytes = protocol::encode(protocol::FailedOutcome{.error_code = {"stale-share"}}).value();
    return rejected;
}

inline protocol::Block block(std::uint64_t number, const std::string& channel_id = "1.1.1.1") {
    protocol::Block block;
    block.channel_id.text = channel_id;
    block.share_hash = hash(number);
    block.difficulty = std::bit_cast<std::uint64_t>(3.0);
    block.timestamp = milliseconds_now();
    return block;
}

inline protocol::B0_16M bytes_of(const protocol::Record auto& record, protocol::ByteView extra = {}) {
    return {protocol::encode_record(record, extra).value()};
}

// A share of exactly this many bytes; what is not its fields are TLV fields to come.
inline protocol::B0_16M share_of_size(std::uint64_t number, std::size_t size) {
    const std::size_t least = bytes_of(share(number)).bytes.size();
    return bytes_of(share(number), protocol::Bytes(size - least, 0x5a));
}

inline Records shares(std::uint64_t first, std::uint64_t last, const std::string& channel_id = "1.1.1.1") {
    Records records;
    for (std::uint64_t number = first; number <= last; ++number) records.push_back(bytes_of(share(number, channel_id)));
    return records;
}

} // namespace end_to_end
