#include "clients/cpp/authentication.hpp"

#include "protocol/codec.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <string_view>

namespace client {

noise::Hash authentication_digest(const noise::Hash& handshake_hash, const noise::XOnlyKey& authority,
                                  const protocol::Authenticate& message) {
    constexpr std::string_view tag = "sv2-storage/client-auth/v1";
    std::array<std::uint8_t, tag.size()> tag_bytes{};
    std::ranges::copy(tag, tag_bytes.begin());
    const noise::Hash tag_hash = noise::sha256({tag_bytes});

    // Every field is of fixed size: there is no message without an encoding.
    const protocol::Bytes payload = protocol::encode(message).value();
    const auto before_signature = std::span{payload}.first(payload.size() - message.signature.bytes.size());
    return noise::sha256({tag_hash, tag_hash, handshake_hash, authority.bytes, before_signature});
}

} // namespace client
