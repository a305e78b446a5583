// Noise's CipherState (Noise 5.1).

#include "noise/cipher_state.hpp"
#include "tests/noise/fixtures.hpp"

#include <doctest/doctest.h>

#include <limits>

using namespace fixtures;
using namespace noise;
using support::from_hex;
using support::to_hex;

namespace {

// Room for the tag behind the text.
Bytes with_room(Bytes text) {
    text.resize(text.size() + tag_size);
    return text;
}

Bytes sealed(CipherState& cipher, const Bytes& text, const Bytes& associated = {}) {
    auto bytes = with_room(text);
    REQUIRE(cipher.encrypt(associated, bytes).has_value());
    return bytes;
}

} // namespace

TEST_CASE("a text is encrypted as the reference implementation encrypts it, nonce after nonce") {
    CipherState cipher{secret("66201906a03e17fd26a570312ddf985781620475f9db7de9425bdf79ab6786c7")};
    CHECK(to_hex(sealed(cipher, from_hex("000001060000"))) == "0c78767f7adccc0a92d9edcca1eeeace09204dae7847");
    CHECK(to_hex(sealed(cipher, from_hex("567594b3d2f1"))) == "7e780201dc339e095a309b20d327ca6d4cf644e9847c");
}

TEST_CASE("what one cipher encrypts, one with the same key and nonce decrypts") {
    for (const std::size_t size : {0, 1, 15, 16, 17, 63, 64, 65, 1000}) {
        CAPTURE(size);
        auto sender = cipher(5);
        auto receiver = cipher(5);
        auto bytes = sealed(sender, pattern(size), {1, 2, 3});
        const auto text = receiver.decrypt(Bytes{1, 2, 3}, bytes);
        REQUIRE(text.has_value());
        CHECK(std::ranges::equal(*text, pattern(size)));
    }
}

TEST_CASE("the nonce is little-endian and all of its 8 bytes count") {
    for (int bit = 0; bit < 63; ++bit) {
        CAPTURE(bit);
        auto zero = cipher();
        auto other = cipher(std::uint64_t{1} << bit);
        CHECK(sealed(zero, pattern(32)) != sealed(other, pattern(32)));
    }
    // Key and text of zeros, nonce 256: found with another implementation of ChaCha20-Poly1305.
    CipherState cipher{Secret<32>{}, 256};
    CHECK(to_hex(sealed(cipher, Bytes(16))) == "c91d393904308029b9688eb9d64c7620951e01c5da79c8d01afee472f403713d");
}

TEST_CASE("any altered byte of the text, its tag or what is associated is noticed") {
    auto sender = cipher();
    const auto good = sealed(sender, pattern(20), {1, 2, 3});
    for (std::size_t i = 0; i < good.size(); ++i) {
        CAPTURE(i);
        auto receiver = cipher();
        auto altered = good;
        altered[i] ^= 0x40;
        CHECK(error_of(receiver.decrypt(Bytes{1, 2, 3}, altered)) == NoiseError::bad_tag);
    }
    for (const auto& associated : {Bytes{}, Bytes{1, 2}, Bytes{1, 2, 4}, Bytes{1, 2, 3, 0}}) {
        auto receiver = cipher();
        auto copy = good;
        CHECK(error_of(receiver.decrypt(associated, copy)) == NoiseError::bad_tag);
    }
}

TEST_CASE("a failed decryption is final") {
    auto sender = cipher();
    const auto good = sealed(sender, pattern(20));
    auto receiver = cipher();
    auto altered = good;
    altered[0] ^= 1;
    CHECK(error_of(receiver.decrypt({}, altered)) == NoiseError::bad_tag);
    auto copy = good;
    CHECK(error_of(receiver.decrypt({}, copy)) == NoiseError::bad_tag);
    CHECK(copy == good);

    CipherState moved = std::move(receiver);
    CHECK(error_of(moved.decrypt({}, copy)) == NoiseError::bad_tag);
}

TEST_CASE("what is shorter than a tag is refused") {
    Bytes short_by_one(tag_size - 1);
    auto sender = cipher();
    CHECK(error_of(sender.encrypt({}, short_by_one)) == NoiseError::bad_length);
    auto receiver = cipher();
    CHECK(error_of(receiver.decrypt({}, short_by_one)) == NoiseError::bad_length);
    Bytes long_enough(tag_size);
    CHECK(error_of(receiver.decrypt({}, long_enough)) == NoiseError::bad_length);
}

TEST_CASE("the nonce 2^64-2 is the last, 2^64-1 is reserved") {
    auto sender = cipher(reserved_nonce - 1);
    auto receiver = cipher(reserved_nonce - 1);
    CHECK(sender.remaining() == 1);
    auto last = sealed(sender, pattern(3));
    CHECK(receiver.decrypt({}, last).has_value());

    CHECK(sender.remaining() == 0);
    auto text = with_room(pattern(3));
    CHECK(error_of(sender.encrypt({}, text)) == NoiseError::nonce_exhausted);
    CHECK(text == with_room(pattern(3)));
    CHECK(error_of(receiver.decrypt({}, text)) == NoiseError::nonce_exhausted);
}

TEST_CASE("a cipher that was moved goes on in the new place and is unusable in the old one") {
    auto first = cipher();
    auto reference = cipher();
    CHECK(sealed(first, pattern(3)) == sealed(reference, pattern(3)));
    CipherState second = std::move(first);
    CHECK(sealed(second, pattern(3)) == sealed(reference, pattern(3)));
    auto third = cipher(77);
    third = std::move(second);
    CHECK(sealed(third, pattern(3)) == sealed(reference, pattern(3)));

    auto bytes = with_room(pattern(3));
    // NOLINTBEGIN(bugprone-use-after-move): the point of the case
    for (CipherState* empty : {&first, &second}) {
        CHECK(error_of(empty->encrypt({}, bytes)) == NoiseError::nonce_exhausted);
        CHECK(error_of(empty->decrypt({}, bytes)) == NoiseError::nonce_exhausted);
    }
    // NOLINTEND(bugprone-use-after-move)
}
