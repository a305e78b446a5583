#include "clients/cpp/authentication.hpp"
#include "tests/support/hex.hpp"

#include <doctest/doctest.h>

namespace {

protocol::Authenticate example() {
    protocol::Authenticate message{.min_version = 1,
                                   .max_version = 1,
                                   .client_public_key = {},
                                   .roles = protocol::role_write | protocol::role_read,
                                   .stream_id = 7,
                                   .dataset_id = 5,
                                   .generation = 2,
                                   .last_acknowledged = 41,
                                   .signature = {}};
    message.client_public_key.bytes.fill(3);
    return message;
}

noise::Hash handshake_hash() {
    noise::Hash hash;
    hash.fill(1);
    return hash;
}

noise::XOnlyKey authority() {
    noise::XOnlyKey key;
    key.bytes.fill(2);
    return key;
}

} // namespace

// The expected value is from Python: with t = sha256(b"sv2-storage/client-auth/v1"), sha256(t + t + 32 bytes of 1 +
// 32 bytes of 2 + struct.pack("<HH", 1, 1) + 32 bytes of 3 + struct.pack("<IQQIQ", 3, 7, 5, 2, 41)).
TEST_CASE("what a client signs is the tagged hash over handshake hash, authority key and payload without signature") {
    CHECK(support::to_hex(client::authentication_digest(handshake_hash(), authority(), example())) ==
          "d2ae75c51f41cf0bb1d1eac92c5bb5f86c25552303467280437b422016332b53");
}

TEST_CASE("a signature is not part of what it signs, and everything else is") {
    const auto digest = client::authentication_digest(handshake_hash(), authority(), example());
    auto message = example();
    message.signature.bytes.fill(9);
    CHECK(client::authentication_digest(handshake_hash(), authority(), message) == digest);
    message.last_acknowledged += 1;
    CHECK_FALSE(client::authentication_digest(handshake_hash(), authority(), message) == digest);
    auto other_hash = handshake_hash();
    other_hash[31] ^= 1U;
    CHECK_FALSE(client::authentication_digest(other_hash, authority(), example()) == digest);
    auto other_authority = authority();
    other_authority.bytes[0] ^= 1U;
    CHECK_FALSE(client::authentication_digest(handshake_hash(), other_authority, example()) == digest);
}
