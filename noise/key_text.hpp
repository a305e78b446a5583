// Keys as operators see them, in the form of the Stratum V2 reference implementation, so that keys can be exchanged
// with it. Public: base58check of 01 00 and the 32-byte x coordinate (SV2 04-Protocol-Security 4.7); secret:
// base58check of the 32 bytes with no prefix.
#pragma once

#include "noise/base58.hpp"
#include "noise/key_text_error.hpp"
#include "noise/keys.hpp"

#include <cstddef>
#include <expected>
#include <string>
#include <string_view>

namespace noise {

// A secret key's text, wiped like the key itself.
class SecretText {
  public:
    explicit SecretText(const Secret<32>& key);

    // Valid as long as this object.
    [[nodiscard]] std::string_view view() const;

  private:
    Secret<max_base58_size(32 + 4)> text_;
    std::size_t size_;
};

[[nodiscard]] std::string public_key_text(const XOnlyKey& key);
[[nodiscard]] std::expected<XOnlyKey, KeyTextError> parse_public_key(const Curve& curve, std::string_view text);
// The caller wipes `text`.
[[nodiscard]] std::expected<Secret<32>, KeyTextError> parse_secret_key(const Curve& curve, std::string_view text);

} // namespace noise
