// Noise's SymmetricState (Noise 5.2), step by step along a handshake of the reference implementation.

#include "noise/symmetric_state.hpp"
#include "tests/noise/fixtures.hpp"
#include "tests/noise/reference_handshake.hpp"

#include <doctest/doctest.h>

using namespace fixtures;
using namespace noise;
using support::from_hex;
using support::to_hex;

namespace {

std::string h(const SymmetricState& state) {
    return to_hex(state.handshake_hash());
}
std::string ck(const SymmetricState& state) {
    return to_hex(state.chaining_key().expose());
}
std::string k(const SymmetricState& state) {
    return to_hex(cipher_of(state).key().expose());
}

} // namespace

TEST_CASE("the responder's state is the reference's after every step") {
    using namespace reference;
    const auto ephemeral = pair_of(responder_ephemeral_secret, responder_ephemeral_encoding);
    const auto static_key = pair_of(responder_static_secret, responder_static_encoding);
    const EllSwift theirs{array_of<64>(act1)};

    SymmetricState state;
    CHECK(h(state) == h_after_start);
    CHECK(ck(state) == ck_after_start);
    state.mix_hash(theirs.bytes);
    CHECK(h(state) == h_after_act1_key);
    REQUIRE(state.encrypt_and_hash({}).has_value());
    CHECK(h(state) == h_after_act1_payload);
    state.mix_hash(ephemeral.encoding().bytes);
    CHECK(h(state) == h_after_act2_key);

    const auto ee = ephemeral.ecdh(curve(), Role::responder, theirs).value();
    CHECK(to_hex(ee.expose()) == shared_ee);
    state.mix_key(ee);
    CHECK(ck(state) == ck_after_ee);
    CHECK(k(state) == k_after_ee);

    auto sealed_static = from_hex(responder_static_encoding);
    sealed_static.resize(sealed_static.size() + tag_size);
    REQUIRE(state.encrypt_and_hash(sealed_static).has_value());
    CHECK(to_hex(sealed_static) == act2.substr(128, 160));
    CHECK(h(state) == h_after_static_key);

    const auto es = static_key.ecdh(curve(), Role::responder, theirs).value();
    CHECK(to_hex(es.expose()) == shared_es);
    state.mix_key(es);
    CHECK(ck(state) == ck_after_es);
    CHECK(k(state) == k_after_es);

    auto sealed_certificate = from_hex(certificate);
    sealed_certificate.resize(sealed_certificate.size() + tag_size);
    REQUIRE(state.encrypt_and_hash(sealed_certificate).has_value());
    CHECK(to_hex(sealed_certificate) == act2.substr(288));
    CHECK(h(state) == h_after_certificate);

    const auto keys = state.split();
    CHECK(to_hex(keys.initiator_to_responder.key().expose()) == initiator_to_responder);
    CHECK(to_hex(keys.responder_to_initiator.key().expose()) == responder_to_initiator);
}

TEST_CASE("before the first key a payload goes in clear and into the hash") {
    SymmetricState sender;
    SymmetricState receiver;
    CHECK_FALSE(sender.cipher().has_value());
    auto bytes = pattern(20);
    REQUIRE(sender.encrypt_and_hash(bytes).has_value());
    CHECK(bytes == pattern(20));
    const auto text = receiver.decrypt_and_hash(bytes);
    REQUIRE(text.has_value());
    CHECK(text->size() == 20);
    CHECK(h(sender) == h(receiver));
    CHECK(h(sender) != h(SymmetricState{}));
}

TEST_CASE("what was seen decides whether a payload opens") {
    const auto sealed_after = [](const Bytes& seen) {
        SymmetricState state;
        state.mix_hash(seen);
        state.mix_key(secret(7));
        auto bytes = pattern(36);
        REQUIRE(state.encrypt_and_hash(bytes).has_value());
        return bytes;
    };
    SymmetricState receiver;
    receiver.mix_hash(Bytes{1});
    receiver.mix_key(secret(7));
    const auto before = h(receiver);

    auto other = sealed_after({2});
    CHECK(error_of(receiver.decrypt_and_hash(other)) == NoiseError::bad_tag);
    CHECK(h(receiver) == before);
    auto same = sealed_after({1});
    CHECK(error_of(receiver.decrypt_and_hash(same)) == NoiseError::bad_tag); // the failure before was final

    receiver.mix_key(secret(7));
    CHECK(cipher_of(receiver).remaining() == UINT64_MAX);
}

TEST_CASE("a new key starts at nonce 0 and depends on all keys before it") {
    SymmetricState state;
    state.mix_key(secret(7));
    const auto first = k(state);
    auto bytes = pattern(36);
    REQUIRE(state.encrypt_and_hash(bytes).has_value());
    CHECK(cipher_of(state).remaining() == UINT64_MAX - 1);
    state.mix_key(secret(7));
    CHECK(k(state) != first);
    CHECK(cipher_of(state).remaining() == UINT64_MAX);
}

TEST_CASE("a payload without room for its tag is refused and not hashed") {
    SymmetricState state;
    state.mix_key(secret(7));
    const auto before = h(state);
    Bytes bytes(tag_size - 1);
    CHECK(error_of(state.encrypt_and_hash(bytes)) == NoiseError::bad_length);
    CHECK(h(state) == before);
}
