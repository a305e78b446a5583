// The initiator's half of the Noise NX handshake: sends act 1, and finishes with act 2. SV2 04-Protocol-Security 4.5.
// One object per connection.
#pragma once

#include "noise/acts.hpp"
#include "noise/certificate.hpp"
#include "noise/curve.hpp"
#include "noise/error.hpp"
#include "noise/keys.hpp"
#include "noise/transport.hpp"

#include <chrono>
#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <utility>

namespace noise {

struct Finished {
    Transport transport;
    XOnlyKey static_key;
    Certificate certificate;
};

class Initiator {
  public:
    // Without an authority the responder's certificate is not checked at all, not even its times: the connection is
    // then private, but nobody knows with whom. `ephemeral` must be fresh.
    Initiator(const Curve& curve, KeyPair ephemeral, const std::optional<XOnlyKey>& authority)
        : curve_{curve},
          ephemeral_{std::move(ephemeral)},
          authority_{authority} {}

    [[nodiscard]] const Act1& act1() const { return ephemeral_.encoding().bytes; }

    // bad_tag: act 2 is no answer to this act 1. bad_certificate: it is, but not by whom the authority vouches for.
    // Spends the ephemeral key, hence std::move(initiator).finish(...): two connections must not share their keys.
    [[nodiscard]] std::expected<Finished, NoiseError> finish(std::span<const std::uint8_t, act2_size> act2,
                                                             std::chrono::sys_seconds now) &&;

  private:
    const Curve& curve_;
    KeyPair ephemeral_;
    std::optional<XOnlyKey> authority_;
};

} // namespace noise
