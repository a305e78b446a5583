// The records that streams carry: {kind U8, body, TLV fields}. Hashes are U256 in the order that SHA-256d puts out: as
// numbers they are little-endian. Times are milliseconds since 1970 UTC. Difficulties are the bits of an IEEE 754
// double.
#pragma once

#include "protocol/codec.hpp"
#include "protocol/message.hpp"
#include "protocol/primitives.hpp"
#include "protocol/verdict.hpp"

#include <cstddef>
#include <cstdint>
#include <expected>
#include <utility>
#include <variant>

namespace protocol {

// The numbers are stored: they are never reused. Those without a struct below are reserved.
enum class RecordKind : std::uint8_t {
    share = 1,
    share_accounting = 2,
    block = 3,
    block_status = 4,
    batch_acknowledgment = 5,
    declared_job = 6,
    solution = 7,
    accounting_deleted = 8,
    lost = 9,
};

inline constexpr std::uint64_t last_timestamp = 253'402'300'799'999; // the end of the year 9999
inline constexpr std::size_t max_record_size = std::size_t{512} * 1024;

// What the pool's validation said of a share. `outcome_data` holds the struct of the same name, and nothing else.
enum class Outcome : std::uint8_t {
    none = 0,                      // the pool did not say; no data
    valid = 1,                     // no data
    valid_with_acknowledgment = 2, // AcknowledgmentOutcome: SRI's ValidWithAcknowledgement
    block_found = 3,               // BlockFoundOutcome
    failed = 4,                    // FailedOutcome
};

struct AcknowledgmentOutcome {
    std::uint32_t last_sequence_number = 0;
    std::uint32_t new_submits_accepted_count = 0;
    std::uint64_t new_shares_sum = 0;

    static constexpr auto fields(auto& s) {
        return in_order(Field{"last_sequence_number", s.last_sequence_number},
                        Field{"new_submits_accepted_count", s.new_submits_accepted_count},
                        Field{"new_shares_sum", s.new_shares_sum});
    }
    bool operator==(const AcknowledgmentOutcome&) const = default;
};

struct BlockFoundOutcome {
    Option<std::uint64_t> template_id;
    B0_64K coinbase;

    static constexpr auto fields(auto& s) {
        return in_order(Field{"template_id", s.template_id}, Field{"coinbase", s.coinbase});
    }
    bool operator==(const BlockFoundOutcome&) const = default;
};

struct FailedOutcome {
    Str0_255 error_code; // as in SubmitShares.Error

    static constexpr auto fields(auto& s) { return in_order(Field{"error_code", s.error_code}); }
    bool operator==(const FailedOutcome&) const = default;
};

struct Share {
    static constexpr RecordKind kind = RecordKind::share;

    Str0_255 channel_id; // unique in its pool for ever
    std::uint32_t sequence_number = 0;
    U256 share_hash;
    U256 target; // 0: not told
    std::uint64_t share_work = 0;
    std::uint64_t difficulty = 0; // bits of a double
    std::uint64_t timestamp = 0;  // ms
    std::uint8_t accepted = 0;    // 0 or 1
    std::uint8_t outcome = 0;     // Outcome
    B0_64K outcome_data;
    Str0_255 user_identity;
    Str0_255 label; // the pool's own id for it, or empty

    static constexpr auto fields(auto& s) {
        return in_order(Field{"channel_id", s.channel_id}, Field{"sequence_number", s.sequence_number},
                        Field{"share_hash", s.share_hash}, Field{"target", s.target}, Field{"share_work", s.share_work},
                        Field{"difficulty", s.difficulty}, Field{"timestamp", s.timestamp},
                        Field{"accepted", s.accepted}, Field{"outcome", s.outcome},
                        Field{"outcome_data", s.outcome_data}, Field{"user_identity", s.user_identity},
                        Field{"label", s.label});
    }
    bool operator==(const Share&) const = default;
};

struct Block {
    static constexpr RecordKind kind = RecordKind::block;

    Str0_255 channel_id;
    U256 share_hash; // the block's hash
    Option<std::uint64_t> template_id;
    B0_64K coinbase;
    std::uint64_t difficulty = 0; // bits of a double
    std::uint64_t timestamp = 0;  // ms
    Str0_255 label;

    static constexpr auto fields(auto& s) {
        return in_order(Field{"channel_id", s.channel_id}, Field{"share_hash", s.share_hash},
                        Field{"template_id", s.template_id}, Field{"coinbase", s.coinbase},
                        Field{"difficulty", s.difficulty}, Field{"timestamp", s.timestamp}, Field{"label", s.label});
    }
    bool operator==(const Block&) const = default;
};

// How often shares were refused with an error code of SubmitShares.Error.
struct RejectCount {
    Str0_255 error_code;
    std::uint64_t count = 0;

    static constexpr auto fields(auto& s) {
        return in_order(Field{"error_code", s.error_code}, Field{"count", s.count});
    }
    bool operator==(const RejectCount&) const = default;
};

// What the pool itself has counted for a channel. Kept beside what the records add up to, never mixed with it.
struct ShareAccounting {
    static constexpr RecordKind kind = RecordKind::share_accounting;

    Str0_255 channel_id;
    std::uint32_t last_share_sequence_number = 0;
    std::uint64_t shares_accepted = 0;
    std::uint64_t share_work_sum = 0;
    std::uint64_t best_difficulty = 0; // bits of a double
    std::uint64_t blocks_found = 0;
    Seq0_64K<B0_64K> rejects;    // RejectCount, each error_code once
    std::uint64_t timestamp = 0; // ms
    Str0_255 label;

    static constexpr auto fields(auto& s) {
        return in_order(Field{"channel_id", s.channel_id},
                        Field{"last_share_sequence_number", s.last_share_sequence_number},
                        Field{"shares_accepted", s.shares_accepted}, Field{"share_work_sum", s.share_work_sum},
                        Field{"best_difficulty", s.best_difficulty}, Field{"blocks_found", s.blocks_found},
                        Field{"rejects", s.rejects}, Field{"timestamp", s.timestamp}, Field{"label", s.label});
    }
    bool operator==(const ShareAccounting&) const = default;
};

enum class BlockState : std::uint8_t {
    unknown = 0, // no status has come; not sent
    submitted = 1,
    confirmed = 2,
    orphaned = 3,
};

// What became of a block: a new record each time, the last one holds. It may come before the block.
struct BlockStatus {
    static constexpr RecordKind kind = RecordKind::block_status;

    U256 share_hash;             // the block's hash
    std::uint8_t status = 0;     // BlockState, but unknown
    std::uint64_t timestamp = 0; // ms
    Str0_255 label;

    static constexpr auto fields(auto& s) {
        return in_order(Field{"share_hash", s.share_hash}, Field{"status", s.status}, Field{"timestamp", s.timestamp},
                        Field{"label", s.label});
    }
    bool operator==(const BlockStatus&) const = default;
};

struct BatchAcknowledgment {
    static constexpr RecordKind kind = RecordKind::batch_acknowledgment;

    Str0_255 channel_id;
    std::uint32_t last_sequence_number = 0;
    std::uint32_t new_submits_accepted_count = 0;
    std::uint64_t new_shares_sum = 0;
    std::uint64_t timestamp = 0; // ms
    Str0_255 label;

    static constexpr auto fields(auto& s) {
        return in_order(Field{"channel_id", s.channel_id}, Field{"last_sequence_number", s.last_sequence_number},
                        Field{"new_submits_accepted_count", s.new_submits_accepted_count},
                        Field{"new_shares_sum", s.new_shares_sum}, Field{"timestamp", s.timestamp},
                        Field{"label", s.label});
    }
    bool operator==(const BatchAcknowledgment&) const = default;
};

// A DeclareMiningJob that a job declarator server has answered (SV2 specification, section 6.4.4).
struct DeclaredJob {
    static constexpr RecordKind kind = RecordKind::declared_job;

    B0_255 mining_job_token;     // of the declaration
    B0_255 new_mining_job_token; // of the answer; empty if refused
    Str0_255 user_identity;      // to whom the token was allocated; may be empty
    std::uint8_t accepted = 0;   // 0 or 1
    Str0_255 error_code;         // of DeclareMiningJob.Error; empty if accepted
    std::uint32_t version = 0;
    B0_64K coinbase_tx_prefix;
    B0_64K coinbase_tx_suffix;
    Seq0_64K<U256> wtxid_list;
    B0_64K excess_data;
    std::uint64_t timestamp = 0; // ms
    Str0_255 label;

    static constexpr auto fields(auto& s) {
        return in_order(Field{"mining_job_token", s.mining_job_token},
                        Field{"new_mining_job_token", s.new_mining_job_token}, Field{"user_identity", s.user_identity},
                        Field{"accepted", s.accepted}, Field{"error_code", s.error_code}, Field{"version", s.version},
                        Field{"coinbase_tx_prefix", s.coinbase_tx_prefix},
                        Field{"coinbase_tx_suffix", s.coinbase_tx_suffix}, Field{"wtxid_list", s.wtxid_list},
                        Field{"excess_data", s.excess_data}, Field{"timestamp", s.timestamp}, Field{"label", s.label});
    }
    bool operator==(const DeclaredJob&) const = default;
};

// A PushSolution (SV2 specification, section 6.4.9).
struct Solution {
    static constexpr RecordKind kind = RecordKind::solution;

    B0_255 mining_job_token; // new_mining_job_token of the job that it solves; empty: not told
    U256 share_hash;         // the block's hash; 0: not told
    B0_32 extranonce;
    U256 prev_hash;
    std::uint32_t nonce = 0;
    std::uint32_t ntime = 0;
    std::uint32_t nbits = 0;
    std::uint32_t version = 0;
    std::uint64_t timestamp = 0; // ms
    Str0_255 label;

    static constexpr auto fields(auto& s) {
        return in_order(Field{"mining_job_token", s.mining_job_token}, Field{"share_hash", s.share_hash},
                        Field{"extranonce", s.extranonce}, Field{"prev_hash", s.prev_hash}, Field{"nonce", s.nonce},
                        Field{"ntime", s.ntime}, Field{"nbits", s.nbits}, Field{"version", s.version},
                        Field{"timestamp", s.timestamp}, Field{"label", s.label});
    }
    bool operator==(const Solution&) const = default;
};

// Takes back the channel's reports up to here: what the records add up to is left.
struct AccountingDeleted {
    static constexpr RecordKind kind = RecordKind::accounting_deleted;

    Str0_255 channel_id;
    std::uint64_t timestamp = 0; // ms
    Str0_255 label;

    static constexpr auto fields(auto& s) {
        return in_order(Field{"channel_id", s.channel_id}, Field{"timestamp", s.timestamp}, Field{"label", s.label});
    }
    bool operator==(const AccountingDeleted&) const = default;
};

template <class R>
concept Record = Struct<R> && requires {
    { R::kind } -> std::convertible_to<RecordKind>;
};

using AnyRecord = std::variant<Share, ShareAccounting, Block, BlockStatus, BatchAcknowledgment, DeclaredJob, Solution,
                               AccountingDeleted>;

// Of one channel, or of the pool as a whole.
template <class R>
concept ChannelRecord = Record<R> && requires(const R& record) { record.channel_id; };

// A record taken apart. Its bytes are its kind, its fields encoded again, and `extra`.
struct ReadRecord {
    AnyRecord record;
    Bytes extra;                       // TLV fields, as sent
    Verdict verdict = Verdict::stored; // or above_target: what the record by itself deserves
};

// The record, or the verdict on bytes that are none.
std::expected<ReadRecord, Verdict> read_record(ByteView bytes);

// Nothing for no bytes at all; any number else, known or not.
Option<std::uint8_t> kind_of(ByteView record);

template <Record R> std::expected<Bytes, EncodeError> encode_record(const R& record, ByteView extra = {}) {
    Writer out;
    put(out, static_cast<std::uint8_t>(R::kind));
    put(out, record);
    out.put(extra);
    if (const auto error = out.error()) return std::unexpected(*error);
    return std::move(out).take();
}

} // namespace protocol
