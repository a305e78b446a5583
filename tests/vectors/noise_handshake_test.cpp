// noise_handshake.json: whole handshakes of SRI, step by step, and what its initiator accepts.

#include "clients/cpp/randomness.hpp"
#include "noise/certificate.hpp"
#include "noise/initiator.hpp"
#include "noise/key_text.hpp"
#include "noise/responder.hpp"
#include "noise/symmetric_state.hpp"
#include "tests/support/hex.hpp"
#include "tests/vectors/folder.hpp"

#include <doctest/doctest.h>
#include <secp256k1.h>
#include <secp256k1_ellswift.h>

#include <chrono>
#include <optional>

using namespace vectors;
using support::to_hex;

namespace {

const std::string handshakes_file = "noise_handshake.json";

noise::Secret<32> secret(const Json& hex) {
    return noise::Secret<32>{array<32>(hex)};
}

noise::KeyPair key_pair(const noise::Curve& curve, const Json& vector) {
    auto pair = noise::KeyPair::with_encoding(curve, secret(vector.at("secret")), {array<64>(vector.at("ellswift"))});
    REQUIRE(pair.has_value());
    CHECK(pair->encoding().x_only(curve).bytes == array<32>(vector.at("public_xonly")));
    return *std::move(pair);
}

// As SRI encodes its own keys: negated to an even Y, no randomness.
noise::KeyPair sri_key_pair(const noise::Curve& curve, const Json& secret_hex) {
    secp256k1_pubkey point;
    REQUIRE(secp256k1_ec_pubkey_create(curve.context(), &point, array<32>(secret_hex).data()) == 1);
    std::array<unsigned char, 33> compressed;
    std::size_t size = compressed.size();
    secp256k1_ec_pubkey_serialize(curve.context(), compressed.data(), &size, &point, SECP256K1_EC_COMPRESSED);
    if (compressed[0] == SECP256K1_TAG_PUBKEY_ODD) REQUIRE(secp256k1_ec_pubkey_negate(curve.context(), &point) == 1);
    noise::EllSwift encoding;
    const std::array<unsigned char, 32> no_randomness{};
    REQUIRE(secp256k1_ellswift_encode(curve.context(), encoding.bytes.data(), &point, no_randomness.data()) == 1);
    auto pair = noise::KeyPair::with_encoding(curve, secret(secret_hex), encoding);
    REQUIRE(pair.has_value());
    return *std::move(pair);
}

std::chrono::sys_seconds time(const Json& seconds) {
    return std::chrono::sys_seconds{std::chrono::seconds{seconds.get<std::int64_t>()}};
}

// SRI's addition saturates.
std::uint32_t end_of(const Json& now, const Json& validity) {
    return static_cast<std::uint32_t>(
        std::min<std::uint64_t>(now.get<std::uint64_t>() + validity.get<std::uint64_t>(), 0xffff'ffff));
}

noise::SigningKey authority_key(const noise::Curve& curve, const Json& secret_hex) {
    auto key = noise::SigningKey::create(curve, secret(secret_hex));
    REQUIRE(key.has_value());
    return *std::move(key);
}

void check_certificate(const noise::Curve& curve, const Json& vector) {
    const Json& expected = vector.at("certificate");
    const auto authority = authority_key(curve, vector.at("authority").at("secret"));
    CHECK(authority.public_key().bytes == array<32>(vector.at("authority").at("public_xonly")));
    CHECK(noise::public_key_text(authority.public_key()) ==
          vector.at("authority").at("public_base58check").get<std::string>());

    const noise::XOnlyKey static_key{array<32>(vector.at("responder_static").at("public_xonly"))};
    const auto signed_ = noise::Certificate::sign(curve, authority, static_key, vector.at("now").get<std::uint32_t>(),
                                                  end_of(vector.at("now"), vector.at("cert_validity_secs")),
                                                  array<32>(expected.at("schnorr_aux_rand")));
    REQUIRE(signed_.has_value());
    CHECK(signed_->valid_from == expected.at("valid_from").get<std::uint32_t>());
    CHECK(signed_->not_valid_after == expected.at("not_valid_after").get<std::uint32_t>());
    CHECK(to_hex(signed_->encode()) == expected.at("signature_noise_message").get<std::string>());
    CHECK(to_hex(signed_->signature) == expected.at("signature").get<std::string>());
    CHECK(sha256_hex(bytes(expected.at("signed_bytes"))) == expected.at("digest_sha256").get<std::string>());

    const auto decoded =
        noise::Certificate::decode(array<noise::Certificate::size>(expected.at("signature_noise_message")));
    CHECK((decoded == *signed_));
    CHECK(decoded.verify(curve, authority.public_key(), static_key, time(vector.at("now"))));
}

// Both sides of the handshake, one Noise token at a time, with h, ck and k asserted after each.
void check_steps(const noise::Curve& curve, const Json& vector) {
    const auto act2 = bytes(vector.at("act2"));
    const auto initiator = key_pair(curve, vector.at("initiator_ephemeral"));
    const auto responder = key_pair(curve, vector.at("responder_ephemeral"));
    const auto responder_static = key_pair(curve, vector.at("responder_static"));
    std::size_t next = 0;
    const auto check_step = [&](const noise::SymmetricState& state, const noise::Secret<32>* ecdh = nullptr) {
        const Json& step = vector.at("steps").at(next++);
        INFO(step.dump());
        if (step.contains("h")) CHECK(to_hex(state.handshake_hash()) == step.at("h").get<std::string>());
        if (step.contains("ck")) CHECK(to_hex(state.chaining_key().expose()) == step.at("ck").get<std::string>());
        if (step.contains("k")) CHECK(to_hex(state.cipher()->key().expose()) == step.at("k").get<std::string>());
        if (step.contains("ecdh")) {
            REQUIRE(ecdh != nullptr);
            CHECK(to_hex(ecdh->expose()) == step.at("ecdh").get<std::string>());
        }
    };

    noise::SymmetricState state;
    check_step(state); // init
    state.mix_hash(initiator.encoding().bytes);
    check_step(state); // MixHash(e)
    REQUIRE(state.encrypt_and_hash({}).has_value());
    check_step(state); // EncryptAndHash(empty)
    state.mix_hash(responder.encoding().bytes);
    check_step(state); // MixHash(re)
    const auto ee = initiator.ecdh(curve, noise::Role::initiator, responder.encoding());
    const auto ee_there = responder.ecdh(curve, noise::Role::responder, initiator.encoding());
    CHECK(to_hex(ee->expose()) == to_hex(ee_there->expose()));
    state.mix_key(*ee);
    check_step(state, &*ee); // MixKey(ee)
    auto sealed_static = bytes(Json(vector.at("responder_static").at("ellswift")));
    sealed_static.resize(sealed_static.size() + noise::tag_size);
    REQUIRE(state.encrypt_and_hash(sealed_static).has_value());
    CHECK(to_hex(sealed_static) == to_hex(std::span{act2}.subspan(64, 80)));
    check_step(state); // EncryptAndHash(s)
    const auto es = initiator.ecdh(curve, noise::Role::initiator, responder_static.encoding());
    const auto es_there = responder_static.ecdh(curve, noise::Role::responder, initiator.encoding());
    CHECK(to_hex(es->expose()) == to_hex(es_there->expose()));
    state.mix_key(*es);
    check_step(state, &*es); // MixKey(es)
    auto sealed_certificate = bytes(vector.at("certificate").at("signature_noise_message"));
    sealed_certificate.resize(sealed_certificate.size() + noise::tag_size);
    REQUIRE(state.encrypt_and_hash(sealed_certificate).has_value());
    CHECK(to_hex(sealed_certificate) == to_hex(std::span{act2}.subspan(144, 90)));
    check_step(state); // EncryptAndHash(SIGNATURE_NOISE_MESSAGE)
    const auto ciphers = state.split();
    const Json& split = vector.at("steps").at(next++);
    CHECK(to_hex(ciphers.initiator_to_responder.key().expose()) ==
          split.at("temp_k1_initiator_to_responder").get<std::string>());
    CHECK(to_hex(ciphers.responder_to_initiator.key().expose()) ==
          split.at("temp_k2_responder_to_initiator").get<std::string>());
    CHECK(next == vector.at("steps").size());
}

noise::Certificate certificate_of(const Json& vector) {
    return noise::Certificate::decode(
        array<noise::Certificate::size>(vector.at("certificate").at("signature_noise_message")));
}

// The same through the two halves that the role and its clients use.
void check_halves(const noise::Curve& curve, const Json& vector) {
    const noise::Credentials credentials{key_pair(curve, vector.at("responder_static")), certificate_of(vector)};
    const auto act1 = array<noise::act1_size>(vector.at("act1"));
    const Json& split = vector.at("steps").back();

    auto response = noise::respond(curve, credentials, act1, key_pair(curve, vector.at("responder_ephemeral")));
    REQUIRE(response.has_value());
    CHECK(to_hex(response->act2) == vector.at("act2").get<std::string>());
    CHECK(to_hex(response->transport.receive.cipher().key().expose()) ==
          split.at("temp_k1_initiator_to_responder").get<std::string>());
    CHECK(to_hex(response->transport.send.cipher().key().expose()) ==
          split.at("temp_k2_responder_to_initiator").get<std::string>());

    const noise::XOnlyKey authority{array<32>(vector.at("authority").at("public_xonly"))};
    noise::Initiator initiator{curve, key_pair(curve, vector.at("initiator_ephemeral")), authority};
    CHECK(to_hex(initiator.act1()) == vector.at("act1").get<std::string>());
    const auto finished = std::move(initiator).finish(response->act2, time(vector.at("now")));
    REQUIRE(finished.has_value());
    CHECK(to_hex(finished->transport.send.cipher().key().expose()) ==
          split.at("temp_k1_initiator_to_responder").get<std::string>());
    CHECK(to_hex(finished->transport.receive.cipher().key().expose()) ==
          split.at("temp_k2_responder_to_initiator").get<std::string>());
    CHECK((finished->transport.handshake_hash == response->transport.handshake_hash));
    CHECK(finished->static_key.bytes == array<32>(vector.at("responder_static").at("public_xonly")));
    CHECK((finished->certificate == credentials.certificate));
}

const Json& handshake(const Json& id) {
    for (const Json& vector : list(handshakes_file, "handshakes"))
        if (vector.at("id") == id) return vector;
    FAIL("no handshake ", id.dump());
    return id;
}

} // namespace

TEST_CASE("handshakes: every step, both acts and all keys are SRI's") {
    const auto curve = client::make_curve();
    for_each(handshakes_file, "handshakes", [&](const Json& vector) {
        INFO(vector.at("id").dump(), ": ", vector.at("description").dump());
        check_certificate(curve, vector);
        check_steps(curve, vector);
        check_halves(curve, vector);
    });
}

TEST_CASE("initiator_checks: an act 2 is accepted if SRI's initiator accepts it") {
    const auto curve = client::make_curve();
    for_each(handshakes_file, "initiator_checks", [&](const Json& vector) {
        INFO(vector.at("handshake").dump(), ": ", vector.at("note").dump());
        std::optional<noise::XOnlyKey> authority;
        if (const Json& key = vector.at("authority_public_xonly"); !key.is_null()) authority.emplace(array<32>(key));
        const Json& ephemeral = handshake(vector.at("handshake")).at("initiator_ephemeral");
        const auto finished = noise::Initiator{curve, key_pair(curve, ephemeral), authority}.finish(
            array<noise::act2_size>(vector.at("act2")), time(vector.at("now")));
        CHECK(finished.has_value() == (vector.at("sri_result") == "ok"));
    });
}

TEST_CASE("responder_only: any 64 bytes are an act 1, and are answered as SRI answers them") {
    const auto curve = client::make_curve();
    for_each(handshakes_file, "responder_only", [&](const Json& vector) {
        INFO(vector.at("id").dump(), ": ", vector.at("note").dump());
        const auto act1 = array<noise::act1_size>(vector.at("act1"));
        CHECK(noise::EllSwift{act1}.x_only(curve).bytes == array<32>(vector.at("act1_point_xonly")));
        auto static_key = sri_key_pair(curve, vector.at("responder_static_secret"));
        const auto certificate = noise::Certificate::sign(
            curve, authority_key(curve, vector.at("authority_secret")), static_key.encoding().x_only(curve),
            vector.at("now").get<std::uint32_t>(), end_of(vector.at("now"), vector.at("cert_validity_secs")),
            array<32>(vector.at("schnorr_aux_rand")));
        REQUIRE(certificate.has_value());
        const noise::Credentials credentials{std::move(static_key), *certificate};
        const auto response =
            noise::respond(curve, credentials, act1, sri_key_pair(curve, vector.at("responder_ephemeral_secret")));
        REQUIRE(response.has_value());
        CHECK(to_hex(response->act2) == vector.at("act2").get<std::string>());
        CHECK(to_hex(response->transport.receive.cipher().key().expose()) ==
              vector.at("temp_k1_initiator_to_responder").get<std::string>());
        CHECK(to_hex(response->transport.send.cipher().key().expose()) ==
              vector.at("temp_k2_responder_to_initiator").get<std::string>());
    });
}
