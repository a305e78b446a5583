// The running role: a server on its io_context, stopped by SIGINT or SIGTERM.
#pragma once

#include "noise/signing_key.hpp"
#include "src/config.hpp"
#include "src/logging.hpp"

namespace role {

// Serves until a signal, and until the sessions have ended after it. Throws std::runtime_error if the port cannot
// be opened.
void serve(const Config& config, const noise::Curve& curve, noise::SigningKey authority, const Logging& logging);

} // namespace role
