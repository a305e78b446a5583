// TLV fields (SV2 specification 3.4.3) with the byte order that SRI uses.

#include "protocol/codec.hpp"
#include "protocol/extension_messages.hpp"
#include "protocol/tlv.hpp"
#include "tests/support/hex.hpp"

#include <doctest/doctest.h>

using namespace protocol;
using support::from_hex;
using support::to_hex;

TEST_CASE("type and length of a TLV field are little-endian") {
    const Tlv worker{.extension_type = 2, .field_type = 1, .value = {'W', '1'}};
    CHECK(to_hex(*encode(worker)) == "02000102005731");
    CHECK(decode<Tlv>(from_hex("02000102005731")) == worker);
}

TEST_CASE("the specification's big-endian example reads as a length past the end") {
    CHECK(decode<Tlv>(from_hex("000201000a576f726b65725f303031")).error() == DecodeError::truncated);
}

TEST_CASE("a TLV value of 65536 bytes has no encoding") {
    CHECK(encode(Tlv{.value = Bytes(0xffff)}).has_value());
    CHECK(encode(Tlv{.value = Bytes(0x1'0000)}).error() == EncodeError::too_long);
}

TEST_CASE("a list is read to its end, fields of unknown types included") {
    CHECK(decode_tlvs(from_hex("0200010100aa ff7f090000")) ==
          std::vector<Tlv>{{.extension_type = 2, .field_type = 1, .value = {0xaa}},
                           {.extension_type = 0x7fff, .field_type = 9, .value = {}}});
    CHECK(decode_tlvs({}).empty());
}

TEST_CASE("a field that is cut short ends the list without an error") {
    const std::vector<Tlv> first{{.extension_type = 2, .field_type = 1, .value = {0xaa}}};
    CHECK(decode_tlvs(from_hex("0200010100aa 02000100")) == first);
    CHECK(decode_tlvs(from_hex("0200010100aa 0200010200bb")) == first);
}

TEST_CASE("TLV fields are what a message leaves unread") {
    const auto payload = from_hex("0700 0100 0200 0200010100aa");
    Reader in{payload};
    CHECK(decode<RequestExtensions>(in) == RequestExtensions{.request_id = 7, .requested_extensions = {{2}}});
    CHECK(decode_tlvs(in.rest()) == std::vector<Tlv>{{.extension_type = 2, .field_type = 1, .value = {0xaa}}});
}
