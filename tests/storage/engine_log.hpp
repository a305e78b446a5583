// Records, and the transactions in which the log store would write them.
#pragma once

#include "protocol/codec.hpp"
#include "protocol/records.hpp"
#include "storage/engine.hpp"
#include "storage/integrity.hpp"
#include "storage/state.hpp"

#include <doctest/doctest.h>

#include <bit>
#include <cstdint>
#include <limits>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace engine_scene {

using protocol::Bytes;
using protocol::Outcome;
using protocol::RecordKind;
using protocol::Verdict;
using storage::LogEntry;
using storage::Position;
using storage::Transaction;

inline constexpr std::uint64_t end_of_numbers = std::numeric_limits<std::uint64_t>::max();
inline constexpr storage::Milliseconds noon = 1'790'000'000'000;

inline protocol::U256 hash(std::uint64_t number) {
    protocol::U256 hash;
    for (std::size_t i = 0; i < 32; ++i)
        hash.bytes.at(i) = static_cast<std::uint8_t>((number + 1) * (2 * i + 3) >> (i % 8));
    return hash;
}

inline protocol::Share share(std::uint64_t number, std::string channel = "1.1.1") {
    protocol::Share share;
    share.channel_id = {std::move(channel)};
    share.sequence_number = static_cast<std::uint32_t>(number);
    share.share_hash = hash(number);
    share.share_work = 1000 + number;
    share.difficulty = std::bit_cast<std::uint64_t>(1024.5);
    share.timestamp = noon + number;
    share.accepted = 1;
    share.outcome = static_cast<std::uint8_t>(Outcome::valid);
    share.user_identity = {"miner.worker"};
    return share;
}

inline void set_outcome(protocol::Share& share, Outcome outcome, const auto& data) {
    share.outcome = static_cast<std::uint8_t>(outcome);
    share.outcome_data = {protocol::encode(data).value()};
    share.accepted = outcome == Outcome::failed ? 0 : 1;
}

inline protocol::Block block(std::string channel, std::uint64_t timestamp = noon, Bytes coinbase = {}) {
    protocol::Block block;
    block.channel_id = {std::move(channel)};
    block.coinbase = {std::move(coinbase)};
    block.timestamp = timestamp;
    return block;
}

inline protocol::BatchAcknowledgment acknowledgment(std::string channel, std::uint64_t timestamp = noon) {
    protocol::BatchAcknowledgment batch;
    batch.channel_id = {std::move(channel)};
    batch.timestamp = timestamp;
    return batch;
}

// One of each kind, of a channel or of the pool, with this time.
inline std::vector<Bytes> one_of_each_kind(const std::string& channel, std::uint64_t timestamp) {
    protocol::Share share = engine_scene::share(1, channel);
    share.timestamp = timestamp;
    const protocol::RejectCount reject{.error_code = {"stale-share"}, .count = 3};
    return {
        *encode_record(share),
        *encode_record(protocol::ShareAccounting{.channel_id = {channel},
                                                 .rejects = {{{protocol::encode(reject).value()}}},
                                                 .timestamp = timestamp,
                                                 .label = {}}),
        *encode_record(block(channel, timestamp)),
        *encode_record(protocol::BlockStatus{.share_hash = hash(1), .status = 2, .timestamp = timestamp, .label = {}}),
        *encode_record(acknowledgment(channel, timestamp)),
        *encode_record(protocol::DeclaredJob{.mining_job_token = {{1}},
                                             .new_mining_job_token = {},
                                             .user_identity = {"a-miner"},
                                             .error_code = {"invalid-job"},
                                             .coinbase_tx_prefix = {},
                                             .coinbase_tx_suffix = {},
                                             .wtxid_list = {{hash(1), hash(2)}},
                                             .excess_data = {},
                                             .timestamp = timestamp,
                                             .label = {}}),
        *encode_record(protocol::Solution{.mining_job_token = {},
                                          .share_hash = {},
                                          .extranonce = {{1, 2}},
                                          .prev_hash = hash(3),
                                          .timestamp = timestamp,
                                          .label = {}}),
        *encode_record(protocol::AccountingDeleted{.channel_id = {channel}, .timestamp = timestamp, .label = {}}),
    };
}

inline constexpr std::size_t kinds = std::variant_size_v<protocol::AnyRecord>;

// Makes transactions as the log store would. A stream's pool is "pool", but that of those from 100 on is "other-pool".
class Log {
  public:
    explicit Log(storage::Engine& engine) {
        const auto contents = engine.load();
        REQUIRE(contents);
        transaction_ = storage::behind(contents->head);
        for (const auto& row : contents->streams) streams_[row.number] = row;
        for (const auto& row : contents->channels) channels_[{row.pool, row.channel_id}] = row.number;
    }

    Log& add(std::uint32_t stream, Bytes bytes, Verdict verdict = Verdict::stored) {
        LogEntry entry;
        entry.position = ++transaction_.head.position;
        entry.stream = stream;
        entry.sequence = ++change(stream).durable_sequence;
        entry.received_at = noon + 7;
        entry.bytes = std::move(bytes);
        if (auto read = protocol::read_record(entry.bytes)) {
            entry.verdict = verdict == Verdict::stored ? read->verdict : verdict;
            entry.channel = channel(streams_[stream].pool, storage::channel_id_of(read->record));
            entry.time = storage::effective_time(read->record, entry.received_at);
            entry.content = *std::move(read);
            if (std::holds_alternative<protocol::Share>(entry.content->record) && entry.verdict == Verdict::stored)
                entry.fingerprint = entry.position * 0x9e3779b97f4a7c15; // spread over all 64 bits
        } else {
            entry.verdict = read.error();
        }
        entry.checksum = storage::checksum_of(entry);
        transaction_.head.chain = storage::next_link(transaction_.head.chain, entry.checksum);
        transaction_.entries.push_back(std::move(entry));
        return *this;
    }
    template <protocol::Record R> Log& add(std::uint32_t stream, const R& record, const Bytes& extra = {}) {
        const auto bytes = protocol::encode_record(record, extra);
        REQUIRE(bytes);
        return add(stream, *bytes);
    }
    Log& add_duplicate(std::uint32_t stream, const protocol::Share& share) {
        return add(stream, *protocol::encode_record(share), Verdict::duplicate_share);
    }
    Log& add_shares(std::uint32_t stream, std::size_t count) {
        for (; count > 0; --count) add(stream, share(transaction_.head.position + 1));
        return *this;
    }
    Log& derive(Bytes key, Bytes value) {
        transaction_.derived.push_back({std::move(key), std::move(value)});
        return *this;
    }
    // Everything since the last run; of these hours only the run is changed.
    Log& close_run(std::vector<storage::HourRow> hours = {}) {
        const Position last = transaction_.head.position;
        transaction_.runs.push_back({.first = run_end_ + 1, .last = last, .chain = transaction_.head.chain});
        for (storage::HourRow& row : hours) {
            row.run = last;
            row.checksum = storage::checksum_of(row);
            transaction_.hours.push_back(row);
        }
        run_end_ = last;
        return *this;
    }
    // Records up to this position count as gone.
    Log& expire(Position removed) {
        transaction_.head.removed = removed;
        return *this;
    }
    // These are taken out; of their streams, nothing up to the last of them is to be asked for any more.
    Log& take_out(const std::vector<LogEntry>& entries) {
        for (const LogEntry& entry : entries) change(entry.stream).removed_sequence = entry.sequence;
        transaction_.removed.insert(transaction_.removed.end(), entries.begin(), entries.end());
        return *this;
    }

    // What was done since the last call.
    Transaction take() {
        for (const std::uint32_t stream : changed_) transaction_.streams.push_back(streams_[stream]);
        changed_.clear();
        ++transaction_.head.term; // a role keeps its term; these change it, to see that it is compared
        return std::exchange(transaction_, storage::behind(transaction_.head));
    }

  private:
    storage::StreamRow& change(std::uint32_t number) {
        changed_.insert(number);
        auto& row = streams_[number];
        if (row.number == 0)
            row = {
                .number = number, .name = {"pool", number}, .pool = number < 100 ? "pool" : "other-pool", .epoch = 1};
        return row;
    }
    std::uint32_t channel(const std::string& pool, const std::string& id) {
        const auto number = static_cast<std::uint32_t>(channels_.size() + 1);
        const auto [found, is_new] = channels_.try_emplace({pool, id}, number);
        if (is_new) transaction_.channels.push_back({.number = number, .pool = pool, .channel_id = id});
        return found->second;
    }

    Transaction transaction_;
    std::map<std::uint32_t, storage::StreamRow> streams_;
    std::map<std::pair<std::string, std::string>, std::uint32_t> channels_;
    std::set<std::uint32_t> changed_;
    Position run_end_ = 0;
};

} // namespace engine_scene
