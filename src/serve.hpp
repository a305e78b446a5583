// The running role: a server on its io_context, stopped by SIGINT or SIGTERM.
#pragma once

#include "noise/signing_key.hpp"
#include "src/client_table.hpp"
#include "src/config.hpp"
#include "src/logging.hpp"

namespace role {

// Opens the store, for which it may wait, then the port; serves until a signal, and until the sessions have ended after
// it. Throws std::runtime_error if the store or the port cannot be opened, the store not be closed, or another role has
// taken it over.
void serve(const Config& config, const noise::Curve& curve, noise::SigningKey authority, const ClientTable& clients,
           const Logging& logging);

} // namespace role
