#include "noise/responder.hpp"

#include "noise/symmetric_state.hpp"

#include <algorithm>

namespace noise {

std::expected<Response, NoiseError> respond(const Curve& curve, const Credentials& credentials,
                                            std::span<const std::uint8_t, act1_size> act1, KeyPair ephemeral) {
    SymmetricState state;
    EllSwift theirs;
    std::ranges::copy(act1, theirs.bytes.begin());

    // Act 1, 4.5.1: e, and a payload of nothing.
    state.mix_hash(theirs.bytes);
    state.mix_hash({});

    // Act 2, 4.5.2: e, ee, s, es, and the certificate as payload.
    Act2 act2{};
    const std::span out{act2};
    const auto own = out.first<ell_swift_size>();
    const auto static_key = out.subspan<ell_swift_size, encrypted_static_size>();
    const auto certificate = out.last<encrypted_certificate_size>();

    std::ranges::copy(ephemeral.encoding().bytes, own.begin());
    state.mix_hash(own);

    const auto ee = ephemeral.ecdh(curve, Role::responder, theirs);
    if (!ee) return std::unexpected(ee.error());
    state.mix_key(*ee);

    std::ranges::copy(credentials.static_key.encoding().bytes, static_key.begin());
    if (auto sealed = state.encrypt_and_hash(static_key); !sealed) return std::unexpected(sealed.error());

    const auto es = credentials.static_key.ecdh(curve, Role::responder, theirs);
    if (!es) return std::unexpected(es.error());
    state.mix_key(*es);

    std::ranges::copy(credentials.certificate.encode(), certificate.begin());
    if (auto sealed = state.encrypt_and_hash(certificate); !sealed) return std::unexpected(sealed.error());

    auto [to_responder, to_initiator] = state.split();
    return Response{.act2 = act2,
                    .transport = {.send = Sealer{std::move(to_initiator)},
                                  .receive = Opener{std::move(to_responder)},
                                  .handshake_hash = state.handshake_hash()}};
}

} // namespace noise
