#include "storage/state.hpp"

#include "protocol/codec.hpp"
#include "storage/integrity.hpp"

#include <algorithm>
#include <sodium.h>
#include <variant>

namespace storage {

namespace {

// Keys: `position_key` alone, and `channel_key` with the channel's number. Values end with their seal.
constexpr std::uint8_t position_key = 0;
constexpr std::uint8_t channel_key = 1;
constexpr std::uint32_t derived_form = 1; // raised whenever what is derived, or its encoding, changes

struct SavedPosition {
    std::uint32_t form = 0;
    Position position = 0;
    protocol::U256 chain;
    std::uint32_t channels = 0; // that have a value

    static constexpr auto fields(auto& s) {
        return std::tuple{protocol::Field{"form", s.form}, protocol::Field{"position", s.position},
                          protocol::Field{"chain", s.chain}, protocol::Field{"channels", s.channels}};
    }
};

struct SavedChannel {
    Tally tally;
    protocol::Seq<Block, 0xffff'ffff, 4> blocks;

    static constexpr auto fields(auto& s) {
        return std::tuple{protocol::Field{"tally", s.tally}, protocol::Field{"blocks", s.blocks}};
    }
};

protocol::Bytes key_of_channel(std::uint32_t number) {
    protocol::Bytes key;
    protocol::Writer out{key};
    out.put_integer(channel_key, 1);
    out.put_integer(number, 4);
    return key;
}

using Seal = std::array<std::uint8_t, 16>;

Seal seal_of(protocol::ByteView key, protocol::ByteView value) {
    crypto_generichash_state state;
    Seal seal{};
    crypto_generichash_init(&state, nullptr, 0, seal.size());
    crypto_generichash_update(&state, key.data(), key.size());
    crypto_generichash_update(&state, value.data(), value.size());
    crypto_generichash_final(&state, seal.data(), seal.size());
    return seal;
}

template <class Value> KeyValue sealed(protocol::Bytes key, const Value& value) {
    protocol::Bytes bytes;
    protocol::Writer out{bytes};
    put(out, value);
    out.put(seal_of(key, bytes));
    return {.key = std::move(key), .value = std::move(bytes)};
}

using ByKey = std::map<std::string, const KeyValue*>;

template <class Value> std::optional<Value> unsealed(const ByKey& saved, const protocol::Bytes& key) {
    const auto found = saved.find({key.begin(), key.end()});
    if (found == saved.end()) return std::nullopt;
    const protocol::ByteView bytes{found->second->value};
    if (bytes.size() < std::tuple_size_v<Seal>) return std::nullopt;
    const auto value = bytes.first(bytes.size() - std::tuple_size_v<Seal>);
    if (!std::ranges::equal(seal_of(key, value), bytes.last(std::tuple_size_v<Seal>))) return std::nullopt;
    protocol::Reader in{value};
    auto decoded = protocol::decode<Value>(in);
    if (!decoded || !in.rest().empty()) return std::nullopt;
    return *std::move(decoded);
}

const protocol::U256* block_of(const protocol::AnyRecord& record) {
    if (const auto* block = std::get_if<protocol::Block>(&record)) return &block->share_hash;
    const auto* share = std::get_if<protocol::Share>(&record);
    const bool found = share != nullptr && share->outcome == static_cast<std::uint8_t>(protocol::Outcome::block_found);
    return found ? &share->share_hash : nullptr;
}

// The row's place among `size` rows numbered from 1 on: one of theirs, or the next.
template <class Row> Result<std::size_t> place_of(const Row& row, std::size_t size, std::string_view noun) {
    if (row.number == 0 || row.number > size + 1) {
        std::string detail{noun};
        detail.append(" number ").append(std::to_string(row.number)).append(" is out of order");
        return std::unexpected(StorageError{.kind = StorageError::Kind::corrupt, .detail = std::move(detail)});
    }
    return row.number - 1;
}

} // namespace

Transaction behind(const Head& head) {
    Transaction transaction;
    transaction.expected_term = head.term;
    transaction.head = head;
    return transaction;
}

const Stream* State::stream(std::uint32_t number) const {
    return number == 0 || number > streams_.size() ? nullptr : &streams_[number - 1];
}

const Stream* State::stream(const StreamName& name) const {
    const auto found = stream_names_.find(name);
    return found == stream_names_.end() ? nullptr : stream(found->second);
}

const Channel* State::channel(std::uint32_t number) const {
    return number == 0 || number > channels_.size() ? nullptr : &channels_[number - 1];
}

const Channel* State::channel(std::string_view pool_name, std::string_view channel_id) const {
    const Pool* const in = pool(pool_name);
    if (in == nullptr) return nullptr;
    const auto found = in->channels.find(channel_id);
    return found == in->channels.end() ? nullptr : channel(found->second);
}

const Pool* State::pool(std::string_view name) const {
    const auto found = pools_.find(name);
    return found == pools_.end() ? nullptr : &found->second;
}

Result<void> State::apply(const Transaction& written) {
    std::size_t streams = streams_.size();
    for (const StreamRow& row : written.streams) {
        const auto place = place_of(row, streams, "stream");
        if (!place) return std::unexpected(place.error());
        streams = std::max(streams, *place + 1);
    }
    std::size_t channels = channels_.size();
    for (const ChannelRow& row : written.channels) {
        const auto place = place_of(row, channels, "channel");
        if (!place) return std::unexpected(place.error());
        channels = std::max(channels, *place + 1);
    }
    for (const LogEntry& entry : written.entries) {
        if (entry.content && (entry.channel == 0 || entry.channel > channels)) {
            return std::unexpected(corrupt_at(entry.position, "its channel is not known"));
        }
    }

    streams_.resize(streams);
    for (const StreamRow& row : written.streams) {
        streams_[row.number - 1].row = row;
        stream_names_.insert_or_assign(row.name, row.number);
    }
    channels_.resize(channels);
    for (const ChannelRow& row : written.channels) {
        channels_[row.number - 1].row = row;
        pools_[row.pool].channels.insert_or_assign(row.channel_id, row.number);
    }
    for (const LogEntry& entry : written.entries) count(entry);
    head_ = written.head;
    return {};
}

void State::count(const LogEntry& entry) {
    if (!entry.content) return;
    Channel& channel = channels_[entry.channel - 1];
    channel.has_changed = true;
    if (const auto* share = share_of(entry)) {
        add(channel.tally, *share, entry.verdict, entry.time, entry.position);
    }
    const protocol::U256* const block =
        entry.verdict == protocol::Verdict::stored ? block_of(entry.content->record) : nullptr;
    if (block != nullptr && pools_.find(channel.row.pool)->second.blocks.insert(block->bytes).second) {
        channel.blocks.push_back({.hash = *block, .time = entry.time});
        ++channel.tally.totals.blocks_found;
    }
}

void State::refuse(std::uint32_t stream, std::uint64_t epoch) {
    streams_[stream - 1].refused_epoch = epoch;
}

std::vector<KeyValue> State::unsaved() const {
    const SavedPosition position{.form = derived_form,
                                 .position = head_.position,
                                 .chain = {head_.chain},
                                 .channels = static_cast<std::uint32_t>(channels_.size())};
    std::vector<KeyValue> unsaved{sealed({position_key}, position)};
    for (const Channel& channel : channels_) {
        if (!channel.has_changed) continue;
        unsaved.push_back(sealed(key_of_channel(channel.row.number),
                                 SavedChannel{.tally = channel.tally, .blocks = {channel.blocks}}));
    }
    return unsaved;
}

void State::mark_saved() {
    for (Channel& channel : channels_) channel.has_changed = false;
    saved_position_ = head_.position;
}

bool State::restore(const std::vector<KeyValue>& saved, Position last) {
    ByKey values;
    for (const KeyValue& value : saved) values.emplace(std::string{value.key.begin(), value.key.end()}, &value);
    const auto position = unsealed<SavedPosition>(values, {position_key});
    if (!position || position->form != derived_form) return false;
    if (position->position > last || position->channels > channels_.size()) return false;

    std::vector<SavedChannel> channels;
    for (std::uint32_t number = 1; number <= position->channels; ++number) {
        auto channel = unsealed<SavedChannel>(values, key_of_channel(number));
        if (!channel) return false;
        channels.push_back(*std::move(channel));
    }

    for (std::size_t i = 0; i < channels.size(); ++i) {
        channels_[i].tally = channels[i].tally;
        channels_[i].blocks = std::move(channels[i].blocks.items);
        auto& blocks = pools_.find(channels_[i].row.pool)->second.blocks;
        for (const Block& block : channels_[i].blocks) blocks.insert(block.hash.bytes);
    }
    head_.position = saved_position_ = position->position;
    head_.chain = position->chain.bytes;
    return true;
}

} // namespace storage
