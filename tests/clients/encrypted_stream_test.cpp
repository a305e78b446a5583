// The encrypted stream, client and responder in one process over a loopback socket.

#include "clients/cpp/within.hpp"
#include "tests/clients/responder.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace asio = boost::asio;
using client::EncryptedStream;
using client::Result;
using support::Responder;
using namespace std::chrono_literals;

namespace {

protocol::Bytes frame_of_size(std::size_t payload_size) {
    protocol::Bytes frame(protocol::frame_header_size + payload_size);
    for (std::size_t i = 0; i < payload_size; ++i)
        frame[protocol::frame_header_size + i] = static_cast<std::uint8_t>(i * 7);
    return protocol::complete_frame({.extension_type = 0x5354, .msg_type = 0x80}, std::move(frame)).value();
}

asio::awaitable<void> accept_into(Responder& responder, std::optional<Result<EncryptedStream>>& stream) {
    stream.emplace(co_await responder.accept());
}

asio::awaitable<void> connect_into(Responder& responder, noise::XOnlyKey authority,
                                   std::optional<Result<EncryptedStream>>& stream) {
    stream.emplace(co_await responder.connect(authority));
}

// Both ends of a connection.
struct Connection {
    Responder responder;
    std::optional<Result<EncryptedStream>> server;
    std::optional<Result<EncryptedStream>> client;

    Connection() {
        responder.run(accept_into(responder, server),
                      connect_into(responder, responder.authority.public_key(), client));
        responder.io.restart();
        REQUIRE(server.value().has_value());
        REQUIRE(client.value().has_value());
    }
};

asio::awaitable<void> send_all(EncryptedStream& stream, const std::vector<protocol::Bytes>& frames) {
    for (const auto& frame : frames) {
        const auto sent = co_await stream.write_frame(frame);
        CHECK(sent.has_value());
    }
}

asio::awaitable<void> expect_all(EncryptedStream& stream, const std::vector<protocol::Bytes>& frames) {
    for (const auto& frame : frames) {
        const auto received = co_await stream.read_frame(0xff'ffff);
        CHECK(received.has_value());
        if (!received) co_return;
        CHECK(received->header == protocol::decode_header(std::span{frame}.first<protocol::frame_header_size>()));
        CHECK((received->payload == protocol::Bytes{frame.begin() + protocol::frame_header_size, frame.end()}));
    }
}

asio::awaitable<void> expect_error(EncryptedStream& stream, std::size_t max_payload, std::string& error) {
    const auto received = co_await stream.read_frame(max_payload);
    if (!received) error = received.error().describe();
}

asio::awaitable<void> expect_time_out(EncryptedStream& stream, std::optional<client::StreamError>& error) {
    const auto received = co_await client::within(20ms, stream.read_frame(2048));
    if (!received) error = received.error();
}

asio::awaitable<void> nothing() {
    co_return;
}

asio::awaitable<void> close(EncryptedStream& stream) {
    co_await stream.close(1h); // ends with the other side's close
}

asio::awaitable<void> expect_all_then_close(EncryptedStream& stream, const std::vector<protocol::Bytes>& frames) {
    co_await expect_all(stream, frames);
    co_await stream.close(1h);
}

} // namespace

TEST_CASE("both ends agree on the handshake hash, and no two connections do") {
    const Connection one;
    const Connection other;
    CHECK((*one.server)->handshake_hash() == (*one.client)->handshake_hash());
    CHECK_FALSE((*one.client)->handshake_hash() == (*other.client)->handshake_hash());
}

TEST_CASE("frames of every size around a chunk arrive as they were sent, in both directions") {
    Connection connection;
    const std::vector<protocol::Bytes> frames{frame_of_size(0),     frame_of_size(1),      frame_of_size(64),
                                              frame_of_size(65518), frame_of_size(65519),  frame_of_size(65520),
                                              frame_of_size(0),     frame_of_size(200000), frame_of_size(2)};
    SUBCASE("client to responder") {
        connection.responder.run(send_all(**connection.client, frames), expect_all(**connection.server, frames));
    }
    SUBCASE("responder to client") {
        connection.responder.run(send_all(**connection.server, frames), expect_all(**connection.client, frames));
    }
}

TEST_CASE("a certificate of another authority is refused by the client") {
    Responder responder;
    const auto other = noise::SigningKey::create(responder.curve, client::random_secret()).value();
    std::optional<Result<EncryptedStream>> server;
    std::optional<Result<EncryptedStream>> connected;
    responder.run(accept_into(responder, server), connect_into(responder, other.public_key(), connected));
    REQUIRE_FALSE(connected.value().has_value());
    CHECK(std::get<noise::NoiseError>(connected->error().cause) == noise::NoiseError::bad_certificate);
}

TEST_CASE("a certificate that has ended is refused by the client") {
    Responder responder{-1h};
    std::optional<Result<EncryptedStream>> server;
    std::optional<Result<EncryptedStream>> connected;
    responder.run(accept_into(responder, server), connect_into(responder, responder.authority.public_key(), connected));
    REQUIRE_FALSE(connected.value().has_value());
    CHECK(std::get<noise::NoiseError>(connected->error().cause) == noise::NoiseError::bad_certificate);
}

TEST_CASE("a frame above the reader's limit is refused from its header, and named") {
    Connection connection;
    std::string error;
    connection.responder.run(send_all(**connection.client, {frame_of_size(2049)}),
                             expect_error(**connection.server, 2048, error));
    CHECK(error == "a frame of 2049 bytes is above the limit");
}

TEST_CASE("a read that takes too long ends with timed_out") {
    Connection connection;
    std::optional<client::StreamError> error;
    connection.responder.run(expect_time_out(**connection.server, error), nothing());
    REQUIRE(error.has_value());
    CHECK(std::get<boost::system::error_code>(error->cause) == asio::error::timed_out);

    SUBCASE("and no later read can mistake the rest of a record for a frame") {
        connection.responder.io.restart();
        std::string later;
        connection.responder.run(send_all(**connection.client, {frame_of_size(10)}),
                                 expect_error(**connection.server, 2048, later));
        CHECK(later == "Operation canceled");
    }
}

TEST_CASE("what was written before close() arrives, whatever the other side still sends") {
    Connection connection;
    const std::vector<protocol::Bytes> last{frame_of_size(100)};
    connection.responder.run(send_all(**connection.client, {frame_of_size(5000)}), send_all(**connection.server, last));
    connection.responder.io.restart(); // 5000 bytes lie unread at the server, which closes now
    connection.responder.run(close(**connection.server), expect_all_then_close(**connection.client, last));
}
