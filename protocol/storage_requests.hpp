// The storage extension (EXTENSION.md): questions and answers. A request carries a request_id, not 0, that its answer
// repeats. `pool` empty means the client's own. Time ranges are inclusive, over the effective time of records, in ms.
// Lists come in pages: a request with the cursor of the last page gets the next; an empty cursor is the first or the
// end.
#pragma once

#include "protocol/message.hpp"
#include "protocol/primitives.hpp"
#include "protocol/storage_messages.hpp"

#include <cstdint>
#include <string_view>

namespace protocol {

// What the records of a channel or of a pool add up to.
struct Totals {
    std::uint64_t shares_accepted = 0;
    std::uint64_t shares_rejected = 0;  // by the pool: accepted = 0
    std::uint64_t shares_duplicate = 0; // verdict duplicate-share
    std::uint64_t shares_above_target = 0;
    std::uint64_t share_work_sum_low = 0; // of accepted shares, 128 bits
    std::uint64_t share_work_sum_high = 0;
    std::uint64_t expected_hashes_low = 0; // of accepted shares that state a target, 128 bits
    std::uint64_t expected_hashes_high = 0;
    std::uint64_t blocks_found = 0;
    std::uint64_t best_difficulty = 0; // bits of a double, of accepted shares
    std::uint32_t last_sequence_number = 0;
    Option<std::uint64_t> first_share_timestamp; // effective times of accepted and rejected shares
    Option<std::uint64_t> last_share_timestamp;

    static constexpr auto fields(auto& s) {
        return in_order(
            Field{"shares_accepted", s.shares_accepted}, Field{"shares_rejected", s.shares_rejected},
            Field{"shares_duplicate", s.shares_duplicate}, Field{"shares_above_target", s.shares_above_target},
            Field{"share_work_sum_low", s.share_work_sum_low}, Field{"share_work_sum_high", s.share_work_sum_high},
            Field{"expected_hashes_low", s.expected_hashes_low}, Field{"expected_hashes_high", s.expected_hashes_high},
            Field{"blocks_found", s.blocks_found}, Field{"best_difficulty", s.best_difficulty},
            Field{"last_sequence_number", s.last_sequence_number},
            Field{"first_share_timestamp", s.first_share_timestamp},
            Field{"last_share_timestamp", s.last_share_timestamp});
    }
    bool operator==(const Totals&) const = default;
};

// A record as the store holds it.
struct StoredRecord {
    std::uint64_t position = 0;    // in the store's order of commits
    std::uint64_t received_at = 0; // ms
    Str0_255 identity;             // with stream_id and sequence: where it came from
    std::uint64_t stream_id = 0;
    std::uint64_t sequence = 0;
    Str0_255 verdict; // empty: counted
    B0_16M record;    // as sent

    static constexpr auto fields(auto& s) {
        return in_order(Field{"position", s.position}, Field{"received_at", s.received_at},
                        Field{"identity", s.identity}, Field{"stream_id", s.stream_id}, Field{"sequence", s.sequence},
                        Field{"verdict", s.verdict}, Field{"record", s.record});
    }
    bool operator==(const StoredRecord&) const = default;
};

// The records of one kind of a channel, newest first by (effective time, position), whatever their verdict. Those of
// kinds that belong to no channel are the pool's: channel_id is empty.
struct GetRecords {
    static constexpr std::string_view name = "GetRecords";
    static constexpr MessageId id{.extension_type = storage_extension, .msg_type = 0x90};

    std::uint32_t request_id = 0;
    Str0_255 pool;
    std::uint8_t kind = 0; // RecordKind
    Str0_255 channel_id;
    Option<std::uint64_t> start;
    Option<std::uint64_t> end;
    std::uint32_t limit = 0; // of this page; 0: as many as fit
    B0_255 cursor;

    static constexpr auto fields(auto& m) {
        return in_order(Field{"request_id", m.request_id}, Field{"pool", m.pool}, Field{"kind", m.kind},
                        Field{"channel_id", m.channel_id}, Field{"start", m.start}, Field{"end", m.end},
                        Field{"limit", m.limit}, Field{"cursor", m.cursor});
    }
    bool operator==(const GetRecords&) const = default;
};

struct GetRecordsSuccess {
    static constexpr std::string_view name = "GetRecords.Success";
    static constexpr MessageId id{.extension_type = storage_extension, .msg_type = 0x91};

    std::uint32_t request_id = 0;
    Seq0_64K<B0_16M> records; // StoredRecord
    B0_255 next_cursor;

    static constexpr auto fields(auto& m) {
        return in_order(Field{"request_id", m.request_id}, Field{"records", m.records},
                        Field{"next_cursor", m.next_cursor});
    }
    bool operator==(const GetRecordsSuccess&) const = default;
};

// Whether accepted shares with these hashes are stored for the channel. Advice: only a verdict binds.
struct IsShareSeen {
    static constexpr std::string_view name = "IsShareSeen";
    static constexpr MessageId id{.extension_type = storage_extension, .msg_type = 0x92};

    std::uint32_t request_id = 0;
    Str0_255 pool;
    Str0_255 channel_id;         // empty: any channel of the pool
    Seq0_64K<U256> share_hashes; // at most 1000

    static constexpr auto fields(auto& m) {
        return in_order(Field{"request_id", m.request_id}, Field{"pool", m.pool}, Field{"channel_id", m.channel_id},
                        Field{"share_hashes", m.share_hashes});
    }
    bool operator==(const IsShareSeen&) const = default;
};

struct IsShareSeenSuccess {
    static constexpr std::string_view name = "IsShareSeen.Success";
    static constexpr MessageId id{.extension_type = storage_extension, .msg_type = 0x93};

    std::uint32_t request_id = 0;
    Seq0_64K<bool> seen; // in the order of share_hashes

    static constexpr auto fields(auto& m) { return in_order(Field{"request_id", m.request_id}, Field{"seen", m.seen}); }
    bool operator==(const IsShareSeenSuccess&) const = default;
};

struct GetAccounting {
    static constexpr std::string_view name = "GetAccounting";
    static constexpr MessageId id{.extension_type = storage_extension, .msg_type = 0x94};

    std::uint32_t request_id = 0;
    Str0_255 pool;
    Str0_255 channel_id;

    static constexpr auto fields(auto& m) {
        return in_order(Field{"request_id", m.request_id}, Field{"pool", m.pool}, Field{"channel_id", m.channel_id});
    }
    bool operator==(const GetAccounting&) const = default;
};

// The two parts are never mixed.
struct GetAccountingSuccess {
    static constexpr std::string_view name = "GetAccounting.Success";
    static constexpr MessageId id{.extension_type = storage_extension, .msg_type = 0x95};

    std::uint32_t request_id = 0;
    B0_255 derived;        // Totals; empty if the store knows no such channel
    B0_16M reported;       // StoredRecord of the last ShareAccounting; empty if there is none, or it was deleted
    B0_255 derived_before; // Totals of the records up to that report; empty if there is none

    static constexpr auto fields(auto& m) {
        return in_order(Field{"request_id", m.request_id}, Field{"derived", m.derived}, Field{"reported", m.reported},
                        Field{"derived_before", m.derived_before});
    }
    bool operator==(const GetAccountingSuccess&) const = default;
};

struct GetChannelStats {
    static constexpr std::string_view name = "GetChannelStats";
    static constexpr MessageId id{.extension_type = storage_extension, .msg_type = 0x96};

    std::uint32_t request_id = 0;
    Str0_255 pool;
    Str0_255 channel_id;
    Option<std::uint64_t> start;
    Option<std::uint64_t> end;

    static constexpr auto fields(auto& m) {
        return in_order(Field{"request_id", m.request_id}, Field{"pool", m.pool}, Field{"channel_id", m.channel_id},
                        Field{"start", m.start}, Field{"end", m.end});
    }
    bool operator==(const GetChannelStats&) const = default;
};

struct GetChannelStatsSuccess {
    static constexpr std::string_view name = "GetChannelStats.Success";
    static constexpr MessageId id{.extension_type = storage_extension, .msg_type = 0x97};

    std::uint32_t request_id = 0;
    Option<std::uint64_t> start; // of the range that the totals cover: as asked for, or whole hours around it, where
    Option<std::uint64_t> end;   // retention has taken records away
    B0_255 totals;               // Totals; all 0 for an unknown channel

    static constexpr auto fields(auto& m) {
        return in_order(Field{"request_id", m.request_id}, Field{"start", m.start}, Field{"end", m.end},
                        Field{"totals", m.totals});
    }
    bool operator==(const GetChannelStatsSuccess&) const = default;
};

// The channels of a pool, ordered by the bytes of their names.
struct ListChannels {
    static constexpr std::string_view name = "ListChannels";
    static constexpr MessageId id{.extension_type = storage_extension, .msg_type = 0x98};

    std::uint32_t request_id = 0;
    Str0_255 pool;
    B0_255 cursor;

    static constexpr auto fields(auto& m) {
        return in_order(Field{"request_id", m.request_id}, Field{"pool", m.pool}, Field{"cursor", m.cursor});
    }
    bool operator==(const ListChannels&) const = default;
};

struct ListChannelsSuccess {
    static constexpr std::string_view name = "ListChannels.Success";
    static constexpr MessageId id{.extension_type = storage_extension, .msg_type = 0x99};

    std::uint32_t request_id = 0;
    Seq0_64K<Str0_255> channels;
    B0_255 next_cursor;

    static constexpr auto fields(auto& m) {
        return in_order(Field{"request_id", m.request_id}, Field{"channels", m.channels},
                        Field{"next_cursor", m.next_cursor});
    }
    bool operator==(const ListChannelsSuccess&) const = default;
};

// Over all channels of a pool.
struct GetTotals {
    static constexpr std::string_view name = "GetTotals";
    static constexpr MessageId id{.extension_type = storage_extension, .msg_type = 0x9a};

    std::uint32_t request_id = 0;
    Str0_255 pool;
    Option<std::uint64_t> start;
    Option<std::uint64_t> end;

    static constexpr auto fields(auto& m) {
        return in_order(Field{"request_id", m.request_id}, Field{"pool", m.pool}, Field{"start", m.start},
                        Field{"end", m.end});
    }
    bool operator==(const GetTotals&) const = default;
};

struct GetTotalsSuccess {
    static constexpr std::string_view name = "GetTotals.Success";
    static constexpr MessageId id{.extension_type = storage_extension, .msg_type = 0x9b};

    std::uint32_t request_id = 0;
    std::uint64_t position = 0;  // up to which commit the totals count
    std::uint64_t channels = 0;  // with a record in the range
    Option<std::uint64_t> start; // of the range that is covered, as in GetChannelStats.Success
    Option<std::uint64_t> end;
    B0_255 totals; // Totals

    static constexpr auto fields(auto& m) {
        return in_order(Field{"request_id", m.request_id}, Field{"position", m.position}, Field{"channels", m.channels},
                        Field{"start", m.start}, Field{"end", m.end}, Field{"totals", m.totals});
    }
    bool operator==(const GetTotalsSuccess&) const = default;
};

struct ListStreams {
    static constexpr std::string_view name = "ListStreams";
    static constexpr MessageId id{.extension_type = storage_extension, .msg_type = 0x9c};

    std::uint32_t request_id = 0;
    Str0_255 pool;
    B0_255 cursor;

    static constexpr auto fields(auto& m) {
        return in_order(Field{"request_id", m.request_id}, Field{"pool", m.pool}, Field{"cursor", m.cursor});
    }
    bool operator==(const ListStreams&) const = default;
};

struct StreamState {
    Str0_255 identity;
    std::uint64_t stream_id = 0;
    std::uint64_t epoch = 0; // how often a session has attached
    std::uint64_t durable_sequence = 0;

    static constexpr auto fields(auto& s) {
        return in_order(Field{"identity", s.identity}, Field{"stream_id", s.stream_id}, Field{"epoch", s.epoch},
                        Field{"durable_sequence", s.durable_sequence});
    }
    bool operator==(const StreamState&) const = default;
};

// Ordered by the bytes of the identity, then stream_id.
struct ListStreamsSuccess {
    static constexpr std::string_view name = "ListStreams.Success";
    static constexpr MessageId id{.extension_type = storage_extension, .msg_type = 0x9d};

    std::uint32_t request_id = 0;
    Seq0_64K<B0_64K> streams; // StreamState
    B0_255 next_cursor;

    static constexpr auto fields(auto& m) {
        return in_order(Field{"request_id", m.request_id}, Field{"streams", m.streams},
                        Field{"next_cursor", m.next_cursor});
    }
    bool operator==(const ListStreamsSuccess&) const = default;
};

struct GetHealth {
    static constexpr std::string_view name = "GetHealth";
    static constexpr MessageId id{.extension_type = storage_extension, .msg_type = 0x9e};

    std::uint32_t request_id = 0;

    static constexpr auto fields(auto& m) { return in_order(Field{"request_id", m.request_id}); }
    bool operator==(const GetHealth&) const = default;
};

struct GetHealthSuccess {
    static constexpr std::string_view name = "GetHealth.Success";
    static constexpr MessageId id{.extension_type = storage_extension, .msg_type = 0x9f};

    std::uint32_t request_id = 0;
    bool is_healthy = false;
    Str0_255 backend_type;                          // memory, sqlite, ...
    Str0_255 connection_status;                     // connected, stalled (tried again) or failed (until a restart)
    std::uint8_t durability = 0;                    // Durability
    Option<std::uint64_t> last_operation_timestamp; // of the last commit; before it the last record's, ms
    Str0_255 error_message;                         // empty if healthy

    static constexpr auto fields(auto& m) {
        return in_order(
            Field{"request_id", m.request_id}, Field{"is_healthy", m.is_healthy}, Field{"backend_type", m.backend_type},
            Field{"connection_status", m.connection_status}, Field{"durability", m.durability},
            Field{"last_operation_timestamp", m.last_operation_timestamp}, Field{"error_message", m.error_message});
    }
    bool operator==(const GetHealthSuccess&) const = default;
};

// The blocks of a pool, or of one of its channels, newest first by (effective time, position) of the record that told
// of each first. One for each hash.
struct GetBlocks {
    static constexpr std::string_view name = "GetBlocks";
    static constexpr MessageId id{.extension_type = storage_extension, .msg_type = 0xa0};

    std::uint32_t request_id = 0;
    Str0_255 pool;
    Str0_255 channel_id; // empty: of all channels
    Option<std::uint64_t> start;
    Option<std::uint64_t> end;
    std::uint32_t limit = 0; // of this page; 0: as many as fit
    B0_255 cursor;

    static constexpr auto fields(auto& m) {
        return in_order(Field{"request_id", m.request_id}, Field{"pool", m.pool}, Field{"channel_id", m.channel_id},
                        Field{"start", m.start}, Field{"end", m.end}, Field{"limit", m.limit},
                        Field{"cursor", m.cursor});
    }
    bool operator==(const GetBlocks&) const = default;
};

struct FoundBlock {
    std::uint8_t status = 0;                // BlockState
    Option<std::uint64_t> status_timestamp; // of the BlockStatus that told it, ms
    B0_16M record;                          // StoredRecord: the pool's first Block of this hash, else the Share

    static constexpr auto fields(auto& s) {
        return in_order(Field{"status", s.status}, Field{"status_timestamp", s.status_timestamp},
                        Field{"record", s.record});
    }
    bool operator==(const FoundBlock&) const = default;
};

struct GetBlocksSuccess {
    static constexpr std::string_view name = "GetBlocks.Success";
    static constexpr MessageId id{.extension_type = storage_extension, .msg_type = 0xa1};

    std::uint32_t request_id = 0;
    Seq0_64K<B0_16M> blocks; // FoundBlock
    B0_255 next_cursor;

    static constexpr auto fields(auto& m) {
        return in_order(Field{"request_id", m.request_id}, Field{"blocks", m.blocks},
                        Field{"next_cursor", m.next_cursor});
    }
    bool operator==(const GetBlocksSuccess&) const = default;
};

// The user_identities of a pool's shares, ordered by their bytes; empty ones are not listed.
struct ListUsers {
    static constexpr std::string_view name = "ListUsers";
    static constexpr MessageId id{.extension_type = storage_extension, .msg_type = 0xa2};

    std::uint32_t request_id = 0;
    Str0_255 pool;
    B0_255 cursor;

    static constexpr auto fields(auto& m) {
        return in_order(Field{"request_id", m.request_id}, Field{"pool", m.pool}, Field{"cursor", m.cursor});
    }
    bool operator==(const ListUsers&) const = default;
};

struct ListUsersSuccess {
    static constexpr std::string_view name = "ListUsers.Success";
    static constexpr MessageId id{.extension_type = storage_extension, .msg_type = 0xa3};

    std::uint32_t request_id = 0;
    Seq0_64K<Str0_255> users;
    B0_255 next_cursor;

    static constexpr auto fields(auto& m) {
        return in_order(Field{"request_id", m.request_id}, Field{"users", m.users},
                        Field{"next_cursor", m.next_cursor});
    }
    bool operator==(const ListUsersSuccess&) const = default;
};

// Whose hours are asked for.
enum class Subject : std::uint8_t { channel = 1, user = 2 };

// What the records of a channel or of a user add up to, hour by hour of their effective time, oldest first. Hours
// without records are left out.
struct GetHours {
    static constexpr std::string_view name = "GetHours";
    static constexpr MessageId id{.extension_type = storage_extension, .msg_type = 0xa4};

    std::uint32_t request_id = 0;
    Str0_255 pool;
    std::uint8_t subject = 0;    // Subject
    Str0_255 subject_id;         // channel_id or user_identity, not empty
    Option<std::uint64_t> start; // hours that overlap the range are given, whole
    Option<std::uint64_t> end;
    B0_255 cursor;

    static constexpr auto fields(auto& m) {
        return in_order(Field{"request_id", m.request_id}, Field{"pool", m.pool}, Field{"subject", m.subject},
                        Field{"subject_id", m.subject_id}, Field{"start", m.start}, Field{"end", m.end},
                        Field{"cursor", m.cursor});
    }
    bool operator==(const GetHours&) const = default;
};

struct HourTotals {
    std::uint64_t start = 0; // of the hour, ms
    B0_255 totals;           // Totals

    static constexpr auto fields(auto& s) { return in_order(Field{"start", s.start}, Field{"totals", s.totals}); }
    bool operator==(const HourTotals&) const = default;
};

struct GetHoursSuccess {
    static constexpr std::string_view name = "GetHours.Success";
    static constexpr MessageId id{.extension_type = storage_extension, .msg_type = 0xa5};

    std::uint32_t request_id = 0;
    Seq0_64K<B0_255> hours; // HourTotals
    B0_255 next_cursor;

    static constexpr auto fields(auto& m) {
        return in_order(Field{"request_id", m.request_id}, Field{"hours", m.hours},
                        Field{"next_cursor", m.next_cursor});
    }
    bool operator==(const GetHoursSuccess&) const = default;
};

// The channels of a pool whose last report differs from what the records up to it add up to, ordered by the bytes of
// their names.
struct ListDrift {
    static constexpr std::string_view name = "ListDrift";
    static constexpr MessageId id{.extension_type = storage_extension, .msg_type = 0xa6};

    std::uint32_t request_id = 0;
    Str0_255 pool;
    B0_255 cursor;

    static constexpr auto fields(auto& m) {
        return in_order(Field{"request_id", m.request_id}, Field{"pool", m.pool}, Field{"cursor", m.cursor});
    }
    bool operator==(const ListDrift&) const = default;
};

struct ChannelDrift {
    Str0_255 channel_id;
    B0_16M reported;       // StoredRecord of the last ShareAccounting
    B0_255 derived_before; // Totals of the records up to it

    static constexpr auto fields(auto& s) {
        return in_order(Field{"channel_id", s.channel_id}, Field{"reported", s.reported},
                        Field{"derived_before", s.derived_before});
    }
    bool operator==(const ChannelDrift&) const = default;
};

struct ListDriftSuccess {
    static constexpr std::string_view name = "ListDrift.Success";
    static constexpr MessageId id{.extension_type = storage_extension, .msg_type = 0xa7};

    std::uint32_t request_id = 0;
    Seq0_64K<B0_16M> channels; // ChannelDrift
    B0_255 next_cursor;

    static constexpr auto fields(auto& m) {
        return in_order(Field{"request_id", m.request_id}, Field{"channels", m.channels},
                        Field{"next_cursor", m.next_cursor});
    }
    bool operator==(const ListDriftSuccess&) const = default;
};

// Takes out what arrived before `older_than`, of all pools: shares, and what belongs to them. Totals stay.
struct CleanupOldShares {
    static constexpr std::string_view name = "CleanupOldShares";
    static constexpr MessageId id{.extension_type = storage_extension, .msg_type = 0xa8};

    std::uint32_t request_id = 0;
    std::uint64_t older_than = 0; // received_at, ms

    static constexpr auto fields(auto& m) {
        return in_order(Field{"request_id", m.request_id}, Field{"older_than", m.older_than});
    }
    bool operator==(const CleanupOldShares&) const = default;
};

struct CleanupOldSharesSuccess {
    static constexpr std::string_view name = "CleanupOldShares.Success";
    static constexpr MessageId id{.extension_type = storage_extension, .msg_type = 0xa9};

    std::uint32_t request_id = 0;
    std::uint64_t removed_shares = 0;

    static constexpr auto fields(auto& m) {
        return in_order(Field{"request_id", m.request_id}, Field{"removed_shares", m.removed_shares});
    }
    bool operator==(const CleanupOldSharesSuccess&) const = default;
};

} // namespace protocol
