// The codes that SetupConnection.Error and the storage extension's Error carry. A peer may act on them: once published,
// a code is never renamed.
#pragma once

#include <string_view>

namespace protocol::error_codes {

// Those of the SV2 specification (3.6.3).
inline constexpr std::string_view unsupported_feature_flags = "unsupported-feature-flags";
inline constexpr std::string_view unsupported_protocol = "unsupported-protocol";
inline constexpr std::string_view protocol_version_mismatch = "protocol-version-mismatch";

// A frame of an extension that the role does not know. (One it knows, before it was negotiated, is unexpected_message.)
inline constexpr std::string_view unsupported_extension = "unsupported-extension";
// A message that does not exist, or not in this phase or direction.
inline constexpr std::string_view unexpected_message = "unexpected-message";
// A payload that ends before its last field, or a field out of its range.
inline constexpr std::string_view malformed_message = "malformed-message";
// A frame whose header announces more bytes than this phase allows.
inline constexpr std::string_view frame_too_large = "frame-too-large";

// A key that is not known, or a signature that is not that key's over this very session: the same answer to both.
inline constexpr std::string_view unauthorized = "unauthorized";
// A message, a role or a record kind that the client's key does not permit.
inline constexpr std::string_view not_permitted = "not-permitted";

// A stream that leaves numbers out.
inline constexpr std::string_view sequence_gap = "sequence-gap";
// A number that was stored with other bytes.
inline constexpr std::string_view sequence_conflict = "sequence-conflict";
// Another session has attached to the stream.
inline constexpr std::string_view fenced = "fenced";
// The client remembers an acknowledgment that the store does not know.
inline constexpr std::string_view history_lost = "history-lost";

// What may go better later.
inline constexpr std::string_view busy = "busy";
inline constexpr std::string_view shutting_down = "shutting-down";
inline constexpr std::string_view storage_unavailable = "storage-unavailable";

// Of a request.
inline constexpr std::string_view invalid_cursor = "invalid-cursor";
inline constexpr std::string_view invalid_request = "invalid-request";

} // namespace protocol::error_codes
