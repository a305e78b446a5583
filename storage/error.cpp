#include "storage/error.hpp"

namespace storage {

std::string_view to_text(StorageError::Kind kind) {
    switch (kind) {
    case StorageError::Kind::full: return "no space";
    case StorageError::Kind::unavailable: return "not available";
    case StorageError::Kind::unknown: return "the answer was lost";
    case StorageError::Kind::poisoned: return "stopped until a restart";
    case StorageError::Kind::superseded: return "taken over by another role";
    case StorageError::Kind::corrupt: return "damaged";
    case StorageError::Kind::in_use: return "in use by another role";
    case StorageError::Kind::foreign: return "not a store of this program";
    case StorageError::Kind::newer_schema: return "of a newer version";
    case StorageError::Kind::older_schema: return "of an older version";
    case StorageError::Kind::unusable: return "cannot be opened";
    }
    return "";
}

} // namespace storage
