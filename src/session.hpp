// One peer's conversation after the handshake: which message may come when, and what is answered. Pure: frames in,
// frames out; no socket, no clock, so that every rule is tested by itself.
// Specification: SV2 03-Protocol-Overview 3.6 (setup), extension 0x0001 (negotiation).
#pragma once

#include "protocol/catalogue.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace role {

enum class Phase : std::uint8_t { setup, negotiate, open };

std::string_view to_text(Phase phase);

// Why a peer's connection is closed.
struct Refusal {
    std::string_view code; // one of protocol::error_codes
    std::string detail;
};

struct Step {
    protocol::Bytes reply;          // a plaintext frame
    std::optional<Refusal> refusal; // if set, the connection is closed once the reply is flushed
};

class Session {
  public:
    [[nodiscard]] Phase phase() const { return phase_; }

    // The largest payload that the next frame may have, in bytes. A larger one goes to on_oversized().
    [[nodiscard]] std::size_t max_payload() const { return 2048; }

    Step on_frame(const protocol::Frame& frame);
    Step on_oversized(const protocol::FrameHeader& header);

  private:
    struct Rule;
    static const Rule* find_rule(const protocol::FrameHeader& header);

    Step on(const protocol::SetupConnection& setup);
    Step on(const protocol::RequestExtensions& request);
    template <protocol::Message M> Step decode_and_handle(protocol::ByteView payload);

    // `flags` only has a place before negotiation.
    [[nodiscard]] Step refuse(std::string_view code, std::string detail, std::uint32_t flags = 0) const;

    Phase phase_ = Phase::setup;
    bool asked_in_vain_ = false; // one RequestExtensions was answered with an Error
};

} // namespace role
