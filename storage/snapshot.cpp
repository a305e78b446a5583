#include "storage/snapshot.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <sodium.h>
#include <string>

namespace storage {

namespace {

// Keys: `position_key` alone, and `channel_key` with the channel's number. Values end with their seal.
constexpr std::uint8_t position_key = 0;
constexpr std::uint8_t channel_key = 1;
constexpr std::uint32_t derived_form = 3; // raised whenever what is derived, or its encoding, changes

struct SavedPosition {
    std::uint32_t form = 0;
    Position position = 0;
    protocol::FixedBytes<struct ChainLinkTag, std::tuple_size_v<ChainLink>> chain;
    std::uint32_t channels = 0; // that have a value

    static constexpr auto fields(auto& s) {
        return protocol::in_order(protocol::Field{"form", s.form}, protocol::Field{"position", s.position},
                                  protocol::Field{"chain", s.chain}, protocol::Field{"channels", s.channels});
    }
};

protocol::Bytes key_of_channel(std::uint32_t number) {
    protocol::Writer out;
    out.put_integer<1>(channel_key);
    out.put_integer<4>(number);
    return std::move(out).take();
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
    protocol::Writer out;
    put(out, value);
    out.put(seal_of(key, out.written()));
    return {.key = std::move(key), .value = std::move(out).take()};
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

} // namespace

KeyValue saved_position(Position position, const ChainLink& chain, std::uint32_t channels) {
    return sealed({position_key},
                  SavedPosition{.form = derived_form, .position = position, .chain = {chain}, .channels = channels});
}

KeyValue saved_channel(std::uint32_t number, const SavedChannel& channel) {
    return sealed(key_of_channel(number), channel);
}

std::optional<Snapshot> read_snapshot(const std::vector<KeyValue>& saved) {
    ByKey values;
    for (const KeyValue& value : saved) values.emplace(std::string{value.key.begin(), value.key.end()}, &value);
    const auto position = unsealed<SavedPosition>(values, {position_key});
    if (!position || position->form != derived_form) return std::nullopt;
    Snapshot snapshot{.position = position->position, .chain = position->chain.bytes, .channels = {}};
    for (std::uint32_t number = 1; number <= position->channels; ++number) {
        auto channel = unsealed<SavedChannel>(values, key_of_channel(number));
        if (!channel) return std::nullopt;
        snapshot.channels.push_back(*std::move(channel));
    }
    return snapshot;
}

} // namespace storage
