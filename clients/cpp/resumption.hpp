// Whether a client may go on with the store it has found, given what it remembers. No I/O.
#pragma once

#include "clients/cpp/ending.hpp"
#include "protocol/storage_messages.hpp"

#include <cstdint>
#include <expected>

namespace client {

// What outlives the process, if its caller keeps it. A dataset_id of 0: nothing is remembered.
struct Remembered {
    std::uint64_t dataset_id = 0;
    protocol::Durability durability = protocol::Durability::is_volatile;
    std::uint32_t generation = 0;
    std::uint64_t last_acknowledged = 0;

    bool operator==(const Remembered&) const = default;
};

enum class Resumption : std::uint8_t {
    goes_on,     // with the record after the last acknowledged one
    starts_anew, // on a new stream: the store was volatile, and is another one now
};

// `last_numbered`: the highest number that was ever given to a record of the stream.
std::expected<Resumption, Ending> resume(const Remembered& remembered, std::uint64_t last_numbered,
                                         const protocol::AuthenticateSuccess& found);

} // namespace client
