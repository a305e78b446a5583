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

} // namespace protocol::error_codes
