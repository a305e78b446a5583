// One peer's conversation after the handshake: which message may come when, from whom, and what is answered. Pure:
// frames in, frames and wishes out; no socket, no clock, no store, so that every rule is tested by itself.
// Specification: SV2 03-Protocol-Overview 3.6 (setup), extension 0x0001 (negotiation), protocol/EXTENSION.md.
#pragma once

#include "noise/curve.hpp"
#include "noise/hash.hpp"
#include "noise/keys.hpp"
#include "protocol/catalogue.hpp"
#include "protocol/records.hpp"
#include "src/client_table.hpp"
#include "src/requests.hpp"
#include "storage/store.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace role {

enum class Phase : std::uint8_t { setup, negotiate, authenticate, open };

std::string_view to_text(Phase phase);

// Why a peer's connection is closed.
struct Refusal {
    std::string_view code; // one of protocol::error_codes
    std::string detail;
};

// The peer has proved who it is, and waits to be let in: on_attached() has to follow, before anything else.
// Without a stream it only wants to ask.
struct Attach {
    std::optional<storage::StreamName> stream;
    std::string pool;
};

// What the session wants done before it can answer.
using Wish = std::variant<std::monostate, Attach, storage::Submission, Request, protocol::CleanupOldShares>;

struct Step {
    protocol::Bytes reply;          // a plaintext frame, or nothing
    std::optional<Refusal> refusal; // if set, the connection is closed once the reply is flushed
    Wish wish;
};

// What the role grants to a session that has attached.
struct Welcome {
    storage::Attachment attachment; // zeros without a stream
    storage::DataSet data_set;
    protocol::Durability durability{};
    std::uint32_t max_in_flight = 0; // bytes
};

inline constexpr std::size_t max_frame_before_authentication = 2048;
inline constexpr std::size_t max_frame = std::size_t{1024} * 1024;
// What a record in flight costs beside its bytes.
inline constexpr std::size_t record_overhead = 64;

class Session {
  public:
    // What proofs are checked against. Must outlive the session.
    struct Gate {
        const noise::Curve& curve;
        const ClientTable& clients;
        noise::XOnlyKey authority;
        noise::Hash handshake_hash;
    };
    explicit Session(const Gate& gate) : gate_{gate} {}

    [[nodiscard]] Phase phase() const { return phase_; }
    // Set once the peer has proved who it is.
    [[nodiscard]] const std::optional<Client>& client() const { return client_; }

    // The largest payload that the next frame may have, in bytes. A larger one goes to on_oversized().
    [[nodiscard]] std::size_t max_payload() const {
        return phase_ == Phase::open ? max_frame : max_frame_before_authentication;
    }

    Step on_frame(const protocol::Frame& frame);
    Step on_oversized(const protocol::FrameHeader& header);
    Step on_attached(const Welcome& welcome);

    // What became of a submission, in the order of the submissions.
    std::optional<Refusal> on_outcome(const storage::Outcome& outcome);
    // The next Store.Success that is due, or nothing. Several outcomes share one.
    std::optional<protocol::Bytes> take_acknowledgment();
    // Whether another one is due.
    [[nodiscard]] bool owes_acknowledgment() const { return owes_acknowledgment_; }

    // The last frame for a peer that is not let in, or not any longer.
    [[nodiscard]] Step refuse(std::string_view code, std::string detail) const;

  private:
    struct Rule;
    static const Rule* find_rule(const protocol::FrameHeader& header);

    Step on(protocol::SetupConnection setup);
    Step on(protocol::RequestExtensions request);
    Step on(const protocol::Authenticate& authenticate);
    Step on(protocol::StoreRecords records);
    Step on(const protocol::Ping& ping);
    template <class R> Step on_request(R request);
    template <protocol::Message M> Step decode_and_handle(protocol::ByteView payload);

    [[nodiscard]] Step refuse_setup(std::string_view code, std::string detail, std::uint32_t flags) const;
    [[nodiscard]] std::optional<Refusal> forbids(const protocol::StoreRecords& records) const;

    Gate gate_;
    Phase phase_ = Phase::setup;
    bool asked_in_vain_ = false; // one RequestExtensions was answered with an Error

    std::optional<Client> client_;
    std::uint32_t permissions_ = 0; // of this session: what the key allows and the peer asked for
    protocol::Authenticate claim_;  // as it was proved
    storage::Attachment attachment_;

    std::uint64_t durable_ = 0; // the highest number of this session that is durable
    std::uint64_t told_ = 0;    // the highest number that is acknowledged
    bool owes_acknowledgment_ = false;
    std::deque<storage::SequenceVerdict> verdicts_; // not told yet
};

// What a payload of StoreRecords takes from the window.
std::size_t in_flight_cost(std::size_t payload_size, std::size_t records);

} // namespace role
