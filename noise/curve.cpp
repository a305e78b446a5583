#include "noise/curve.hpp"

#include <secp256k1.h>
#include <sodium.h>

#include <cstdlib>

namespace noise {

void Curve::Destroy::operator()(secp256k1_context_struct* context) const noexcept {
    secp256k1_context_destroy(context);
}

Curve Curve::create(std::span<const std::uint8_t, 32> blinding) {
    Curve curve{std::unique_ptr<secp256k1_context_struct, Destroy>{secp256k1_context_create(SECP256K1_CONTEXT_NONE)}};
    // Neither fails on a machine that works, and libsecp256k1 itself ends the program where it has no memory.
    if (sodium_init() < 0 || secp256k1_context_randomize(curve.context_.get(), blinding.data()) != 1) std::abort();
    return curve;
}

} // namespace noise
