// A peer that sends any frames in any order: the session answers with decodable frames, its phase never goes back, what
// it refuses it also ends, and it wishes nothing of the store before the peer has proved who it is. The first byte says
// how far an honest peer has come before.

#include "clients/cpp/authentication.hpp"
#include "clients/cpp/randomness.hpp"
#include "noise/signing_key.hpp"
#include "src/session.hpp"
#include "tests/fuzz/check.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <variant>

namespace {

const noise::Curve& curve() {
    static const noise::Curve curve = client::make_curve();
    return curve;
}

const noise::SigningKey& key() {
    static const noise::SigningKey key = noise::SigningKey::create(curve(), client::random_secret()).value();
    return key;
}

role::Session fresh_session() {
    static const role::ClientTable clients = role::ClientTable::open_to_all();
    return role::Session{
        {.curve = curve(), .clients = clients, .authority = key().public_key(), .handshake_hash = noise::Hash{}}};
}

void check_decodable(const protocol::Bytes& frame) {
    fuzz::check(frame.size() >= protocol::frame_header_size);
    const auto header = protocol::decode_header(std::span{frame}.first<protocol::frame_header_size>());
    fuzz::check(header.payload_size == frame.size() - protocol::frame_header_size);
    fuzz::check(protocol::decode_any(header, std::span{frame}.subspan(protocol::frame_header_size)).has_value());
}

// What a role would do about the wish.
void grant(role::Session& session, const role::Wish& wish) {
    if (std::holds_alternative<role::Attach>(wish)) {
        const auto step = session.on_attached({.attachment = {.stream = 1, .epoch = 1, .durable_sequence = 0},
                                               .data_set = {.id = 1, .generation = 1},
                                               .durability = protocol::Durability::local,
                                               .max_in_flight = 1});
        check_decodable(step.reply);
    }
    if (const auto* submission = std::get_if<storage::Submission>(&wish)) {
        fuzz::check(!submission->records.empty() && submission->first_sequence > 0);
        const std::uint64_t last = submission->first_sequence + submission->records.size() - 1;
        session.on_outcome(
            storage::Stored{.last_sequence = last, .verdicts = {{last, protocol::Verdict::unknown_kind}}});
        const auto acknowledgment = session.take_acknowledgment();
        fuzz::check(acknowledgment.has_value());
        check_decodable(*acknowledgment);
    }
}

template <protocol::Message M> void say(role::Session& session, const M& message) {
    protocol::Frame frame{.header = {.extension_type = M::id.extension_type, .msg_type = M::id.msg_type},
                          .payload = protocol::encode(message).value()};
    const auto step = session.on_frame(frame);
    grant(session, step.wish);
}

// 0 to 3 of an honest peer's messages.
role::Session session_after(unsigned messages) {
    role::Session session = fresh_session();
    protocol::SetupConnection setup;
    setup.min_version = setup.max_version = 2;
    if (messages > 0) say(session, setup);
    if (messages > 1)
        say(session,
            protocol::RequestExtensions{.request_id = 1, .requested_extensions = {{protocol::storage_extension}}});
    if (messages > 2) {
        protocol::Authenticate proof;
        proof.min_version = proof.max_version = protocol::storage_version;
        proof.client_public_key = {key().public_key().bytes};
        proof.roles = protocol::role_write | protocol::role_read;
        proof.stream_id = 1;
        const auto digest = client::authentication_digest(noise::Hash{}, key().public_key(), proof);
        proof.signature = {key().sign(curve(), digest, std::array<std::uint8_t, 32>{}).value()};
        say(session, proof);
        fuzz::check(session.phase() == role::Phase::open);
    }
    return session;
}

const role::Session& prepared(unsigned messages) {
    static const std::array sessions{session_after(0), session_after(1), session_after(2), session_after(3)};
    return sessions.at(messages);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    role::Session session = prepared(data[0] % 4U);
    std::span<const std::uint8_t> rest{data + 1, size - 1};
    while (rest.size() >= protocol::frame_header_size) {
        protocol::Frame frame{.header = protocol::decode_header(rest.first<protocol::frame_header_size>()),
                              .payload = {}};
        rest = rest.subspan(protocol::frame_header_size);
        const auto payload = rest.first(std::min<std::size_t>(frame.header.payload_size, rest.size()));
        rest = rest.subspan(payload.size());
        frame.payload.assign(payload.begin(), payload.end());

        const auto phase = session.phase();
        const bool is_oversized = frame.header.payload_size > session.max_payload();
        const auto step = is_oversized ? session.on_oversized(frame.header) : session.on_frame(frame);
        const bool is_wish = !std::holds_alternative<std::monostate>(step.wish);
        fuzz::check(session.phase() >= phase);
        fuzz::check(!is_oversized || step.refusal.has_value());
        fuzz::check(!is_wish || !step.refusal);
        fuzz::check(!is_wish || session.client().has_value());
        if (!is_wish) check_decodable(step.reply);
        if (step.refusal) break;
        grant(session, step.wish);
    }
    return 0;
}
