#include "src/session.hpp"

#include "protocol/error_codes.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <utility>

namespace role {

namespace codes = protocol::error_codes;

namespace {

constexpr std::uint16_t served_version = 2;
constexpr std::uint32_t served_flags = 0;

// Our own replies are made of short texts and small lists: they always have an encoding.
template <protocol::Message M> protocol::Bytes frame_of(const M& message) {
    auto frame = protocol::encode_frame(message);
    assert(frame);
    return *std::move(frame);
}

std::string describe(const protocol::FrameHeader& header) {
    return fmt::format("extension_type 0x{:04x} msg_type 0x{:02x}", header.extension_type, header.msg_type);
}

bool is_served(std::uint16_t extension) {
    return extension == protocol::storage_extension;
}

} // namespace

std::string_view to_text(Phase phase) {
    switch (phase) {
    case Phase::setup: return "setup";
    case Phase::negotiate: return "negotiate";
    case Phase::open: return "open";
    }
    return "";
}

// The phase table: what a client may send, and when. Whatever is not here is refused in every phase.
struct Session::Rule {
    protocol::MessageId message;
    Phase phase;
    Step (Session::*handle)(protocol::ByteView payload);
};

const Session::Rule* Session::find_rule(const protocol::FrameHeader& header) {
    static constexpr auto rule = []<protocol::Message M>(std::type_identity<M>, Phase phase) {
        return Rule{.message = M::id, .phase = phase, .handle = &Session::decode_and_handle<M>};
    };
    static constexpr std::array rules{
        rule(std::type_identity<protocol::SetupConnection>{}, Phase::setup),
        rule(std::type_identity<protocol::RequestExtensions>{}, Phase::negotiate),
    };
    const auto* const found = std::ranges::find_if(rules, [&](const Rule& rule) {
        return rule.message.extension_type == header.extension_type && rule.message.msg_type == header.msg_type;
    });
    return found == rules.end() ? nullptr : found;
}

template <protocol::Message M> Step Session::decode_and_handle(protocol::ByteView payload) {
    const auto message = protocol::decode<M>(payload);
    if (message) return on(*message);
    const auto code = message.error() == protocol::DecodeError::unknown_protocol ? codes::unsupported_protocol
                                                                                 : codes::malformed_message;
    return refuse(code, std::string{M::name} + ": " + std::string{protocol::describe(message.error())});
}

Step Session::on_frame(const protocol::Frame& frame) {
    const Rule* const rule = find_rule(frame.header);
    if (rule != nullptr && rule->phase == phase_) return (this->*rule->handle)(frame.payload);

    const auto name = protocol::name_of(frame.header);
    if (name)
        return refuse(codes::unexpected_message, std::string{*name} + " in phase " + std::string{to_text(phase_)});
    const auto unknown = protocol::decode_any(frame.header, frame.payload).error();
    return refuse(unknown == protocol::DecodeError::unknown_extension ? codes::unsupported_extension
                                                                      : codes::unexpected_message,
                  describe(frame.header));
}

Step Session::on_oversized(const protocol::FrameHeader& header) {
    return refuse(codes::frame_too_large, fmt::format("{} announces {} bytes, at most {} are taken", describe(header),
                                                      header.payload_size, max_payload()));
}

Step Session::on(const protocol::SetupConnection& setup) {
    // The protocol is only a carrier here: a pool speaks Mining, a job declarator server Job Declaration.
    if (setup.protocol != protocol::Protocol::mining && setup.protocol != protocol::Protocol::job_declaration)
        return refuse(codes::unsupported_protocol, "protocol " + std::to_string(static_cast<int>(setup.protocol)));
    if (setup.min_version > served_version || setup.max_version < served_version)
        return refuse(codes::protocol_version_mismatch,
                      "versions " + std::to_string(setup.min_version) + " to " + std::to_string(setup.max_version));
    if (const std::uint32_t unsupported = setup.flags & ~served_flags; unsupported != 0)
        return refuse(codes::unsupported_feature_flags, "flags " + std::to_string(unsupported), unsupported);

    phase_ = Phase::negotiate;
    return {.reply = frame_of(protocol::SetupConnectionSuccess{.used_version = served_version, .flags = served_flags}),
            .refusal = {}};
}

Step Session::on(const protocol::RequestExtensions& request) {
    const auto& requested = request.requested_extensions.items;
    if (std::ranges::any_of(requested, is_served)) {
        phase_ = Phase::open;
        return {.reply = frame_of(protocol::RequestExtensionsSuccess{
                    .request_id = request.request_id, .supported_extensions = {{protocol::storage_extension}}}),
                .refusal = {}};
    }

    Step step{.reply =
                  frame_of(protocol::RequestExtensionsError{.request_id = request.request_id,
                                                            .unsupported_extensions = request.requested_extensions,
                                                            .required_extensions = {{protocol::storage_extension}}}),
              .refusal = {}};
    if (asked_in_vain_) step.refusal = Refusal{codes::unsupported_extension, "the storage extension was not requested"};
    asked_in_vain_ = true;
    return step;
}

Step Session::refuse(std::string_view code, std::string detail, std::uint32_t flags) const {
    Step step{.reply = {}, .refusal = Refusal{code, std::move(detail)}};
    if (phase_ == Phase::open) {
        step.reply =
            frame_of(protocol::Error{.request_id = 0, .code = {std::string{code}}, .detail = {step.refusal->detail}});
    } else {
        step.reply = frame_of(protocol::SetupConnectionError{.flags = flags, .error_code = {std::string{code}}});
    }
    return step;
}

} // namespace role
