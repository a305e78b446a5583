// The data types of the wire (SV2 specification 3.1) as C++ types: a field's type is its encoding.
// BOOL, U8, U16, U32, U64 and F32 are bool, the std::uintN_t and float.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace protocol {

using Bytes = std::vector<std::uint8_t>;
using ByteView = std::span<const std::uint8_t>;

// The number whose bytes in memory are those of `number` in little-endian order, as on the wire; and back.
constexpr std::uint64_t little_endian(std::uint64_t number) {
    static_assert(std::endian::native == std::endian::little || std::endian::native == std::endian::big);
    return std::endian::native == std::endian::little ? number : std::byteswap(number);
}

// Values from 2^24 on have no encoding.
struct U24 {
    static constexpr std::uint32_t max = 0xff'ffff;
    std::uint32_t value = 0;
    bool operator==(const U24&) const = default;
};

// The tag keeps types apart that are encoded alike: a PUBKEY is no U256.
template <class Tag, std::size_t size> struct FixedBytes {
    std::array<std::uint8_t, size> bytes{};
    bool operator==(const FixedBytes&) const = default;
};
using U256 = FixedBytes<struct U256Tag, 32>;
using Mac = FixedBytes<struct MacTag, 16>;
using Pubkey = FixedBytes<struct PubkeyTag, 32>;
using Signature = FixedBytes<struct SignatureTag, 64>;

// Any bytes: SRI writes and accepts text that is not UTF-8. Whoever stores or shows it checks it.
struct Str0_255 {
    static constexpr std::size_t max_size = 255;
    static constexpr std::size_t length_width = 1;
    std::string text;
    bool operator==(const Str0_255&) const = default;
};

template <std::size_t max, std::size_t width> struct VarBytes {
    static constexpr std::size_t max_size = max;
    static constexpr std::size_t length_width = width;
    Bytes bytes;
    bool operator==(const VarBytes&) const = default;
};
using B0_32 = VarBytes<32, 1>;
using B0_255 = VarBytes<255, 1>;
using B0_64K = VarBytes<0xffff, 2>;
using B0_16M = VarBytes<0xff'ffff, 3>;

// The length prefix counts elements, not bytes.
template <class Element, std::size_t max, std::size_t width> struct Seq {
    static constexpr std::size_t max_size = max;
    static constexpr std::size_t length_width = width;
    std::vector<Element> items;
    bool operator==(const Seq&) const = default;
};
template <class Element> using Seq0_255 = Seq<Element, 255, 1>;
template <class Element> using Seq0_64K = Seq<Element, 0xffff, 2>;

template <class Element> using Option = std::optional<Element>;

} // namespace protocol
