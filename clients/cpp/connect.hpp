// How a client reaches the role. There is no connection without an authority key: whoever does not check it hands its
// shares to any impostor that acknowledges them.
#pragma once

#include "clients/cpp/encrypted_stream.hpp"

#include <boost/asio/awaitable.hpp>

#include <string>

namespace client {

// Connects to `host` (a name or an address) at `port` (a number or a service name) and finishes the handshake. Fails
// with noise::NoiseError::bad_certificate if `authority` does not vouch for the role.
boost::asio::awaitable<Result<EncryptedStream>> connect(std::string host, std::string port, const noise::Curve& curve,
                                                        noise::XOnlyKey authority);

} // namespace client
