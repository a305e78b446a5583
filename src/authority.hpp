// The authority key: what clients pin, and what signs the role's certificates.
#pragma once

#include "noise/signing_key.hpp"
#include "src/config.hpp"

#include <spdlog/logger.h>

#include <expected>

namespace role {

// The configured key; a secret that stands in the configuration is moved out of it. Without one this is the development
// preset: the key in the state directory, made there if it is missing, and loopback addresses only.
std::expected<noise::SigningKey, ConfigError> load_authority(Config& config, const noise::Curve& curve,
                                                             spdlog::logger& log);

} // namespace role
