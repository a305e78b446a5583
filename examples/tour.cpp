#include "examples/tour.hpp"

#include "examples/must.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <bit>
#include <ctime>
#include <iterator>
#include <string_view>

namespace examples {

namespace {

// Sums of work have 128 bits.
std::string to_text(const storage::Uint128& number) {
    __extension__ using Wide = unsigned __int128;
    return fmt::format("{}", (static_cast<Wide>(number.high) << 64U) | number.low);
}

std::string to_text(storage::Milliseconds time) {
    return fmt::format("{:%H:%M:%S}", fmt::gmtime(static_cast<std::time_t>(time / 1000)));
}

std::string_view to_text(Source source) {
    return source == Source::reported ? "reported by the pool" : "derived from the shares";
}

// All were made to count.
void expect_stored(protocol::Verdict verdict) {
    if (verdict != protocol::Verdict::stored)
        throw std::runtime_error{fmt::format("a record counts nowhere: {}", protocol::to_text(verdict))};
}

std::string answers_on_channel(const ShareAccountingStorage& storage, const std::string& channel) {
    const ChannelStats stats = must(storage.get_channel_stats(channel));
    std::string text = fmt::format("{}\n  {} shares, {} accepted, {} refused; work {}; best difficulty {}; blocks {}\n",
                                   channel, stats.total_shares, stats.accepted_shares, stats.rejected_shares,
                                   to_text(stats.total_work), stats.best_difficulty, stats.blocks_found);
    auto out = std::back_inserter(text);
    if (stats.first_share_timestamp && stats.last_share_timestamp)
        fmt::format_to(out, "  from {} to {}\n", to_text(*stats.first_share_timestamp),
                       to_text(*stats.last_share_timestamp));
    if (const auto accounting = must(storage.get_share_accounting(channel)))
        fmt::format_to(out, "  accounting, {}: {} accepted, work {}\n", to_text(accounting->source),
                       accounting->shares_accepted, to_text(accounting->share_work_sum));
    for (const protocol::Share& share : must(storage.get_share_records(channel, {}, 2)))
        fmt::format_to(out, "  share {} at {}: difficulty {}, {}\n", share.label.text, to_text(share.timestamp),
                       std::bit_cast<double>(share.difficulty), share.accepted != 0 ? "accepted" : "refused");
    for (const auto& batch : must(storage.get_batch_acknowledgments(channel)))
        fmt::format_to(out, "  acknowledgment {} up to share {}\n", batch.label.text, batch.last_sequence_number);
    for (const BlockRecord& found : must(storage.get_channel_blocks(channel)))
        fmt::format_to(out, "  block {}\n", found.block.label.text);
    return text;
}

} // namespace

void store_each(ShareAccountingStorage& storage, const MockData& data) {
    for (const auto& share : data.shares) expect_stored(must(storage.store_share_record(share)));
    for (const auto& block : data.blocks) expect_stored(must(storage.store_block_record(block)));
    for (const auto& batch : data.batch_acknowledgments) expect_stored(must(storage.store_batch_acknowledgment(batch)));
    for (const auto& report : data.reports) expect_stored(must(storage.store_share_accounting(report)));
}

std::string answers(const ShareAccountingStorage& storage, const MockData& data) {
    std::string text;
    for (const std::string& channel : must(storage.list_channels())) text += answers_on_channel(storage, channel);
    auto out = std::back_inserter(text);
    fmt::format_to(out, "all channels: {} shares, work of the accepted {}\n", must(storage.get_total_shares()),
                   to_text(must(storage.get_total_work())));
    for (const BlockRecord& found : must(storage.get_block_records()))
        fmt::format_to(out, "block {} of {}\n", found.block.label.text, found.block.channel_id.text);
    std::size_t seen = 0;
    for (const protocol::Share& share : data.shares)
        seen += must(storage.is_share_seen(share.channel_id.text, share.share_hash)) ? 1 : 0;
    fmt::format_to(out, "seen, and accepted: {} of {} shares\n", seen, data.shares.size());
    return text;
}

} // namespace examples
