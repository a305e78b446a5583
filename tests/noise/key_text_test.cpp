// The text forms of keys, as the Stratum V2 reference implementation writes and reads them.

#include "noise/hash.hpp"
#include "noise/key_text.hpp"
#include "tests/noise/fixtures.hpp"

#include <doctest/doctest.h>

using namespace fixtures;
using namespace noise;
using support::from_hex;
using support::to_hex;

namespace {

struct Known {
    std::string_view secret;
    std::string_view secret_text;
    std::string_view x_only;
    std::string_view public_text;
};

constexpr std::array known_keys = {
    Known{.secret = "65995eb19631f478a46ffa5cf1e545091efe950eaeac7482ffdc06eb6a89f697",
          .secret_text = "mkDLTBBRxdBv998612qipDYoTK3YUrqLe8uWw7gu3iXbSrn2n",
          .x_only = "24ee3c3804a1aaa4c03b80ea19f7a5863c916e8994b7db94a3bad7ee092b6ce7",
          .public_text = "9auqWEzQDVyd2oe1JVGFLMLHZtCo2FFqZwtKA5gd9xbuEu7PH72"},
    Known{.secret = "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364140",
          .secret_text = "2wkBET2rRgE8pahuaczxKbhPFFp7gb6Kvp7zHyaJMz1j9fm9tj",
          .x_only = "79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798",
          .public_text = "9bZBweHhn6px2Quf1hADVUTrWxX65vtRBweWHP66kfkKGFTQRHs"},
};

// Base58check of a body that the room itself would never write.
std::string text_of(Bytes body) {
    const Hash hash = sha256({sha256({body})});
    body.insert(body.end(), hash.begin(), hash.begin() + 4);
    Bytes room(max_base58_size(body.size()));
    const auto text = encode_base58(body, room);
    return {text.begin(), text.end()};
}

std::string text_of(std::string_view hex) {
    return text_of(from_hex(hex));
}

std::optional<KeyTextError> public_error(std::string_view text) {
    const auto key = parse_public_key(curve(), text);
    return key ? std::nullopt : std::optional{key.error()};
}

std::optional<KeyTextError> secret_error(std::string_view text) {
    const auto key = parse_secret_key(curve(), text);
    return key ? std::nullopt : std::optional{key.error()};
}

} // namespace

TEST_CASE("a public key has its known text, and back") {
    for (const auto& key : known_keys) {
        CHECK(public_key_text(XOnlyKey{array_of<32>(key.x_only)}) == key.public_text);
        CHECK(to_hex(parse_public_key(curve(), key.public_text).value().bytes) == key.x_only);
    }
}

TEST_CASE("a secret key has its known text, and back") {
    for (const auto& key : known_keys) {
        CHECK(SecretText{secret(key.secret)}.view() == key.secret_text);
        CHECK(to_hex(parse_secret_key(curve(), key.secret_text).value().expose()) == key.secret);
    }
}

TEST_CASE("leading zero bytes of a secret survive its text") {
    const auto one = secret("0000000000000000000000000000000000000000000000000000000000000001");
    const SecretText text{one};
    CHECK(text.view().starts_with(std::string(31, '1')));
    CHECK(std::ranges::equal(parse_secret_key(curve(), text.view()).value().expose(), one.expose()));
}

TEST_CASE("characters outside the alphabet are refused, blanks at the ends too") {
    const std::string good{known_keys[0].public_text};
    for (const auto& text : {" " + good, good + " ", good + "\n", good + '\0', "0" + good, good + "l"}) {
        CAPTURE(text);
        CHECK(public_error(text) == KeyTextError::bad_character);
        CHECK(secret_error(text) == KeyTextError::bad_character);
    }
}

TEST_CASE("a mistyped or truncated text is refused for its checksum") {
    for (const std::string_view good : {known_keys[0].public_text, known_keys[0].secret_text}) {
        for (std::size_t i = 0; i < good.size(); ++i) {
            CAPTURE(i);
            std::string mistyped{good};
            mistyped[i] = mistyped[i] == 'z' ? 'y' : 'z';
            CHECK(public_error(mistyped) == KeyTextError::bad_checksum);
            CHECK(secret_error(mistyped) == KeyTextError::bad_checksum);
            CHECK(public_error(good.substr(0, i)) == KeyTextError::bad_checksum);
            CHECK(secret_error(good.substr(0, i)) == KeyTextError::bad_checksum);
        }
    }
}

TEST_CASE("a body too short for a public key is refused for its length, before its version is read") {
    CHECK(public_error(known_keys[0].secret_text) == KeyTextError::bad_length);
    CHECK(public_error(text_of("")) == KeyTextError::bad_length);
    CHECK(public_error(text_of("0100" + to_hex(filled<31>(1)))) == KeyTextError::bad_length);
    CHECK(public_error(text_of("0200" + to_hex(filled<31>(1)))) == KeyTextError::bad_length);
}

TEST_CASE("a version other than 1 is refused, before the key is looked at") {
    const std::string key = to_hex(filled(0xff)); // no point of the curve
    for (const auto* version : {"0000", "0200", "0001", "0101", "0c00"}) {
        CAPTURE(version);
        CHECK(public_error(text_of(version + key)) == KeyTextError::bad_version);
        CHECK(public_error(text_of(version + key + "00")) == KeyTextError::bad_version);
    }
}

TEST_CASE("text of the right form that holds no key is refused for that") {
    const std::string x{known_keys[0].x_only};
    CHECK(public_error(text_of("0100" + x)) == std::nullopt);
    CHECK(public_error(text_of("0100" + x + "00")) == KeyTextError::bad_key);
    CHECK(public_error(text_of("0100" + to_hex(filled(0xff)))) == KeyTextError::bad_key);
    CHECK(public_error(text_of("0100" + to_hex(zeros))) == KeyTextError::bad_key);

    const std::string order = "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141";
    CHECK(secret_error(text_of(order)) == KeyTextError::bad_key);
    CHECK(secret_error(text_of(to_hex(zeros))) == KeyTextError::bad_key);
    CHECK(secret_error(text_of(to_hex(filled<31>(1)))) == KeyTextError::bad_key);
    CHECK(secret_error(text_of(to_hex(filled<33>(1)))) == KeyTextError::bad_key);
    CHECK(secret_error(text_of("")) == KeyTextError::bad_key);
    CHECK(secret_error(known_keys[0].public_text) == KeyTextError::bad_key);
}

TEST_CASE("a text far too long is refused for its length, without work that grows with it") {
    for (const char c : {'1', 'z', ' '}) {
        const std::string text(8'000'000, c);
        CHECK(public_error(text) == KeyTextError::bad_length);
        CHECK(secret_error(text) == KeyTextError::bad_length);
    }
}

TEST_CASE("every error says what is wrong in words of its own") {
    const std::array words = {describe(KeyTextError::bad_character), describe(KeyTextError::bad_checksum),
                              describe(KeyTextError::bad_length), describe(KeyTextError::bad_version),
                              describe(KeyTextError::bad_key)};
    for (const auto word : words) CHECK(std::ranges::count(words, word) == 1);
}
