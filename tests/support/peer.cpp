#include "tests/support/peer.hpp"

#include "clients/cpp/randomness.hpp"
#include "tests/support/role_process.hpp"

#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <sys/socket.h>

#include <chrono>

namespace support {

namespace asio = boost::asio;
using asio::ip::tcp;

Peer::Peer(std::uint16_t port) {
    socket_.connect({asio::ip::address_v4::loopback(), port});
    socket_.set_option(tcp::no_delay{true});
    const timeval limit{.tv_sec = patience.count(), .tv_usec = 0};
    ::setsockopt(socket_.native_handle(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
}

void Peer::send_bytes(std::span<const std::uint8_t> bytes) {
    boost::system::error_code ignored;
    asio::write(socket_, asio::buffer(bytes.data(), bytes.size()), ignored);
}

std::optional<std::vector<std::uint8_t>> Peer::receive_bytes(std::size_t size) {
    std::vector<std::uint8_t> bytes(size);
    std::size_t received = 0;
    while (received < size) {
        const ssize_t got = ::recv(socket_.native_handle(), bytes.data() + received, size - received, 0);
        if (got > 0) {
            received += static_cast<std::size_t>(got);
        } else if (received == 0 && (got == 0 || errno == ECONNRESET)) {
            return std::nullopt;
        } else if (got == 0 || errno != EINTR) {
            throw std::runtime_error{"the peer waited in vain for " + std::to_string(size) + " bytes"};
        }
    }
    return bytes;
}

noise::Finished Peer::handshake(const noise::Curve& curve, const noise::XOnlyKey& authority) {
    noise::Initiator initiator{curve, client::make_key_pair(curve), authority};
    send_bytes(initiator.act1());
    const auto act2 = receive_bytes(noise::act2_size);
    if (!act2) throw std::runtime_error{"closed instead of act 2"};
    auto finished =
        std::move(initiator).finish(std::span{*act2}.first<noise::act2_size>(),
                                    std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now()));
    if (!finished) throw std::runtime_error{std::string{noise::describe(finished.error())}};
    sealer_.emplace(std::move(finished->transport.send));
    opener_.emplace(std::move(finished->transport.receive));
    return *std::move(finished);
}

std::vector<std::uint8_t> Peer::seal(protocol::Bytes frame) {
    sealer_.value().seal(frame).value();
    return frame;
}

std::optional<protocol::Frame> Peer::receive_frame() {
    auto sealed_header = receive_bytes(noise::encrypted_header_size);
    if (!sealed_header) return std::nullopt;
    const auto header =
        opener_.value().open_header(std::span{*sealed_header}.first<noise::encrypted_header_size>()).value();
    protocol::Frame frame{.header = protocol::decode_header(header), .payload = {}};
    if (frame.header.payload_size == 0) return frame;
    auto sealed = receive_bytes(noise::encrypted_payload_size(frame.header.payload_size));
    if (!sealed) throw std::runtime_error{"closed in the middle of a frame"};
    const auto payload = opener_->open_payload(*sealed).value();
    frame.payload.assign(payload.begin(), payload.end());
    return frame;
}

protocol::SetupConnection setup_connection() {
    return {.protocol = protocol::Protocol::mining,
            .min_version = 2,
            .max_version = 2,
            .flags = 0,
            .endpoint_host = {"127.0.0.1"},
            .endpoint_port = 34274,
            .vendor = {"test"},
            .hardware_version = {},
            .firmware = {},
            .device_id = {}};
}

protocol::RequestExtensions request_storage_extension() {
    return {.request_id = 1, .requested_extensions = {{protocol::storage_extension}}};
}

void negotiate(Peer& peer, const noise::Curve& curve, const noise::XOnlyKey& authority) {
    peer.handshake(curve, authority);
    peer.send(setup_connection());
    peer.receive<protocol::SetupConnectionSuccess>();
    peer.send(request_storage_extension());
    peer.receive<protocol::RequestExtensionsSuccess>();
}

} // namespace support
