// Records, submissions and stores to try them on.
#pragma once

#include "protocol/records.hpp"
#include "storage/faulty_engine.hpp"
#include "storage/log_store.hpp"
#include "storage/memory/memory_engine.hpp"

#include <doctest/doctest.h>

#include <bit>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace fixtures {

inline constexpr storage::Milliseconds today = 1'800'000'000'000;
inline constexpr auto all_bytes = std::numeric_limits<std::size_t>::max();
inline const std::string pool = "a-pool";
inline constexpr std::uint64_t max64 = std::numeric_limits<std::uint64_t>::max();

inline protocol::U256 hash(std::uint64_t number) {
    protocol::U256 hash;
    for (std::size_t i = 0; i < sizeof number; ++i) hash.bytes[i] = static_cast<std::uint8_t>(number >> (8 * i));
    return hash;
}

// Accepted, with a work of 10.
inline protocol::Share share(std::uint64_t number, const std::string& channel = "1.1.1.1") {
    protocol::Share share;
    share.channel_id.text = channel;
    share.sequence_number = static_cast<std::uint32_t>(number);
    share.share_hash = hash(number);
    share.share_work = 10;
    share.difficulty = std::bit_cast<std::uint64_t>(1.0);
    share.timestamp = today;
    share.accepted = 1;
    return share;
}

inline protocol::Block block(std::uint64_t number, const std::string& channel = "1.1.1.1") {
    protocol::Block block;
    block.channel_id.text = channel;
    block.share_hash = hash(number);
    block.timestamp = today;
    return block;
}

inline protocol::ShareAccounting report(std::uint64_t shares_accepted, const std::string& channel = "1.1.1.1") {
    protocol::ShareAccounting report;
    report.channel_id.text = channel;
    report.shares_accepted = shares_accepted;
    report.timestamp = today;
    return report;
}

inline protocol::AccountingDeleted deletion(const std::string& channel = "1.1.1.1") {
    protocol::AccountingDeleted deleted;
    deleted.channel_id.text = channel;
    deleted.timestamp = today;
    return deleted;
}

inline protocol::BatchAcknowledgment acknowledgment(const std::string& channel = "1.1.1.1") {
    protocol::BatchAcknowledgment acknowledgment;
    acknowledgment.channel_id.text = channel;
    acknowledgment.timestamp = today;
    return acknowledgment;
}

inline protocol::BlockStatus status(std::uint64_t number, protocol::BlockState state) {
    protocol::BlockStatus status;
    status.share_hash = hash(number);
    status.status = static_cast<std::uint8_t>(state);
    status.timestamp = today;
    return status;
}

inline protocol::DeclaredJob job() {
    protocol::DeclaredJob job;
    job.error_code.text = "invalid-mining-job-token";
    job.timestamp = today;
    return job;
}

inline protocol::Solution solution() {
    protocol::Solution solution;
    solution.timestamp = today;
    return solution;
}

// A share that found a block.
inline protocol::Share finder(std::uint64_t number, const std::string& channel = "1.1.1.1") {
    auto found = share(number, channel);
    found.outcome = static_cast<std::uint8_t>(protocol::Outcome::block_found);
    found.outcome_data.bytes = *protocol::encode(protocol::BlockFoundOutcome{});
    return found;
}

inline protocol::B0_16M bytes(const protocol::Record auto& record) {
    auto encoded = protocol::encode_record(record);
    REQUIRE(encoded.has_value());
    return {*std::move(encoded)};
}

inline const protocol::B0_16M no_record{{0xee, 1, 2, 3}}; // of an unknown kind

inline std::vector<protocol::B0_16M> shares(std::uint64_t first, std::uint64_t last,
                                            const std::string& channel = "1.1.1.1") {
    std::vector<protocol::B0_16M> records;
    for (std::uint64_t number = first; number <= last; ++number) records.push_back(bytes(share(number, channel)));
    return records;
}

inline storage::Submission submission(const storage::Attachment& to, std::uint64_t first,
                                      std::vector<protocol::B0_16M> records) {
    return {.stream = to.stream,
            .epoch = to.epoch,
            .first_sequence = first,
            .records = std::move(records),
            .received_at = today};
}

inline storage::Attachment attach(storage::Store& store, std::uint64_t stream_id = 1, const std::string& to = pool) {
    const auto attachment = store.attach({.identity = "a-client", .stream_id = stream_id}, to);
    REQUIRE(attachment.has_value());
    return *attachment;
}

// The outcomes of a commit that must not fail.
inline std::vector<storage::Outcome> commit(storage::Store& store,
                                            const std::vector<storage::Submission>& submissions) {
    auto outcomes = store.commit(submissions);
    REQUIRE(outcomes.has_value());
    REQUIRE(outcomes->size() == submissions.size());
    return *std::move(outcomes);
}
inline storage::Outcome commit_one(storage::Store& store, storage::Submission submission) {
    return commit(store, {std::move(submission)}).front();
}

inline storage::Outcome stored(std::uint64_t last, std::vector<storage::SequenceVerdict> verdicts = {},
                               std::uint64_t unread = 0) {
    return storage::Stored{.last_sequence = last, .verdicts = std::move(verdicts), .unread = unread};
}
inline storage::Outcome refused(storage::Refused why) {
    return storage::Outcome{std::unexpected(why)};
}

// All of them, newest first.
inline std::vector<protocol::StoredRecord> records(const storage::Store& store, protocol::RecordKind kind,
                                                   const std::string& channel = "1.1.1.1") {
    const auto page = store.records({.pool = pool,
                                     .kind = kind,
                                     .channel_id = channel,
                                     .range = {},
                                     .after = {},
                                     .limit = {.items = 0, .bytes = all_bytes}});
    REQUIRE(page.has_value());
    REQUIRE_FALSE(page->next.has_value());
    return page->records;
}

inline protocol::Totals totals(const storage::Store& store, const std::string& of = pool) {
    const auto totals = store.totals(of, {});
    REQUIRE(totals.has_value());
    return totals->in_range.totals;
}

inline storage::FaultHook no_faults() {
    return [](std::string_view, storage::Moment) { return std::nullopt; };
}

// A store over an engine that outlives it.
inline std::unique_ptr<storage::LogStore> open(const std::shared_ptr<storage::Engine>& engine,
                                               storage::FaultHook hook = no_faults(),
                                               storage::Position save_interval = 100'000) {
    auto store =
        storage::LogStore::open(std::make_unique<storage::FaultyEngine>(engine, std::move(hook)), save_interval);
    REQUIRE(store.has_value());
    return *std::move(store);
}

inline std::unique_ptr<storage::LogStore> fresh() {
    return open(std::make_shared<storage::MemoryEngine>());
}

inline storage::StorageError error(storage::StorageError::Kind kind) {
    return {.kind = kind, .detail = "on order"};
}

} // namespace fixtures
