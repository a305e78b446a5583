#include "examples/questions.hpp"

#include "examples/must.hpp"

#include <algorithm>

namespace examples {

Questions make_questions(const MockData& data) {
    Questions questions;
    questions.channels = data.channels;
    for (const std::string& channel : data.channels) {
        const auto is_accepted_here = [&](const protocol::Share& share) {
            return share.channel_id.text == channel && share.accepted != 0;
        };
        questions.hashes.push_back(std::ranges::find_if(data.shares, is_accepted_here)->share_hash);
    }
    return questions;
}

std::size_t ask(const ShareAccountingStorage& storage, const Questions& questions) {
    std::size_t items = must(storage.list_channels()).size() + must(storage.get_block_records()).size();
    for (std::size_t i = 0; i < questions.channels.size(); ++i) {
        const std::string& channel = questions.channels[i];
        items += must(storage.get_share_accounting(channel)).has_value() ? 1 : 0;
        items += must(storage.get_share_records(channel, {}, questions.records_limit)).size();
        items += must(storage.is_share_seen(channel, questions.hashes[i])) ? 1 : 0;
        items += must(storage.get_channel_blocks(channel)).size();
        items += must(storage.get_batch_acknowledgments(channel)).size();
        items += must(storage.get_channel_stats(channel)).total_shares;
    }
    items += must(storage.get_total_shares());
    items += must(storage.get_total_work()).low;
    items += storage.health_check().is_healthy ? 1 : 0;
    return items;
}

} // namespace examples
