// Base58 against Bitcoin's published pairs.

#include "noise/base58.hpp"
#include "tests/noise/fixtures.hpp"

#include <doctest/doctest.h>

using namespace fixtures;
using namespace noise;
using support::from_hex;
using support::to_hex;

namespace {

struct Base58Pair {
    std::string_view hex;
    std::string_view text;
};

constexpr std::array known_base58 = {
    Base58Pair{.hex = "", .text = ""},
    Base58Pair{.hex = "61", .text = "2g"},
    Base58Pair{.hex = "626262", .text = "a3gV"},
    Base58Pair{.hex = "636363", .text = "aPEr"},
    Base58Pair{.hex = "73696d706c792061206c6f6e6720737472696e67", .text = "2cFupjhnEsSn59qHXstmK2ffpLv2"},
    Base58Pair{.hex = "00eb15231dfceb60925886b67d065299925915aeb172c06647",
               .text = "1NS17iag9jJgTHD1VXjvLCEnZuQ3rJDE9L"},
    Base58Pair{.hex = "516b6fcd0f", .text = "ABnLTmg"},
    Base58Pair{.hex = "bf4f89001e670274dd", .text = "3SEo3LWLoPntC"},
    Base58Pair{.hex = "572e4794", .text = "3EFU7m"},
    Base58Pair{.hex = "ecac89cad93923c02321", .text = "EJDM8drfXA6uyA"},
    Base58Pair{.hex = "10c8511e", .text = "Rt5zm"},
    Base58Pair{.hex = "00", .text = "1"},
    Base58Pair{.hex = "00000000000000000000", .text = "1111111111"},
};

} // namespace

TEST_CASE("known bytes have their known text, and back") {
    for (const auto& [hex, text] : known_base58) {
        CAPTURE(text);
        const auto bytes = from_hex(hex);
        Bytes room(max_base58_size(bytes.size()), 0xee);
        const auto encoded = encode_base58(bytes, room);
        CHECK(std::string{encoded.begin(), encoded.end()} == text);

        Bytes back(text.size(), 0xee);
        const auto decoded = decode_base58(text, back);
        REQUIRE(decoded.has_value());
        CHECK(to_hex(*decoded) == hex);
    }
}

TEST_CASE("the longest text of n bytes fits the room for it") {
    for (std::size_t size = 0; size <= 200; ++size) {
        CAPTURE(size);
        const Bytes highest(size, 0xff);
        Bytes room(max_base58_size(size));
        const auto text = encode_base58(highest, room);
        Bytes back(text.size());
        const auto decoded = decode_base58(std::string{text.begin(), text.end()}, back);
        REQUIRE(decoded.has_value());
        CHECK(std::ranges::equal(*decoded, highest));
    }
}

TEST_CASE("every character outside the alphabet is refused, wherever it stands") {
    constexpr std::string_view alphabet = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
    Bytes room(8);
    for (int c = 0; c < 256; ++c) {
        CAPTURE(c);
        const auto character = static_cast<char>(c);
        const bool known_character = alphabet.find(character) != std::string_view::npos;
        for (const auto& text : {std::string{character}, std::string{"1z"} + character, character + std::string{"z1"}})
            CHECK(decode_base58(text, room).has_value() == known_character);
    }
    CHECK(decode_base58("0", room).error() == KeyTextError::bad_character);
}

TEST_CASE("a text longer than the room is refused without being read") {
    Bytes room(4);
    CHECK(decode_base58("zzzz", room).has_value());
    CHECK(decode_base58("zzzzz", room).error() == KeyTextError::bad_length);
    CHECK(decode_base58("1111", room).has_value());
    CHECK(decode_base58("11111", room).error() == KeyTextError::bad_length);
    CHECK(decode_base58(std::string(8'000'000, 'z'), room).error() == KeyTextError::bad_length);
}
