// The storage extension (EXTENSION.md): proving who one is, storing, and the state of the store. Its number is in the
// experimental range (SV2 specification 3.4) until one is allocated; its msg_types begin at 0x80, where no core message
// is, so that a peer which ignores the extension_type fails loudly.
#pragma once

#include "protocol/message.hpp"
#include "protocol/primitives.hpp"

#include <cstdint>
#include <string_view>

namespace protocol {

inline constexpr std::uint16_t storage_extension = 0x5354;
inline constexpr std::uint16_t storage_version = 1;

// Authenticate.roles
inline constexpr std::uint32_t role_write = 1U << 0U;
inline constexpr std::uint32_t role_read = 1U << 1U;

// AuthenticateSuccess.permissions
inline constexpr std::uint32_t permit_share_write = 1U << 0U;
inline constexpr std::uint32_t permit_block_write = 1U << 1U;
inline constexpr std::uint32_t permit_job_write = 1U << 2U;
inline constexpr std::uint32_t permit_query_own = 1U << 3U;
inline constexpr std::uint32_t permit_query_all = 1U << 4U;
inline constexpr std::uint32_t permit_admin = 1U << 5U;

// What an acknowledgment is worth.
enum class Durability : std::uint8_t {
    is_volatile = 0, // gone with the process
    local = 1,       // synced to the server's own disk
    replicated = 2,  // and confirmed by a synchronous standby
};

// Proves who the client is. `signature` is the last field: it covers the bytes of all others.
struct Authenticate {
    static constexpr std::string_view name = "Authenticate";
    static constexpr MessageId id{.extension_type = storage_extension, .msg_type = 0x81};

    std::uint16_t min_version = 0;
    std::uint16_t max_version = 0;
    Pubkey client_public_key;
    std::uint32_t roles = 0;
    std::uint64_t stream_id = 0;  // 0 without role_write
    std::uint64_t dataset_id = 0; // 0: not remembered, as for the two below
    std::uint32_t generation = 0;
    std::uint64_t last_acknowledged = 0; // of this stream; 0 without role_write
    Signature signature;                 // BIP340

    static constexpr auto fields(auto& m) {
        return in_order(Field{"min_version", m.min_version}, Field{"max_version", m.max_version},
                        Field{"client_public_key", m.client_public_key}, Field{"roles", m.roles},
                        Field{"stream_id", m.stream_id}, Field{"dataset_id", m.dataset_id},
                        Field{"generation", m.generation}, Field{"last_acknowledged", m.last_acknowledged},
                        Field{"signature", m.signature});
    }
    bool operator==(const Authenticate&) const = default;
};

struct AuthenticateSuccess {
    static constexpr std::string_view name = "Authenticate.Success";
    static constexpr MessageId id{.extension_type = storage_extension, .msg_type = 0x82};

    std::uint16_t version = 0;
    std::uint32_t permissions = 0; // of this session: what the key allows and the roles ask for
    std::uint8_t durability = 0;   // Durability
    std::uint64_t dataset_id = 0;
    std::uint32_t generation = 0;
    std::uint64_t durable_sequence = 0; // of the stream; information, not an acknowledgment
    std::uint32_t max_frame = 0;        // bytes of a payload
    std::uint32_t max_record = 0;       // bytes of a record
    std::uint32_t max_in_flight = 0;    // of StoreRecords not acknowledged: payload bytes, and 64 a record

    static constexpr auto fields(auto& m) {
        return in_order(Field{"version", m.version}, Field{"permissions", m.permissions},
                        Field{"durability", m.durability}, Field{"dataset_id", m.dataset_id},
                        Field{"generation", m.generation}, Field{"durable_sequence", m.durable_sequence},
                        Field{"max_frame", m.max_frame}, Field{"max_record", m.max_record},
                        Field{"max_in_flight", m.max_in_flight});
    }
    bool operator==(const AuthenticateSuccess&) const = default;
};

struct StoreRecords {
    static constexpr std::string_view name = "StoreRecords";
    static constexpr MessageId id{.extension_type = storage_extension, .msg_type = 0x83};

    std::uint64_t first_sequence = 0; // from 1
    Seq0_64K<B0_16M> records;         // records.hpp; at least one

    static constexpr auto fields(auto& m) {
        return in_order(Field{"first_sequence", m.first_sequence}, Field{"records", m.records});
    }
    bool operator==(const StoreRecords&) const = default;
};

// Acknowledges all that this session sent up to durable_sequence. Cumulative.
struct StoreSuccess {
    static constexpr std::string_view name = "Store.Success";
    static constexpr MessageId id{.extension_type = storage_extension, .msg_type = 0x84};

    std::uint64_t durable_sequence = 0;
    Seq0_64K<B0_255> verdicts; // VerdictEntry, of the records that count nowhere

    static constexpr auto fields(auto& m) {
        return in_order(Field{"durable_sequence", m.durable_sequence}, Field{"verdicts", m.verdicts});
    }
    bool operator==(const StoreSuccess&) const = default;
};

struct VerdictEntry {
    std::uint64_t sequence = 0;
    Str0_255 code; // verdict.hpp

    static constexpr auto fields(auto& s) { return in_order(Field{"sequence", s.sequence}, Field{"code", s.code}); }
    bool operator==(const VerdictEntry&) const = default;
};

// The store has stalled, or has recovered. The session goes on either way; nothing is acknowledged in between.
struct StoreStatus {
    static constexpr std::string_view name = "StoreStatus";
    static constexpr MessageId id{.extension_type = storage_extension, .msg_type = 0x85};

    bool is_available = false;
    Str0_255 code;   // storage-unavailable, or empty
    Str0_255 detail; // for a person to read

    static constexpr auto fields(auto& m) {
        return in_order(Field{"is_available", m.is_available}, Field{"code", m.code}, Field{"detail", m.detail});
    }
    bool operator==(const StoreStatus&) const = default;
};

struct Ping {
    static constexpr std::string_view name = "Ping";
    static constexpr MessageId id{.extension_type = storage_extension, .msg_type = 0x86};

    std::uint64_t nonce = 0;

    static constexpr auto fields(auto& m) { return in_order(Field{"nonce", m.nonce}); }
    bool operator==(const Ping&) const = default;
};

struct PingSuccess {
    static constexpr std::string_view name = "Ping.Success";
    static constexpr MessageId id{.extension_type = storage_extension, .msg_type = 0x87};

    std::uint64_t nonce = 0; // that of the Ping

    static constexpr auto fields(auto& m) { return in_order(Field{"nonce", m.nonce}); }
    bool operator==(const PingSuccess&) const = default;
};

// With request_id 0 the last message of a session: the connection is closed after it. With another it answers that
// request alone, and the session goes on.
struct Error {
    static constexpr std::string_view name = "Error";
    static constexpr MessageId id{.extension_type = storage_extension, .msg_type = 0x80};

    std::uint32_t request_id = 0;
    Str0_255 code;   // one of error_codes.hpp
    Str0_255 detail; // for a person to read

    static constexpr auto fields(auto& m) {
        return in_order(Field{"request_id", m.request_id}, Field{"code", m.code}, Field{"detail", m.detail});
    }
    bool operator==(const Error&) const = default;
};

} // namespace protocol
