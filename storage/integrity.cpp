#include "storage/integrity.hpp"

#include "protocol/codec.hpp"

#include <algorithm>
#include <limits>
#include <sodium.h>
#include <type_traits>
#include <variant>

namespace storage {

namespace {

constexpr Milliseconds hour = 3'600'000;
constexpr Milliseconds believed_before = hour * 24 * 31;
constexpr Milliseconds believed_after = hour * 2;

static_assert(crypto_shorthash_KEYBYTES == std::tuple_size_v<FingerprintKey>);
static_assert(crypto_shorthash_siphashx24_BYTES == std::tuple_size_v<ChainLink>);
static_assert(crypto_shorthash_siphashx24_KEYBYTES == std::tuple_size_v<ChainLink>);

std::uint64_t sip_hash(protocol::ByteView bytes, const FingerprintKey& key) {
    std::array<std::uint8_t, crypto_shorthash_BYTES> hash{};
    crypto_shorthash(hash.data(), bytes.data(), bytes.size(), key.data());
    std::uint64_t number = 0;
    for (std::size_t i = hash.size(); i > 0; --i) number = number << 8U | hash[i - 1];
    return number;
}

} // namespace

std::uint64_t checksum_of(const LogEntry& entry) {
    static thread_local protocol::Writer out; // an allocation for each record is a tenth of its commit
    out.clear();
    out.put_integer<8>(entry.position);
    out.put_integer<4>(entry.stream);
    out.put_integer<8>(entry.sequence);
    out.put_integer<8>(entry.received_at);
    out.put_integer<1>(static_cast<std::uint8_t>(entry.verdict));
    out.put(entry.bytes);
    return sip_hash(out.written(), {});
}

Result<void> check(const LogEntry& entry) {
    if (checksum_of(entry) != entry.checksum) {
        return std::unexpected(corrupt_at(entry.position, "its checksum does not hold"));
    }
    if (entry.content && effective_time(entry.content->record, entry.received_at) != entry.time) {
        return std::unexpected(corrupt_at(entry.position, "its time is not that of the record"));
    }
    return {};
}

std::uint64_t checksum_of(const HourRow& row) {
    static thread_local protocol::Writer out;
    out.clear();
    out.put_integer<1>(static_cast<std::uint8_t>(row.subject));
    out.put_integer<4>(row.number);
    out.put_integer<4>(row.hour);
    out.put_integer<8>(row.run);
    put(out, row.tally);
    return sip_hash(out.written(), {});
}

Result<void> check(const HourRow& row) {
    if (checksum_of(row) == row.checksum) return {};
    std::string detail{"the sums of hour "};
    detail.append(std::to_string(row.hour)).append(" in the run up to position ").append(std::to_string(row.run));
    detail.append(": their checksum does not hold");
    return std::unexpected(StorageError{.kind = StorageError::Kind::corrupt, .detail = std::move(detail)});
}

StorageError corrupt_at(Position position, std::string_view what) {
    std::string detail{"record at position "};
    detail.append(std::to_string(position)).append(": ").append(what);
    return {.kind = StorageError::Kind::corrupt, .detail = std::move(detail)};
}

ChainLink next_link(const ChainLink& previous, std::uint64_t checksum) {
    std::array<std::uint8_t, sizeof checksum> input{};
    for (std::size_t i = 0; i < input.size(); ++i) input[i] = static_cast<std::uint8_t>(checksum >> (8 * i));
    ChainLink link{};
    crypto_shorthash_siphashx24(link.data(), input.data(), input.size(), previous.data());
    return link;
}

std::uint64_t fingerprint_of(const FingerprintKey& key, std::string_view pool, const protocol::U256& share_hash) {
    static thread_local protocol::Writer out;
    out.clear();
    out.put_integer<8>(pool.size());
    out.put_text(pool);
    out.put(share_hash.bytes);
    return sip_hash(out.written(), key);
}

Milliseconds effective_time(const protocol::AnyRecord& record, Milliseconds received_at) {
    const Milliseconds timestamp = std::visit([](const auto& r) { return r.timestamp; }, record);
    const bool is_believed = timestamp < received_at ? received_at - timestamp <= believed_before
                                                     : timestamp - received_at <= believed_after;
    return is_believed ? timestamp : received_at;
}

const std::string& channel_id_of(const protocol::AnyRecord& record) {
    static const std::string none;
    return std::visit(
        [](const auto& r) -> const std::string& {
            if constexpr (protocol::ChannelRecord<std::remove_cvref_t<decltype(r)>>) {
                return r.channel_id.text;
            } else {
                return none;
            }
        },
        record);
}

protocol::RecordKind kind_of(const protocol::AnyRecord& record) {
    return std::visit([](const auto& r) { return r.kind; }, record);
}

} // namespace storage
