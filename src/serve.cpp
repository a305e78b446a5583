#include "src/serve.hpp"

#include "noise/key_text.hpp"
#include "src/credentials_keeper.hpp"
#include "src/server.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <csignal>
#include <exception>
#include <utility>

namespace role {

namespace asio = boost::asio;

namespace {

constexpr std::chrono::seconds stop_limit{10};

} // namespace

void serve(const Config& config, const noise::Curve& curve, noise::SigningKey authority, const Logging& logging) {
    const auto log = logging.part("server");
    log->info("authority public key {}", noise::public_key_text(authority.public_key()));

    asio::io_context io{1};
    Server server{io, curve, CredentialsKeeper{curve, std::move(authority), config.cert_validity},
                  ServerLimits{.connections = config.max_connections}, log};
    const auto address =
        server.listen({asio::ip::make_address(config.listen_address.address), config.listen_address.port});
    log->info("listening on {}", to_text(address));

    asio::signal_set signals{io, SIGINT, SIGTERM};
    asio::steady_timer stop_timer{io};
    signals.async_wait([&](const boost::system::error_code& cancelled, int signal) {
        if (cancelled) return;
        log->info("stopping on {}", signal == SIGINT ? "SIGINT" : "SIGTERM");
        server.stop();
        stop_timer.expires_after(stop_limit);
        stop_timer.async_wait([&](const boost::system::error_code& ended_in_time) {
            if (ended_in_time) return;
            log->warn("connections that did not end within {} s are cut", stop_limit.count());
            io.stop();
        });
    });
    asio::co_spawn(io, server.run(), [&](std::exception_ptr failure) {
        if (failure) std::rethrow_exception(failure);
        stop_timer.cancel();
        signals.cancel();
    });
    io.run();
    log->info("stopped");
}

} // namespace role
