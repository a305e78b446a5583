// Limits of the server that would take minutes to reach in the running role.

#include "src/server.hpp"

#include "clients/cpp/randomness.hpp"
#include "src/logging.hpp"
#include "tests/support/peer.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <doctest/doctest.h>
#include <spdlog/sinks/ostream_sink.h>

#include <memory>
#include <sstream>
#include <thread>

namespace asio = boost::asio;
using namespace std::chrono_literals;

namespace {

// A server on a thread of its own, with a log to read once it has stopped.
struct RunningServer {
    noise::Curve curve = client::make_curve();
    noise::SigningKey authority_key = noise::SigningKey::create(curve, client::random_secret()).value();
    noise::XOnlyKey authority = authority_key.public_key();
    std::ostringstream log;
    role::Logging logging{{std::make_shared<spdlog::sinks::ostream_sink_mt>(log)}, spdlog::level::debug};
    asio::io_context io{1};
    role::Server server;
    std::uint16_t port;
    std::thread thread;

    explicit RunningServer(const role::ServerLimits& limits)
        : server{io, curve, {curve, std::move(authority_key), 1h}, limits, logging.part("server")},
          port{server.listen({asio::ip::address_v4::loopback(), 0}).port()} {
        asio::co_spawn(io, server.run(), asio::detached);
        thread = std::thread{[this] { io.run(); }};
    }
    RunningServer(const RunningServer&) = delete;
    RunningServer& operator=(const RunningServer&) = delete;
    ~RunningServer() { stop(); }

    std::string stop() {
        if (thread.joinable()) {
            asio::post(io, [this] { server.stop(); });
            thread.join();
        }
        return log.str();
    }
};

} // namespace

TEST_CASE("a connection that has negotiated and is silent for the idle limit is closed without a message") {
    RunningServer server{{.idle = 50ms}};
    support::Peer peer{server.port};
    support::negotiate(peer, server.curve, server.authority);
    CHECK(peer.is_closed());
    CHECK(server.stop().find("closed in phase open: the time limit was reached") != std::string::npos);
}

TEST_CASE("a refused peer that does not close is dropped after the farewell") {
    RunningServer server{{.farewell = 50ms}};
    support::Peer peer{server.port};
    support::negotiate(peer, server.curve, server.authority);
    peer.send(support::setup_connection());
    CHECK(peer.receive<protocol::Error>().code.text == "unexpected-message");
    const auto log = server.stop(); // returns when the last session has ended, and this peer does not end it
    CHECK(log.find("refused in phase open: unexpected-message") != std::string::npos);
}

TEST_CASE("a deadline of the negotiation cuts a peer at any byte of its first messages") {
    RunningServer server{{.negotiation = 50ms}};
    for (const std::size_t size : {0U, 1U, 63U}) {
        support::Peer peer{server.port};
        peer.send_bytes(std::vector<std::uint8_t>(size));
        CHECK(peer.is_closed());
    }
    CHECK(server.stop().find("closed in phase handshake: the time limit was reached") != std::string::npos);
}
