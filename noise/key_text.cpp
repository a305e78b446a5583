#include "noise/key_text.hpp"

#include "noise/hash.hpp"

#include <secp256k1_extrakeys.h>

#include <algorithm>
#include <array>

namespace noise {

namespace {

// A public key takes 52 characters; room for more only decides how a longer text is refused.
constexpr std::size_t max_text_size = 128;
constexpr std::size_t checksum_size = 4;
constexpr std::array<std::uint8_t, 2> public_prefix{1, 0}; // the version, U16

std::array<std::uint8_t, checksum_size> checksum(std::span<const std::uint8_t> body) {
    const Hash hash = sha256({sha256({body})});
    return {hash[0], hash[1], hash[2], hash[3]};
}

std::expected<std::span<const std::uint8_t>, KeyTextError> decode_body(std::string_view text,
                                                                       std::span<std::uint8_t> room) {
    const auto bytes = decode_base58(text, room);
    if (!bytes) return std::unexpected(bytes.error());
    if (bytes->size() < checksum_size) return std::unexpected(KeyTextError::bad_checksum);
    const auto body = bytes->first(bytes->size() - checksum_size);
    if (!std::ranges::equal(checksum(body), bytes->last(checksum_size)))
        return std::unexpected(KeyTextError::bad_checksum);
    return body;
}

} // namespace

SecretText::SecretText(const Secret<32>& key) {
    Secret<32 + checksum_size> bytes;
    std::ranges::copy(key.expose(), bytes.expose().begin());
    std::ranges::copy(checksum(key.expose()), bytes.expose().last<checksum_size>().begin());
    size_ = encode_base58(bytes.expose(), text_.expose()).size();
}

std::string_view SecretText::view() const {
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): the bytes are characters, Secret holds only bytes.
    return {reinterpret_cast<const char*>(text_.expose().data()), size_};
}

std::string public_key_text(const XOnlyKey& key) {
    constexpr std::size_t size = public_prefix.size() + sizeof(key.bytes) + checksum_size;
    std::array<std::uint8_t, size> bytes{};
    const auto body = std::span{bytes}.first<size - checksum_size>();
    std::ranges::copy(public_prefix, body.begin());
    std::ranges::copy(key.bytes, body.begin() + public_prefix.size());
    std::ranges::copy(checksum(body), body.end());
    std::array<std::uint8_t, max_base58_size(size)> room{};
    const auto text = encode_base58(bytes, room);
    return {text.begin(), text.end()};
}

std::expected<XOnlyKey, KeyTextError> parse_public_key(const Curve& curve, std::string_view text) {
    std::array<std::uint8_t, max_text_size> room{};
    const auto body = decode_body(text, room);
    if (!body) return std::unexpected(body.error());
    XOnlyKey key;
    if (body->size() < public_prefix.size() + key.bytes.size()) return std::unexpected(KeyTextError::bad_length);
    if (!std::ranges::equal(body->first<public_prefix.size()>(), public_prefix))
        return std::unexpected(KeyTextError::bad_version);
    const auto x = body->subspan(public_prefix.size());
    secp256k1_xonly_pubkey point;
    if (x.size() != key.bytes.size() || secp256k1_xonly_pubkey_parse(curve.context(), &point, x.data()) != 1)
        return std::unexpected(KeyTextError::bad_key);
    std::ranges::copy(x, key.bytes.begin());
    return key;
}

std::expected<Secret<32>, KeyTextError> parse_secret_key(const Curve& curve, std::string_view text) {
    Secret<max_text_size> room;
    const auto body = decode_body(text, room.expose());
    if (!body) return std::unexpected(body.error());
    if (body->size() != 32 || secp256k1_ec_seckey_verify(curve.context(), body->data()) != 1)
        return std::unexpected(KeyTextError::bad_key);
    return Secret<32>{body->first<32>()};
}

} // namespace noise
