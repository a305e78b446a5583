// The responder's side of connections over loopback, in the test's own process.
#pragma once

#include "clients/cpp/connect.hpp"
#include "clients/cpp/randomness.hpp"
#include "noise/signing_key.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <chrono>
#include <cstdint>
#include <exception>
#include <memory>
#include <string>
#include <utility>

namespace support {

// A listening port with credentials of its own authority.
struct Responder {
    boost::asio::io_context io{1};
    noise::Curve curve = client::make_curve();
    noise::SigningKey authority = noise::SigningKey::create(curve, client::random_secret()).value();
    boost::asio::ip::tcp::acceptor acceptor{io, {boost::asio::ip::address_v4::loopback(), 0}};
    std::shared_ptr<const noise::Credentials> credentials;

    // A certificate that ends `validity` from now.
    explicit Responder(std::chrono::seconds validity = std::chrono::hours{1}) {
        const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
        auto key = client::make_key_pair(curve);
        const auto wire = [](std::chrono::sys_seconds time) {
            return static_cast<std::uint32_t>(time.time_since_epoch().count());
        };
        const auto certificate =
            noise::Certificate::sign(curve, authority, key.encoding().x_only(curve), wire(now - std::chrono::hours{24}),
                                     wire(now + validity), client::random_bytes());
        credentials = std::make_shared<const noise::Credentials>(std::move(key), certificate.value());
    }

    [[nodiscard]] std::string port() const { return std::to_string(acceptor.local_endpoint().port()); }

    boost::asio::awaitable<client::Result<client::EncryptedStream>> accept() {
        auto socket = co_await acceptor.async_accept(boost::asio::use_awaitable);
        const client::CredentialsSource source = [this] { return credentials; };
        co_return co_await client::EncryptedStream::accept(std::move(socket), curve, source, io.get_executor());
    }
    boost::asio::awaitable<client::Result<client::EncryptedStream>> connect(noise::XOnlyKey expected_authority) {
        return client::connect("127.0.0.1", port(), curve, expected_authority);
    }

    // Runs both sides to their end; what either throws is thrown here.
    void run(boost::asio::awaitable<void> one, boost::asio::awaitable<void> other) {
        const auto rethrow = [](std::exception_ptr failure) {
            if (failure) std::rethrow_exception(failure);
        };
        boost::asio::co_spawn(io, std::move(one), rethrow);
        boost::asio::co_spawn(io, std::move(other), rethrow);
        io.run();
    }
};

} // namespace support
