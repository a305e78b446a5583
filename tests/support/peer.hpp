// A peer under the test's full control: blocking, able to send any bytes at any time, encrypted or not.
#pragma once

#include "noise/initiator.hpp"
#include "noise/signing_key.hpp"
#include "protocol/catalogue.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <stdexcept>
#include <vector>

namespace support {

// The other side has ended where a message was due, or in the middle of one.
struct Disconnected : std::runtime_error {
    Disconnected() : std::runtime_error{"closed by the other side"} {}
};

// Every wait for the other side ends after `patience` with an exception.
class Peer {
  public:
    // Connects to the port on 127.0.0.1. `receive_buffer`: what the system may hold of what the other side has sent,
    // in bytes; 0 leaves that to the system.
    explicit Peer(std::uint16_t port, int receive_buffer = 0);
    Peer(Peer&& other) noexcept;
    Peer& operator=(Peer&&) = delete;
    ~Peer();

    // Raw bytes, below the encryption. Sending to a peer that has closed is no error: it is what reading is for.
    void send_bytes(std::span<const std::uint8_t> bytes);
    // As many of them as can be sent before sending blocks for `time`.
    std::size_t send_until_blocked(std::span<const std::uint8_t> bytes, std::chrono::milliseconds time);
    // The next `size` bytes, or nothing if the other side closed before the first of them.
    std::optional<std::vector<std::uint8_t>> receive_bytes(std::size_t size);

    // Throws if the certificate is not the authority's.
    noise::Finished handshake(const noise::Curve& curve, const noise::XOnlyKey& authority);

    // The frame as it would go on the wire: whoever seals one must send it, or the nonces part ways.
    std::vector<std::uint8_t> seal(protocol::Bytes frame);
    void send_frame(protocol::Bytes frame) { send_bytes(seal(std::move(frame))); }
    // The next frame, or nothing if the role closed instead.
    std::optional<protocol::Frame> receive_frame();

    template <protocol::Message M> void send(const M& message) { send_frame(protocol::encode_frame(message).value()); }
    // The next message; throws if it is another one, or none.
    template <protocol::Message M> M receive() {
        const auto frame = receive_frame();
        if (!frame) throw std::runtime_error{"closed instead of " + std::string{M::name}};
        const auto message = protocol::decode_any(frame->header, frame->payload);
        if (!message || !std::holds_alternative<M>(*message))
            throw std::runtime_error{std::string{protocol::name_of(frame->header).value_or("an unknown message")} +
                                     " instead of " + std::string{M::name}};
        return std::get<M>(*message);
    }

    // Of the handshake.
    [[nodiscard]] const noise::Hash& handshake_hash() const { return handshake_hash_; }

    // True if the next thing from the role is the end of the connection. Then this side ends, too.
    bool is_closed();

    // The same, but gives up after `time`.
    bool is_closed_within(std::chrono::milliseconds time);
    // True if anything comes from the role before `time` is over.
    bool is_readable_within(std::chrono::milliseconds time);
    // False if the role takes no more, or has closed: part of the frame may then be on its way, and nothing can follow.
    bool send_frame_within(protocol::Bytes frame, std::chrono::milliseconds time);

    [[nodiscard]] std::uint16_t local_port() const { return local_port_; }

  private:
    int socket_;
    std::uint16_t local_port_;
    std::optional<noise::Sealer> sealer_;
    std::optional<noise::Opener> opener_;
    noise::Hash handshake_hash_{};
};

// What an honest client sends first.
protocol::SetupConnection setup_connection();
protocol::RequestExtensions request_storage_extension();

// Handshake, setup and negotiation.
void negotiate(Peer& peer, const noise::Curve& curve, const noise::XOnlyKey& authority);

// What an honest client says first once it may; still without key and signature. `stream_id` 0: only to ask.
protocol::Authenticate claim(std::uint64_t stream_id);

// What is signed is all of `message` but its key and signature, which are filled in.
protocol::Authenticate proof(const Peer& peer, const noise::Curve& curve, const noise::XOnlyKey& authority,
                             const noise::SigningKey& key, protocol::Authenticate message);

// All of the above, and what the role grants.
protocol::AuthenticateSuccess authenticate(Peer& peer, const noise::Curve& curve, const noise::XOnlyKey& authority,
                                           const noise::SigningKey& key, std::uint64_t stream_id);

} // namespace support
