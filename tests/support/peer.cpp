#include "tests/support/peer.hpp"

#include "clients/cpp/randomness.hpp"
#include "tests/support/role_process.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <system_error>
#include <utility>

namespace support {

Peer::Peer(std::uint16_t port) : socket_{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)} {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
        throw std::system_error{errno, std::generic_category(), "connect"};
    const int no_delay = 1;
    ::setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &no_delay, sizeof no_delay);
    const timeval limit{.tv_sec = patience.count(), .tv_usec = 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
}

Peer::Peer(Peer&& other) noexcept
    : socket_{std::exchange(other.socket_, -1)},
      sealer_{std::move(other.sealer_)},
      opener_{std::move(other.opener_)} {}

Peer::~Peer() {
    if (socket_ >= 0) ::close(socket_);
}

std::uint16_t Peer::local_port() const {
    sockaddr_in address{};
    socklen_t size = sizeof address;
    ::getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &size);
    return ntohs(address.sin_port);
}

void Peer::send_bytes(std::span<const std::uint8_t> bytes) {
    while (!bytes.empty()) {
        const ssize_t sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent < 0) return;
        bytes = bytes.subspan(static_cast<std::size_t>(sent));
    }
}

std::optional<std::vector<std::uint8_t>> Peer::receive_bytes(std::size_t size) {
    std::vector<std::uint8_t> bytes(size);
    std::size_t received = 0;
    while (received < size) {
        const ssize_t got = ::recv(socket_, bytes.data() + received, size - received, 0);
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

bool Peer::is_closed_within(std::chrono::milliseconds time) {
    pollfd readable{.fd = socket_, .events = POLLIN, .revents = 0};
    return ::poll(&readable, 1, static_cast<int>(time.count())) > 0 && is_closed();
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
