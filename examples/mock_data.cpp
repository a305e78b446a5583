#include "examples/mock_data.hpp"

#include <fmt/format.h>

#include <bit>
#include <chrono>
#include <cstdint>

namespace examples {

namespace {

using storage::Milliseconds;

constexpr Milliseconds second = 1000;

struct Channel {
    const char* id;
    std::uint64_t first_work;
    std::uint64_t work_step; // from one share to the next
};
constexpr Channel channels[]{
    {.id = "channel_mining_001", .first_work = 1000, .work_step = 100},
    {.id = "channel_mining_002", .first_work = 2000, .work_step = 150},
    {.id = "channel_extended_001", .first_work = 5000, .work_step = 200},
    {.id = "channel_standard_001", .first_work = 5000, .work_step = 200},
    {.id = "channel_standard_002", .first_work = 5000, .work_step = 200},
};

// The share of the channel, counted from 0, whose hash was below the target of the network, too.
struct Find {
    const char* channel_id;
    std::uint64_t share;
    std::uint64_t number;
};
constexpr Find finds[]{
    {.channel_id = "channel_mining_001", .share = 4, .number = 12345},
    {.channel_id = "channel_extended_001", .share = 5, .number = 12346},
    {.channel_id = "channel_mining_002", .share = 6, .number = 12347},
};

const Find* find_of(const std::string& channel_id, std::uint64_t share) {
    for (const Find& find : finds) {
        if (channel_id == find.channel_id && share == find.share) return &find;
    }
    return nullptr;
}

// No real hash: a number that no other share has.
protocol::U256 hash_of(std::uint64_t channel, std::uint64_t share) {
    protocol::U256 hash;
    hash.bytes[0] = static_cast<std::uint8_t>(share + 1);
    hash.bytes[1] = static_cast<std::uint8_t>(channel + 1);
    hash.bytes[28] = 0xab; // a hash is a little-endian number: this one is small, as those of shares are
    return hash;
}

std::uint64_t bits_of(double difficulty) {
    return std::bit_cast<std::uint64_t>(difficulty);
}

protocol::Bytes coinbase_of(const Find& find) {
    const std::string text = fmt::format("coinbase of block {}", find.number);
    return {text.begin(), text.end()};
}

template <class Data> void set_outcome(protocol::Share& share, protocol::Outcome outcome, const Data& data) {
    share.outcome = static_cast<std::uint8_t>(outcome);
    share.outcome_data.bytes = protocol::encode(data).value();
}

protocol::Share make_share(std::uint64_t channel, std::uint64_t k, Milliseconds begin) {
    const Channel& its = channels[channel];
    protocol::Share share;
    share.channel_id.text = its.id;
    share.sequence_number = static_cast<std::uint32_t>(k + 1);
    share.share_hash = hash_of(channel, k);
    share.share_work = its.first_work + its.work_step * k;
    share.difficulty = bits_of(static_cast<double>(share.share_work) / 1000);
    share.timestamp = begin + (300 * channel + 30 * k) * second;
    share.user_identity.text = fmt::format("miner_{}.worker", channel + 1);
    share.label.text = fmt::format("share_{}_{}", its.id, share.sequence_number);
    share.accepted = k % 7 == 0 ? 0 : 1;
    if (share.accepted == 0) {
        set_outcome(share, protocol::Outcome::failed, protocol::FailedOutcome{.error_code = {"difficulty-too-low"}});
    } else if (const Find* const find = find_of(its.id, k)) {
        set_outcome(share, protocol::Outcome::block_found,
                    protocol::BlockFoundOutcome{.template_id = find->number, .coinbase = {coinbase_of(*find)}});
    } else if (k % 5 == 3) {
        set_outcome(share, protocol::Outcome::valid_with_acknowledgment,
                    protocol::AcknowledgmentOutcome{.last_sequence_number = share.sequence_number,
                                                    .new_submits_accepted_count = 4,
                                                    .new_shares_sum = 4 * share.share_work});
    } else {
        share.outcome = static_cast<std::uint8_t>(protocol::Outcome::valid);
    }
    return share;
}

protocol::Block make_block(const protocol::Share& share, const Find& find) {
    return {.channel_id = share.channel_id,
            .share_hash = share.share_hash,
            .template_id = find.number,
            .coinbase = {coinbase_of(find)},
            .difficulty = share.difficulty,
            .timestamp = share.timestamp,
            .label = {fmt::format("block_{}", find.number)}};
}

} // namespace

MockData make_mock_data(Milliseconds now) {
    const Milliseconds begin = now - 30 * 60 * second;
    MockData data;
    for (std::uint64_t i = 0; i < std::size(channels); ++i) {
        const std::string id = channels[i].id;
        data.channels.push_back(id);
        for (std::uint64_t k = 0; k < 10 + 2 * i; ++k) data.shares.push_back(make_share(i, k, begin));
        for (std::uint32_t batch = 0; batch < 3; ++batch) {
            data.batch_acknowledgments.push_back({.channel_id = {id},
                                                  .last_sequence_number = 3 * (batch + 1),
                                                  .new_submits_accepted_count = 3,
                                                  .new_shares_sum = 3 * channels[i].first_work,
                                                  .timestamp = begin + (300 * i + 90 * batch) * second,
                                                  .label = {fmt::format("batch_{}_{}", id, batch)}});
        }
        protocol::ShareAccounting report;
        report.channel_id.text = id;
        report.last_share_sequence_number = data.shares.back().sequence_number;
        report.shares_accepted = 50 * (i + 1);
        report.share_work_sum = 1'000'000 * (i + 1);
        report.best_difficulty = data.shares.back().difficulty;
        report.timestamp = now;
        data.reports.push_back(report);
    }
    for (const Find& find : finds) {
        for (const protocol::Share& share : data.shares) {
            if (find_of(share.channel_id.text, share.sequence_number - 1) == &find)
                data.blocks.push_back(make_block(share, find));
        }
    }
    return data;
}

Milliseconds now() {
    const auto since_1970 = std::chrono::system_clock::now().time_since_epoch();
    return static_cast<Milliseconds>(std::chrono::duration_cast<std::chrono::milliseconds>(since_1970).count());
}

std::vector<protocol::AnyRecord> in_order(const MockData& data) {
    std::vector<protocol::AnyRecord> records;
    records.insert(records.end(), data.shares.begin(), data.shares.end());
    records.insert(records.end(), data.blocks.begin(), data.blocks.end());
    records.insert(records.end(), data.batch_acknowledgments.begin(), data.batch_acknowledgments.end());
    records.insert(records.end(), data.reports.begin(), data.reports.end());
    return records;
}

} // namespace examples
