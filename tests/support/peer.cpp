#include "tests/support/peer.hpp"

#include "clients/cpp/authentication.hpp"
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

namespace {

std::uint16_t local_port_of(int socket) {
    sockaddr_in address{};
    socklen_t size = sizeof address;
    ::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size);
    return ntohs(address.sin_port);
}

} // namespace

Peer::Peer(std::uint16_t port, int receive_buffer)
    : socket_{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)},
      local_port_{0} {
    if (receive_buffer > 0) ::setsockopt(socket_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
        throw std::system_error{errno, std::generic_category(), "connect"};
    local_port_ = local_port_of(socket_);
    const int no_delay = 1;
    ::setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &no_delay, sizeof no_delay);
    const timeval limit{.tv_sec = patience.count(), .tv_usec = 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
}

Peer::Peer(Peer&& other) noexcept
    : socket_{std::exchange(other.socket_, -1)},
      local_port_{other.local_port_},
      sealer_{std::move(other.sealer_)},
      opener_{std::move(other.opener_)},
      handshake_hash_{other.handshake_hash_} {}

Peer::~Peer() {
    if (socket_ >= 0) ::close(socket_);
}

void Peer::send_bytes(std::span<const std::uint8_t> bytes) {
    while (!bytes.empty()) {
        const ssize_t sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent < 0) return;
        bytes = bytes.subspan(static_cast<std::size_t>(sent));
    }
}

std::size_t Peer::send_until_blocked(std::span<const std::uint8_t> bytes, std::chrono::milliseconds time) {
    std::size_t size = 0;
    pollfd writable{.fd = socket_, .events = POLLOUT, .revents = 0};
    while (size < bytes.size() && ::poll(&writable, 1, static_cast<int>(time.count())) > 0) {
        const auto rest = bytes.subspan(size);
        const ssize_t sent = ::send(socket_, rest.data(), rest.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && errno != EAGAIN) break;
        if (sent > 0) size += static_cast<std::size_t>(sent);
    }
    return size;
}

std::optional<std::vector<std::uint8_t>> Peer::receive_bytes(std::size_t size) {
    std::vector<std::uint8_t> bytes(size);
    std::size_t received = 0;
    while (received < size) {
        const ssize_t got = ::recv(socket_, bytes.data() + received, size - received, 0);
        if (got > 0) {
            received += static_cast<std::size_t>(got);
        } else if (got == 0 || errno == ECONNRESET) {
            if (received == 0) return std::nullopt;
            throw Disconnected{};
        } else if (errno != EINTR) {
            throw std::runtime_error{"the peer waited in vain for " + std::to_string(size) + " bytes"};
        }
    }
    return bytes;
}

bool Peer::is_closed() {
    if (receive_bytes(1)) return false;
    ::shutdown(socket_, SHUT_WR); // what the role waits for
    return true;
}

bool Peer::is_closed_within(std::chrono::milliseconds time) {
    return is_readable_within(time) && is_closed();
}

bool Peer::is_readable_within(std::chrono::milliseconds time) {
    pollfd readable{.fd = socket_, .events = POLLIN, .revents = 0};
    return ::poll(&readable, 1, static_cast<int>(time.count())) > 0;
}

bool Peer::send_frame_within(protocol::Bytes frame, std::chrono::milliseconds time) {
    const auto sealed = seal(std::move(frame));
    for (std::span<const std::uint8_t> rest{sealed}; !rest.empty();) {
        pollfd writable{.fd = socket_, .events = POLLOUT, .revents = 0};
        if (::poll(&writable, 1, static_cast<int>(time.count())) <= 0) return false;
        const ssize_t sent = ::send(socket_, rest.data(), rest.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0) return false;
        rest = rest.subspan(static_cast<std::size_t>(sent));
    }
    return true;
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
    handshake_hash_ = finished->transport.handshake_hash;
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
    if (!sealed) throw Disconnected{};
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

protocol::Authenticate claim(std::uint64_t stream_id) {
    protocol::Authenticate message{};
    message.min_version = message.max_version = protocol::storage_version;
    message.roles = protocol::role_read | (stream_id != 0 ? protocol::role_write : 0);
    message.stream_id = stream_id;
    return message;
}

protocol::Authenticate proof(const Peer& peer, const noise::Curve& curve, const noise::XOnlyKey& authority,
                             const noise::SigningKey& key, protocol::Authenticate message) {
    message.client_public_key = {key.public_key().bytes};
    const auto digest = client::authentication_digest(peer.handshake_hash(), authority, message);
    message.signature = {key.sign(curve, digest, client::random_bytes()).value()};
    return message;
}

protocol::AuthenticateSuccess authenticate(Peer& peer, const noise::Curve& curve, const noise::XOnlyKey& authority,
                                           const noise::SigningKey& key, std::uint64_t stream_id) {
    negotiate(peer, curve, authority);
    peer.send(proof(peer, curve, authority, key, claim(stream_id)));
    return peer.receive<protocol::AuthenticateSuccess>();
}

} // namespace support
