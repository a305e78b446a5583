// authority_keys.json: the text forms of keys, as SRI's key-utils writes and reads them.

#include "clients/cpp/randomness.hpp"
#include "noise/key_text.hpp"
#include "noise/signing_key.hpp"
#include "tests/vectors/folder.hpp"

#include <doctest/doctest.h>

#include <algorithm>

using namespace vectors;

namespace {

const std::string keys_file = "authority_keys.json";

} // namespace

TEST_CASE("keys: both text forms are SRI's, and back") {
    const auto curve = client::make_curve();
    for_each(keys_file, "keys", [&](const Json& vector) {
        INFO(vector.dump());
        const auto secret_bytes = array<32>(vector.at("secret"));
        const auto signing_key = noise::SigningKey::create(curve, noise::Secret<32>{secret_bytes});
        REQUIRE(signing_key.has_value());
        CHECK(signing_key->public_key().bytes == array<32>(vector.at("public_xonly")));

        const auto public_text = vector.at("public_base58check").get<std::string>();
        CHECK(noise::public_key_text(signing_key->public_key()) == public_text);
        CHECK(noise::parse_public_key(curve, public_text) == signing_key->public_key());

        const auto secret_text = vector.at("secret_base58check").get<std::string>();
        CHECK(noise::SecretText{noise::Secret<32>{secret_bytes}}.view() == secret_text);
        const auto parsed = noise::parse_secret_key(curve, secret_text);
        REQUIRE(parsed.has_value());
        CHECK(std::ranges::equal(parsed->expose(), secret_bytes));
    });
}

TEST_CASE("parse_checks: a text is a key if it is one to SRI") {
    const auto curve = client::make_curve();
    for_each(keys_file, "parse_checks", [&](const Json& vector) {
        INFO(vector.dump());
        const auto result = vector.at("sri_result").get<std::string>();
        const bool is_accepted = result.starts_with("ok");
        if (vector.contains("parse_secret")) {
            const auto text = vector.at("parse_secret").get<std::string>();
            CHECK(noise::parse_secret_key(curve, text).has_value() == is_accepted);
            return;
        }
        const auto parsed = noise::parse_public_key(curve, vector.at("parse_public").get<std::string>());
        REQUIRE(parsed.has_value() == is_accepted);
        if (is_accepted && result.size() == 3 + 64) CHECK(parsed->bytes == array<32>(Json(result.substr(3))));
    });
}
