#include "clients/mock_pool/share_maker.hpp"

#include "noise/hash.hpp"
#include "protocol/codec.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <string_view>
#include <utility>

namespace mock_pool {

namespace {

constexpr std::uint32_t shares_per_batch = 50;
constexpr std::uint32_t batches_per_report = 4;
constexpr double blocks_percent = 0.1;  // of accepted shares
constexpr double decided_percent = 1;   // of shares: something becomes of a block behind them
constexpr double orphaned_percent = 10; // of decided blocks
constexpr std::size_t max_remembered = 10'000;
constexpr std::uint32_t channels_per_connection = 4;
constexpr std::size_t header_size = 80; // of a block
constexpr std::size_t nonce_offset = 76;

// What SRI's pool puts into SubmitShares.Error.
constexpr std::array<std::string_view, 7> share_reject_codes{
    "invalid-channel-id", "invalid-share",   "stale-share",        "invalid-job-id",
    "difficulty-too-low", "duplicate-share", "bad-extranonce-size"};

// The numbers of `bits` leading zero bits are those up to this one.
protocol::U256 target_of(unsigned bits) {
    protocol::U256 target; // little-endian
    if (bits == 0) return target;
    target.bytes.fill(0xff);
    for (unsigned bit = 256 - bits; bit < 256; ++bit)
        target.bytes.at(bit / 8) &= static_cast<std::uint8_t>(~(1U << (bit % 8)));
    return target;
}

bool has_leading_zeros(const protocol::U256& hash, unsigned bits) {
    for (unsigned bit = 256 - bits; bit < 256; ++bit)
        if ((hash.bytes.at(bit / 8) >> (bit % 8) & 1U) != 0) return false;
    return true;
}

template <protocol::Struct S> protocol::B0_64K encoded(const S& value) {
    return {.bytes = protocol::encode(value).value()}; // short of any limit
}

} // namespace

ShareMaker::ShareMaker(const ShareSettings& settings) : settings_{settings}, target_{target_of(settings.grind_bits)} {
    std::seed_seq seed{static_cast<std::uint32_t>(settings.seed), static_cast<std::uint32_t>(settings.seed >> 32U),
                       settings.life};
    random_.seed(seed);
    // As a pool names them that must never name two alike: server, its start, connection, channel.
    for (std::uint32_t i = 0; i < settings.channels; ++i)
        channels_.push_back({.id = fmt::format("{}.{}.{}.{}", settings.seed, settings.life,
                                               1 + i / channels_per_connection, 1 + i % channels_per_connection),
                             .user_identity = fmt::format("miner{}.rig{}", i / channels_per_connection, i),
                             .work = (std::uint64_t{1} << settings.grind_bits) * (1 + i % 16)});
}

bool ShareMaker::happens(double percent) {
    return static_cast<double>(random_() >> 11U) * 0x1p-53 * 100 < percent;
}

protocol::U256 ShareMaker::next_hash(unsigned bits) {
    std::array<std::uint8_t, header_size> header;
    for (std::size_t i = 0; i < header.size(); i += 8) {
        const auto word = std::bit_cast<std::array<std::uint8_t, 8>>(random_());
        std::ranges::copy(word, header.begin() + static_cast<std::ptrdiff_t>(i));
    }
    for (;;) {
        const protocol::U256 hash{noise::sha256({noise::sha256({header})})};
        if (has_leading_zeros(hash, bits)) return hash;
        for (std::size_t i = nonce_offset; i < header.size() && ++header.at(i) == 0; ++i) {
        }
    }
}

void ShareMaker::make(std::uint64_t timestamp, std::vector<MadeRecord>& out) {
    auto index = static_cast<std::uint32_t>(random_() % channels_.size());
    const bool is_duplicate = happens(settings_.duplicates_percent) && !accepted_.empty();
    const bool is_reject = !is_duplicate && happens(settings_.rejects_percent);
    protocol::U256 hash;
    if (is_duplicate) {
        const Accepted& earlier = accepted_[random_() % accepted_.size()];
        index = earlier.channel;
        hash = earlier.share_hash;
    } else {
        hash = next_hash(is_reject ? 0 : settings_.grind_bits);
    }

    Channel& channel = channels_[index];
    protocol::Share share{.channel_id = {channel.id},
                          .sequence_number = ++channel.sequence_number,
                          .share_hash = hash,
                          .target = target_,
                          .share_work = channel.work,
                          .difficulty = std::bit_cast<std::uint64_t>(static_cast<double>(channel.work)),
                          .timestamp = timestamp,
                          .accepted = 1,
                          .outcome = static_cast<std::uint8_t>(protocol::Outcome::valid),
                          .outcome_data = {},
                          .user_identity = {channel.user_identity},
                          .label = {}};
    if (!is_duplicate) channel.counted.last_share_sequence_number = share.sequence_number;
    if (is_duplicate) {
        out.push_back({.record = std::move(share), .is_duplicate = true});
    } else if (is_reject) {
        const std::size_t code = random_() % share_reject_codes.size();
        share.accepted = 0;
        share.outcome = static_cast<std::uint8_t>(protocol::Outcome::failed);
        share.outcome_data = encoded(protocol::FailedOutcome{.error_code = {std::string{share_reject_codes.at(code)}}});
        ++channel.rejects.at(code);
        out.push_back({.record = std::move(share)});
    } else {
        if (accepted_.size() < max_remembered) accepted_.emplace_back();
        accepted_[next_accepted_++ % accepted_.size()] = {.channel = index, .share_hash = hash};
        next_accepted_ %= max_remembered;
        make_accepted(std::move(share), channel, out);
    }
    if (!submitted_.empty() && happens(decided_percent)) decide_block(timestamp, out);
}

void ShareMaker::make_accepted(protocol::Share share, Channel& channel, std::vector<MadeRecord>& out) {
    ++channel.counted.shares_accepted;
    channel.counted.share_work_sum += share.share_work;
    channel.counted.best_difficulty = share.difficulty; // all of a channel's are alike
    if (++channel.accepted_in_batch == shares_per_batch)
        end_batch(std::move(share), channel, out);
    else if (happens(blocks_percent))
        find_block(std::move(share), channel, out);
    else
        out.push_back({.record = std::move(share)});
}

void ShareMaker::end_batch(protocol::Share share, Channel& channel, std::vector<MadeRecord>& out) {
    channel.accepted_in_batch = 0;
    const protocol::BatchAcknowledgment batch{.channel_id = share.channel_id,
                                              .last_sequence_number = share.sequence_number,
                                              .new_submits_accepted_count = shares_per_batch,
                                              .new_shares_sum = channel.work * shares_per_batch,
                                              .timestamp = share.timestamp,
                                              .label = {}};
    share.outcome = static_cast<std::uint8_t>(protocol::Outcome::valid_with_acknowledgment);
    share.outcome_data =
        encoded(protocol::AcknowledgmentOutcome{.last_sequence_number = batch.last_sequence_number,
                                                .new_submits_accepted_count = batch.new_submits_accepted_count,
                                                .new_shares_sum = batch.new_shares_sum});
    const std::uint64_t timestamp = share.timestamp;
    out.push_back({.record = std::move(share)});
    out.push_back({.record = batch});
    if (++channel.batches % batches_per_report == 0) report(channel, timestamp, out);
}

void ShareMaker::report(const Channel& channel, std::uint64_t timestamp, std::vector<MadeRecord>& out) {
    protocol::ShareAccounting report = channel.counted;
    report.channel_id = {channel.id};
    report.timestamp = timestamp;
    for (std::size_t code = 0; code < share_reject_codes.size(); ++code)
        if (channel.rejects.at(code) > 0)
            report.rejects.items.push_back(encoded(protocol::RejectCount{
                .error_code = {std::string{share_reject_codes.at(code)}}, .count = channel.rejects.at(code)}));
    out.push_back({.record = std::move(report)});
}

void ShareMaker::find_block(protocol::Share share, Channel& channel, std::vector<MadeRecord>& out) {
    ++channel.counted.blocks_found;
    submitted_.push_back(share.share_hash);
    const protocol::Block block{.channel_id = share.channel_id,
                                .share_hash = share.share_hash,
                                .template_id = random_(),
                                .coinbase = {.bytes = protocol::Bytes(120, static_cast<std::uint8_t>(random_()))},
                                .difficulty = share.difficulty,
                                .timestamp = share.timestamp,
                                .label = {}};
    const protocol::BlockStatus status{.share_hash = share.share_hash,
                                       .status = static_cast<std::uint8_t>(protocol::BlockState::submitted),
                                       .timestamp = share.timestamp,
                                       .label = {}};
    share.outcome = static_cast<std::uint8_t>(protocol::Outcome::block_found);
    share.outcome_data =
        encoded(protocol::BlockFoundOutcome{.template_id = block.template_id, .coinbase = block.coinbase});
    out.push_back({.record = std::move(share)});
    out.push_back({.record = block});
    out.push_back({.record = status});
}

// What became of the oldest block that is still open.
void ShareMaker::decide_block(std::uint64_t timestamp, std::vector<MadeRecord>& out) {
    const auto state = happens(orphaned_percent) ? protocol::BlockState::orphaned : protocol::BlockState::confirmed;
    out.push_back({.record = protocol::BlockStatus{.share_hash = submitted_.front(),
                                                   .status = static_cast<std::uint8_t>(state),
                                                   .timestamp = timestamp,
                                                   .label = {}}});
    submitted_.pop_front();
}

void ShareMaker::forget() {
    accepted_.clear();
    next_accepted_ = 0;
    submitted_.clear();
    for (Channel& channel : channels_) {
        channel.counted = {};
        channel.rejects = {};
    }
}

MadeRecord ShareMaker::again(protocol::Share share, std::uint64_t timestamp) {
    share.timestamp = timestamp;
    share.outcome = static_cast<std::uint8_t>(protocol::Outcome::valid);
    share.outcome_data = {};
    return {.record = std::move(share), .is_duplicate = true};
}

} // namespace mock_pool
