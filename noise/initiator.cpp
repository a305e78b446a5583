#include "noise/initiator.hpp"

#include "noise/symmetric_state.hpp"

#include <algorithm>

namespace noise {

std::expected<Finished, NoiseError> Initiator::finish(std::span<const std::uint8_t, act2_size> act2,
                                                      std::chrono::sys_seconds now) && {
    const KeyPair ephemeral = std::move(ephemeral_);
    SymmetricState state;

    // Act 1, 4.5.1: e, and a payload of nothing.
    state.mix_hash(ephemeral.encoding().bytes);
    state.mix_hash({});

    // Act 2, 4.5.2: e, ee, s, es, and the certificate as payload.
    Act2 received{};
    std::ranges::copy(act2, received.begin());
    const std::span in{received};

    EllSwift theirs;
    std::ranges::copy(in.first<ell_swift_size>(), theirs.bytes.begin());
    state.mix_hash(theirs.bytes);

    const auto ee = ephemeral.ecdh(curve_, Role::initiator, theirs);
    if (!ee) return std::unexpected(ee.error());
    state.mix_key(*ee);

    const auto static_text = state.decrypt_and_hash(in.subspan<ell_swift_size, encrypted_static_size>());
    if (!static_text) return std::unexpected(static_text.error());
    EllSwift static_encoding;
    std::ranges::copy(*static_text, static_encoding.bytes.begin());

    const auto es = ephemeral.ecdh(curve_, Role::initiator, static_encoding);
    if (!es) return std::unexpected(es.error());
    state.mix_key(*es);

    const auto certificate_text = state.decrypt_and_hash(in.last<encrypted_certificate_size>());
    if (!certificate_text) return std::unexpected(certificate_text.error());
    const auto certificate = Certificate::decode(certificate_text->first<Certificate::size>());

    const XOnlyKey static_key = static_encoding.x_only(curve_);
    if (authority_ && !certificate.verify(curve_, *authority_, static_key, now))
        return std::unexpected(NoiseError::bad_certificate);

    auto [to_responder, to_initiator] = state.split();
    return Finished{.transport = {.send = Sealer{std::move(to_responder)},
                                  .receive = Opener{std::move(to_initiator)},
                                  .handshake_hash = state.handshake_hash()},
                    .static_key = static_key,
                    .certificate = certificate};
}

} // namespace noise
