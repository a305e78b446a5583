// A peer that sends any frames in any order: the session answers each with exactly one decodable frame, its phase never
// goes back, and what it refuses it also ends.

#include "src/session.hpp"
#include "tests/fuzz/check.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    role::Session session;
    std::span<const std::uint8_t> rest{data, size};
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
        fuzz::check(session.phase() >= phase);
        fuzz::check(step.reply.size() >= protocol::frame_header_size);
        const auto header = protocol::decode_header(std::span{step.reply}.first<protocol::frame_header_size>());
        fuzz::check(
            protocol::decode_any(header, std::span{step.reply}.subspan(protocol::frame_header_size)).has_value());
        fuzz::check(!is_oversized || step.refusal.has_value());
        if (step.refusal) break;
    }
    return 0;
}
