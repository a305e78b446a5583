#include "noise/error.hpp"

namespace noise {

std::string_view describe(NoiseError error) {
    switch (error) {
    case NoiseError::bad_tag: return "authentication of encrypted bytes failed";
    case NoiseError::bad_key: return "invalid key";
    case NoiseError::bad_certificate: return "certificate not signed by the authority, or not valid now";
    case NoiseError::bad_length: return "impossible number of bytes";
    case NoiseError::nonce_exhausted: return "no nonce left for this key";
    }
    return "unknown error";
}

} // namespace noise
