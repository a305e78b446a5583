// Records to store.
#pragma once

#include "protocol/records.hpp"
#include "protocol/storage_requests.hpp"
#include "storage/store.hpp"
#include "tests/conformance/entry.hpp"

#include <bit>
#include <concepts>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace conformance {

inline constexpr storage::Milliseconds second = 1000;
inline constexpr storage::Milliseconds day = 24 * hour;
inline constexpr storage::Milliseconds noon = 1'700'000'000'000;
inline constexpr storage::Milliseconds top = noon / hour * hour; // of its hour

// Whose records they are, where a case needs no other.
inline const std::string pool = "pool";
inline const storage::StreamName stream{.identity = "alice", .stream_id = 1};

// As a number: little-endian.
inline protocol::U256 u256(std::uint64_t value) {
    protocol::U256 number;
    for (std::size_t i = 0; i < sizeof value; ++i) number.bytes.at(i) = static_cast<std::uint8_t>(value >> (8 * i));
    return number;
}
inline protocol::U256 power_of_2(unsigned exponent) {
    protocol::U256 number;
    number.bytes.at(exponent / 8) = static_cast<std::uint8_t>(1U << (exponent % 8));
    return number;
}

// An accepted share of work 1 and difficulty 1.
inline protocol::Share share(const std::string& channel_id, std::uint64_t hash,
                             storage::Milliseconds timestamp = noon) {
    protocol::Share share;
    share.channel_id.text = channel_id;
    share.share_hash = u256(hash);
    share.share_work = 1;
    share.difficulty = std::bit_cast<std::uint64_t>(1.0);
    share.timestamp = timestamp;
    share.accepted = 1;
    return share;
}

inline protocol::Share rejected(protocol::Share share) {
    share.accepted = 0;
    share.outcome = static_cast<std::uint8_t>(protocol::Outcome::failed);
    share.outcome_data.bytes = protocol::encode(protocol::FailedOutcome{.error_code = {"stale-share"}}).value();
    return share;
}

inline protocol::Share with_block(protocol::Share share) {
    share.outcome = static_cast<std::uint8_t>(protocol::Outcome::block_found);
    share.outcome_data.bytes =
        protocol::encode(protocol::BlockFoundOutcome{.template_id = 7, .coinbase = {{1, 2, 3}}}).value();
    return share;
}

inline protocol::Share with_target(protocol::Share share, const protocol::U256& target) {
    share.target = target;
    return share;
}

inline protocol::Share of_user(protocol::Share share, const std::string& user_identity) {
    share.user_identity.text = user_identity;
    return share;
}

inline protocol::Share numbered(protocol::Share share, std::uint32_t sequence_number) {
    share.sequence_number = sequence_number;
    return share;
}

inline protocol::Block block(const std::string& channel_id, std::uint64_t hash,
                             storage::Milliseconds timestamp = noon) {
    protocol::Block block;
    block.channel_id.text = channel_id;
    block.share_hash = u256(hash);
    block.difficulty = std::bit_cast<std::uint64_t>(2.0);
    block.timestamp = timestamp;
    return block;
}

inline protocol::BatchAcknowledgment batch_acknowledgment(const std::string& channel_id,
                                                          storage::Milliseconds timestamp = noon) {
    protocol::BatchAcknowledgment batch;
    batch.channel_id.text = channel_id;
    batch.last_sequence_number = 9;
    batch.new_submits_accepted_count = 3;
    batch.new_shares_sum = 30;
    batch.timestamp = timestamp;
    return batch;
}

inline protocol::BlockStatus block_status(std::uint64_t hash, protocol::BlockState state,
                                          storage::Milliseconds timestamp = noon) {
    protocol::BlockStatus status;
    status.share_hash = u256(hash);
    status.status = static_cast<std::uint8_t>(state);
    status.timestamp = timestamp;
    return status;
}

// That says what the totals do, but that the rejects have codes.
inline protocol::ShareAccounting report(const std::string& channel_id, const protocol::Totals& totals,
                                        storage::Milliseconds timestamp = noon) {
    protocol::ShareAccounting report;
    report.channel_id.text = channel_id;
    report.last_share_sequence_number = totals.last_sequence_number;
    report.shares_accepted = totals.shares_accepted;
    report.share_work_sum = totals.share_work_sum_low;
    report.best_difficulty = totals.best_difficulty;
    report.blocks_found = totals.blocks_found;
    const auto add = [&](const std::string& code, std::uint64_t count) {
        report.rejects.items.push_back(
            {.bytes = protocol::encode(protocol::RejectCount{.error_code = {code}, .count = count}).value()});
    };
    if (totals.shares_rejected > 0) add("stale-share", 1);
    if (totals.shares_rejected > 1) add("difficulty-too-low", totals.shares_rejected - 1);
    report.timestamp = timestamp;
    return report;
}

inline protocol::AccountingDeleted accounting_deleted(const std::string& channel_id,
                                                      storage::Milliseconds timestamp = noon) {
    protocol::AccountingDeleted deleted;
    deleted.channel_id.text = channel_id;
    deleted.timestamp = timestamp;
    return deleted;
}

inline protocol::DeclaredJob declared_job(std::uint8_t token, storage::Milliseconds timestamp = noon) {
    protocol::DeclaredJob job;
    job.mining_job_token.bytes = {1, token};
    job.new_mining_job_token.bytes = {2, token};
    job.user_identity.text = "a job's user";
    job.accepted = 1;
    job.version = 0x2000'0000;
    job.coinbase_tx_prefix.bytes = {1, 2, 3};
    job.wtxid_list.items = {u256(1), u256(token)};
    job.timestamp = timestamp;
    return job;
}

inline protocol::Solution solution(std::uint8_t token, std::uint64_t hash, storage::Milliseconds timestamp = noon) {
    protocol::Solution solution;
    solution.mining_job_token.bytes = {2, token};
    solution.share_hash = u256(hash);
    solution.extranonce.bytes = {9, 9};
    solution.nonce = 0xffff'ffff;
    solution.timestamp = timestamp;
    return solution;
}

inline protocol::B0_16M sent(protocol::Bytes bytes) {
    return {.bytes = std::move(bytes)};
}
template <protocol::Record R> protocol::B0_16M sent(const R& record, protocol::ByteView extra = {}) {
    return {.bytes = protocol::encode_record(record, extra).value()};
}
template <class... Records> std::vector<protocol::B0_16M> all_sent(const Records&... records) {
    return {sent(records)...};
}

// The record's bytes without the last of its fields' bytes: no field can be read from there.
template <protocol::Record R> protocol::Bytes cut_short(const R& record) {
    protocol::Bytes bytes = sent(record).bytes;
    bytes.pop_back();
    return bytes;
}

inline storage::Submission submission(const storage::Attachment& attachment, std::uint64_t first_sequence,
                                      std::vector<protocol::B0_16M> records, storage::Milliseconds received_at = noon) {
    return {.stream = attachment.stream,
            .epoch = attachment.epoch,
            .first_sequence = first_sequence,
            .records = std::move(records),
            .received_at = received_at};
}

} // namespace conformance
