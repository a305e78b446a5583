// The data types of SV2 specification 3.1, as SRI encodes them.

#include "protocol/codec.hpp"
#include "tests/support/hex.hpp"

#include <doctest/doctest.h>

#include <bit>
#include <limits>

using namespace protocol;
using support::from_hex;
using support::to_hex;

namespace {

template <class T> std::string encoded(const T& value) {
    const auto bytes = encode(value);
    REQUIRE(bytes.has_value());
    return to_hex(*bytes);
}

template <class T> void check_both_ways(const T& value, const std::string& hex) {
    CHECK(encoded(value) == hex);
    const auto decoded = decode<T>(from_hex(hex));
    REQUIRE(decoded.has_value());
    CHECK((*decoded == value));
}

template <class T> DecodeError decode_error(const std::string& hex) {
    const auto decoded = decode<T>(from_hex(hex));
    REQUIRE_FALSE(decoded.has_value());
    return decoded.error();
}

} // namespace

TEST_CASE("integers are little-endian") {
    check_both_ways<std::uint8_t>(0x7f, "7f");
    check_both_ways<std::uint16_t>(0x1234, "3412");
    check_both_ways(U24{0x010203}, "030201");
    check_both_ways<std::uint32_t>(0x01020304, "04030201");
    check_both_ways<std::uint64_t>(0x0102030405060708, "0807060504030201");
    check_both_ways(std::numeric_limits<std::uint64_t>::max(), "ffffffffffffffff");
}

TEST_CASE("only the lowest bit of a BOOL counts") {
    CHECK(encoded(true) == "01");
    CHECK(encoded(false) == "00");
    CHECK(decode<bool>(from_hex("ff")) == true);
    CHECK(decode<bool>(from_hex("02")) == false);
    CHECK(decode<bool>(from_hex("80")) == false);
}

TEST_CASE("F32 is IEEE 754 binary32, little-endian, every bit pattern kept") {
    check_both_ways(1.5F, "0000c03f");
    check_both_ways(-std::numeric_limits<float>::infinity(), "000080ff");
    const auto nan = decode<float>(from_hex("0100c07f"));
    REQUIRE(nan.has_value());
    CHECK(std::bit_cast<std::uint32_t>(*nan) == 0x7fc00001);
}

TEST_CASE("a U24 of 2^24 has no encoding") {
    CHECK(encoded(U24{U24::max}) == "ffffff");
    CHECK(encode(U24{U24::max + 1}).error() == EncodeError::out_of_range);
}

TEST_CASE("U256, MAC, PUBKEY and SIGNATURE are their bytes, without a length") {
    const auto check = []<class T>(T value) {
        for (std::size_t i = 0; i < value.bytes.size(); ++i) value.bytes[i] = static_cast<std::uint8_t>(i);
        check_both_ways(value, to_hex(value.bytes));
        CHECK(decode_error<T>(to_hex(std::span{value.bytes}.first(value.bytes.size() - 1))) == DecodeError::truncated);
    };
    check(U256{});
    check(Mac{});
    check(Pubkey{});
    check(Signature{});
    static_assert(sizeof(Mac) == 16 && sizeof(Pubkey) == 32 && sizeof(U256) == 32 && sizeof(Signature) == 64);
}

TEST_CASE("STR0_255 and the B0 types carry their length in 1, 2 or 3 bytes") {
    check_both_ways(Str0_255{"a"}, "0161");
    check_both_ways(B0_32{{1, 2}}, "020102");
    check_both_ways(B0_255{{}}, "00");
    check_both_ways(B0_64K{{7}}, "010007");
    check_both_ways(B0_16M{{7}}, "01000007");
}

TEST_CASE("STR0_255 is bytes: what is not UTF-8 passes unchanged") {
    check_both_ways(Str0_255{std::string{"\xff\x00\xfe", 3}}, "03ff00fe");
}

TEST_CASE("a value longer than its type is refused on encoding") {
    CHECK(encode(Str0_255{std::string(255, 'x')}).has_value());
    CHECK(encode(Str0_255{std::string(256, 'x')}).error() == EncodeError::too_long);
    CHECK(encode(B0_32{Bytes(32)}).has_value());
    CHECK(encode(B0_32{Bytes(33)}).error() == EncodeError::too_long);
    CHECK(encode(B0_255{Bytes(256)}).error() == EncodeError::too_long);
    CHECK(encode(B0_64K{Bytes(0xffff)}).has_value());
    CHECK(encode(B0_64K{Bytes(0x1'0000)}).error() == EncodeError::too_long);
    CHECK(encode(B0_16M{Bytes(0xff'ffff)}).has_value());
    CHECK(encode(B0_16M{Bytes(0x100'0000)}).error() == EncodeError::too_long);
    CHECK(encode(Seq0_255<std::uint8_t>{std::vector<std::uint8_t>(256)}).error() == EncodeError::too_long);
    CHECK(encode(Seq0_64K<std::uint8_t>{std::vector<std::uint8_t>(0x1'0000)}).error() == EncodeError::too_long);
}

TEST_CASE("a B0_32 that announces more than 32 bytes is refused, even if they are there") {
    CHECK(decode_error<B0_32>("21" + to_hex(Bytes(33))) == DecodeError::length_out_of_range);
    CHECK(decode_error<B0_32>("ff") == DecodeError::length_out_of_range);
}

TEST_CASE("bytes that end early are refused at every length") {
    CHECK(decode_error<bool>("") == DecodeError::truncated);
    CHECK(decode_error<std::uint64_t>("01020304050607") == DecodeError::truncated);
    CHECK(decode_error<Str0_255>("0361") == DecodeError::truncated);
    CHECK(decode_error<B0_64K>("01") == DecodeError::truncated);
    CHECK(decode_error<B0_16M>("ffffff00") == DecodeError::truncated);
    CHECK(decode_error<Seq0_64K<std::uint16_t>>("02000100") == DecodeError::truncated);
}

TEST_CASE("SEQ counts elements, whatever their size") {
    check_both_ways(Seq0_255<std::uint16_t>{{1, 2}}, "0201000200");
    check_both_ways(Seq0_64K<std::uint16_t>{{1, 2}}, "020001000200");
    check_both_ways(Seq0_64K<bool>{{true, false, true}}, "0300010001");
    check_both_ways(Seq0_255<B0_64K>{{{{}}, {{9}}}}, "020000010009");
    check_both_ways(Seq0_64K<Seq0_255<std::uint8_t>>{{{{1}}, {}}}, "0200010100");
}

TEST_CASE("a SEQ that announces 65535 elements and brings two costs the memory of two") {
    const auto bytes = from_hex("ffff01000200");
    Reader in{bytes};
    Seq0_64K<std::uint16_t> seq;
    get(in, seq);
    CHECK(in.error() == DecodeError::truncated);
    CHECK(seq.items.capacity() < 16);
}

TEST_CASE("OPTION is a SEQ of at most one element") {
    check_both_ways(Option<std::uint32_t>{}, "00");
    check_both_ways(Option<std::uint32_t>{7}, "0107000000");
    CHECK(decode_error<Option<std::uint32_t>>("020700000007000000") == DecodeError::option_out_of_range);
    CHECK(decode_error<Option<std::uint32_t>>("01070000") == DecodeError::truncated);
}

TEST_CASE("a reader keeps its first error and gives nothing after it") {
    const auto bytes = from_hex("21aabbccdd");
    Reader in{bytes};
    B0_32 first;
    std::uint16_t second = 0xffff;
    get(in, first);
    get(in, second);
    CHECK(in.error() == DecodeError::length_out_of_range);
    CHECK(first.bytes.empty());
    CHECK(second == 0);
}
