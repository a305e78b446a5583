// Keys in files: base58check text as SRI writes it, one key a file, secrets readable by their owner alone.
#pragma once

#include "noise/curve.hpp"
#include "noise/keys.hpp"
#include "noise/secret.hpp"

#include <expected>
#include <filesystem>
#include <string>
#include <string_view>

namespace role {

// What went wrong, with the file's name, for the operator to read. Never anything of a key.
using KeyFileError = std::string;

// Refuses a file that others than its owner can read or write.
std::expected<noise::Secret<32>, KeyFileError> read_secret_key(const noise::Curve& curve,
                                                               const std::filesystem::path& file);

// Makes a key pair and writes `name`.secret (0600) and `name`.public in `folder`, which is made (0700) if missing.
// Never overwrites either file, and leaves neither behind if one cannot be written. Returns the public key.
std::expected<noise::XOnlyKey, KeyFileError>
write_new_key_pair(const noise::Curve& curve, const std::filesystem::path& folder, std::string_view name);

} // namespace role
