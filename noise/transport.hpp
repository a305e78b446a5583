// What a finished handshake leaves to either side.
#pragma once

#include "noise/hash.hpp"
#include "noise/opener.hpp"
#include "noise/sealer.hpp"

namespace noise {

struct Transport {
    Sealer send;
    Opener receive;
    Hash handshake_hash; // h after act 2: the same on both sides and on no other connection (Noise 11.2)
};

} // namespace noise
