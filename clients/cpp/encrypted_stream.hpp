// SV2 frames over TCP and Noise (SV2 specification 04-Protocol-Security 4.6), for either side. A handshake is the only
// way to make one. Not for several threads at once; one read and one write may be under way together.
#pragma once

#include "clients/cpp/stream_error.hpp"
#include "noise/initiator.hpp"
#include "noise/responder.hpp"
#include "noise/transport.hpp"
#include "protocol/frame.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace client {

// Asked once act 1 has come, where the stream's own work is done: a peer that dawdles gets what is valid then.
using CredentialsSource = std::function<std::shared_ptr<const noise::Credentials>()>;

class EncryptedStream {
  public:
    // The responder's half: waits for act 1 and answers it. What takes a tenth of a millisecond of its own is computed
    // on `computing`, and cannot be cancelled there: a limit in time holds up to it and after it.
    static boost::asio::awaitable<Result<EncryptedStream>> accept(boost::asio::ip::tcp::socket socket,
                                                                  const noise::Curve& curve,
                                                                  CredentialsSource credentials,
                                                                  boost::asio::any_io_executor computing);

    // The initiator's half. `authority`: the only key whose certificates are believed.
    static boost::asio::awaitable<Result<EncryptedStream>>
    initiate(boost::asio::ip::tcp::socket socket, const noise::Curve& curve, noise::XOnlyKey authority);

    // The next frame. One whose payload exceeds `max_payload` bytes is refused from its header. A failure is final,
    // every later call fails too, and so does one that was cancelled: half a frame may have been read.
    boost::asio::awaitable<Result<protocol::Frame>> read_frame(std::size_t max_payload);

    // Sends a plaintext frame, header and payload. A failure is final, every later call fails too: half a frame may be
    // on its way, and nothing can follow that.
    boost::asio::awaitable<Result<void>> write_frame(protocol::Bytes frame);

    // Closes so that what was written arrives: a socket closed with unread bytes resets the connection, and the peer
    // loses the answer it was owed. Reads and drops until the peer closes, for at most `patience`.
    boost::asio::awaitable<void> close(std::chrono::milliseconds patience);

    // Breaks the connection: whatever is under way on it fails, and nothing that waits to be sent arrives.
    void abort();

    // The Noise handshake hash, equal on both sides and on no other connection.
    [[nodiscard]] const noise::Hash& handshake_hash() const { return transport_.handshake_hash; }

  private:
    EncryptedStream(boost::asio::ip::tcp::socket socket, noise::Transport transport)
        : socket_{std::move(socket)},
          transport_{std::move(transport)} {}

    boost::asio::awaitable<Result<protocol::Frame>> read_next(std::size_t max_payload);
    boost::asio::awaitable<Result<void>> receive(std::span<std::uint8_t> bytes);

    boost::asio::ip::tcp::socket socket_;
    noise::Transport transport_;
    // Small frames come many at a time: one call of the kernel for all of them.
    std::vector<std::uint8_t> received_;
    std::size_t used_ = 0; // of received_
    std::optional<StreamError> read_failure_;
    std::optional<StreamError> write_failure_;
};

} // namespace client
