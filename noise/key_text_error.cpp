#include "noise/key_text_error.hpp"

namespace noise {

std::string_view describe(KeyTextError error) {
    switch (error) {
    case KeyTextError::bad_character: return "contains a character that is not base58";
    case KeyTextError::bad_checksum: return "checksum does not match, mistyped or cut off";
    case KeyTextError::bad_length: return "wrong length";
    case KeyTextError::bad_version: return "not a public key of this kind (wrong prefix)";
    case KeyTextError::bad_key: return "does not hold a valid key";
    }
    return "unknown error";
}

} // namespace noise
