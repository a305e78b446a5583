// Why a store could not do what it was asked. An error is not a "no": only `full` and `unavailable` say that nothing of
// the call was stored.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

namespace storage {

struct StorageError {
    enum class Kind : std::uint8_t {
        full,         // no space; nothing was stored; may go better later
        unavailable,  // cannot be reached, or interrupted; nothing was stored; may go better later
        unknown,      // the answer was lost: stored or not; asking again, or resending, tells
        poisoned,     // a sync failed: nothing is stored until the role restarts
        superseded,   // another role has taken over: nothing is stored any more
        corrupt,      // what was read is not what was written
        in_use,       // another role has the store
        foreign,      // not a store of ours
        newer_schema, // of a later version of this program
        older_schema, // of an earlier version whose stores are not converted
        unusable,     // cannot be opened or made: the path, its rights
    };
    Kind kind;
    std::string detail; // with the place, for the operator

    // Whether the same call may succeed later without a restart.
    [[nodiscard]] bool may_recover() const {
        return kind == Kind::full || kind == Kind::unavailable || kind == Kind::unknown;
    }
};

std::string_view to_text(StorageError::Kind kind);

template <class T> using Result = std::expected<T, StorageError>;

} // namespace storage
