// The conversation after the handshake: SV2 specification 3.6, extension 0x0001, and what is answered to anything else.

#include "tests/src/session_scene.hpp"

using namespace session_scene;

TEST_CASE("protocols 0 and 1 carry the extension: version 2, no flags") {
    for (const auto protocol : {Protocol::mining, Protocol::job_declaration}) {
        Session session = house().session();
        auto message = setup();
        message.protocol = protocol;
        const Step step = session.on_frame(frame_of(message));
        CHECK(reply<SetupConnectionSuccess>(step) == SetupConnectionSuccess{.used_version = 2, .flags = 0});
        CHECK_FALSE(step.refusal.has_value());
        CHECK(session.phase() == Phase::negotiate);
    }
}

TEST_CASE("every protocol but 0 and 1 is unsupported-protocol, whether or not SRI's types can build it") {
    for (int protocol = 2; protocol <= 255; ++protocol) {
        Session session = house().session();
        auto message = setup();
        message.protocol = static_cast<Protocol>(protocol);
        check_refused(session, Phase::setup, session.on_frame(frame_of(message)), "unsupported-protocol");
    }
}

TEST_CASE("version 2 is used wherever the peer's range holds it") {
    struct Row {
        std::uint16_t min, max;
        bool is_served;
    };
    for (const auto& [min, max, is_served] : {Row{2, 2, true}, Row{0, 0xffff, true}, Row{1, 3, true}, Row{2, 9, true},
                                              Row{0, 1, false}, Row{3, 3, false}, Row{3, 2, false}, Row{2, 1, false}}) {
        Session session = house().session();
        auto message = setup();
        message.min_version = min;
        message.max_version = max;
        const Step step = session.on_frame(frame_of(message));
        if (is_served)
            CHECK(reply<SetupConnectionSuccess>(step).used_version == 2);
        else
            check_refused(session, Phase::setup, step, "protocol-version-mismatch");
    }
}

TEST_CASE("each of the 32 flags is unsupported, and named in the answer") {
    for (unsigned bit = 0; bit < 32; ++bit) {
        Session session = house().session();
        auto message = setup();
        message.flags = 1U << bit;
        const Step step = session.on_frame(frame_of(message));
        check_refused(session, Phase::setup, step, "unsupported-feature-flags");
        CHECK(reply<SetupConnectionError>(step).flags == message.flags);
    }
}

TEST_CASE("the storage extension is granted alone, however often and with whatever else it was requested") {
    Session session = house().session_in(Phase::negotiate);
    const RequestExtensions request{.request_id = 0xffff,
                                    .requested_extensions = {{2, storage_extension, 0x4001, storage_extension}}};
    const Step step = session.on_frame(frame_of(request));
    CHECK(reply<RequestExtensionsSuccess>(step) ==
          RequestExtensionsSuccess{.request_id = 0xffff, .supported_extensions = {{storage_extension}}});
    CHECK(session.phase() == Phase::authenticate);
}

TEST_CASE("a request without it names it as required; the second one is the last") {
    Session session = house().session_in(Phase::negotiate);
    const RequestExtensions request{.request_id = 9, .requested_extensions = {{2}}};
    const RequestExtensionsError expected{
        .request_id = 9, .unsupported_extensions = {{2}}, .required_extensions = {{storage_extension}}};
    const Step first = session.on_frame(frame_of(request));
    CHECK(reply<RequestExtensionsError>(first) == expected);
    CHECK_FALSE(first.refusal.has_value());
    const Step second = session.on_frame(frame_of(request));
    CHECK(reply<RequestExtensionsError>(second) == expected);
    REQUIRE(second.refusal.has_value());
    CHECK(second.refusal->code == "unsupported-extension");
}

TEST_CASE("an empty request is one without it") {
    Session session = house().session_in(Phase::negotiate);
    const Step step = session.on_frame(frame_of(RequestExtensions{.request_id = 0, .requested_extensions = {}}));
    CHECK(reply<RequestExtensionsError>(step).required_extensions.items == std::vector{storage_extension});
}

namespace {

// The phase table of the specification, written down once more: where each message is served.
template <class M> bool is_served_in(Phase phase) {
    if constexpr (std::is_same_v<M, SetupConnection>) return phase == Phase::setup;
    if constexpr (std::is_same_v<M, RequestExtensions>) return phase == Phase::negotiate;
    if constexpr (std::is_same_v<M, Authenticate>) return phase == Phase::authenticate;
    constexpr bool is_of_open_sessions =
        std::is_same_v<M, StoreRecords> || std::is_same_v<M, Ping> || std::is_same_v<M, GetRecords> ||
        std::is_same_v<M, IsShareSeen> || std::is_same_v<M, GetAccounting> || std::is_same_v<M, GetChannelStats> ||
        std::is_same_v<M, ListChannels> || std::is_same_v<M, GetTotals> || std::is_same_v<M, ListStreams> ||
        std::is_same_v<M, GetHealth> || std::is_same_v<M, GetBlocks> || std::is_same_v<M, ListUsers> ||
        std::is_same_v<M, GetHours> || std::is_same_v<M, ListDrift> || std::is_same_v<M, CleanupOldShares>;
    return is_of_open_sessions && phase == Phase::open;
}

} // namespace

TEST_CASE("each message of the catalogue is served in its phase and unexpected in every other") {
    Messages::for_each([]<class M>(std::type_identity<M>) {
        for (const Phase phase : all_phases) {
            INFO(std::string{M::name}, " in phase ", std::string{role::to_text(phase)});
            Session session = house().session_in(phase);
            const Step step = session.on_frame(frame_of(M{}));
            if (!is_served_in<M>(phase))
                check_refused(session, phase, step, "unexpected-message");
            else if (step.refusal)
                CHECK(step.refusal->code != "unexpected-message");
        }
    });
}

TEST_CASE("what no message of the catalogue has is refused in every phase") {
    for (const Phase phase : all_phases) {
        for (unsigned msg_type = 0; msg_type < 256; ++msg_type) {
            for (const std::uint16_t extension : {core_extension, extensions_negotiation, storage_extension}) {
                const MessageId id{.extension_type = extension, .msg_type = static_cast<std::uint8_t>(msg_type)};
                const Frame frame = frame_of(id, {0});
                if (name_of(frame.header)) continue;
                Session session = house().session_in(phase);
                check_refused(session, phase, session.on_frame(frame), "unexpected-message");
            }
            const MessageId id{.extension_type = 0x4001, .msg_type = static_cast<std::uint8_t>(msg_type)};
            Session session = house().session_in(phase);
            check_refused(session, phase, session.on_frame(frame_of(id, {0})), "unsupported-extension");
        }
    }
}

TEST_CASE("a message cut short is malformed-message, in the words of its phase") {
    const auto cut = [](Frame frame) {
        frame.payload.pop_back();
        return frame;
    };
    Session fresh = house().session_in(Phase::setup);
    check_refused(fresh, Phase::setup, fresh.on_frame(cut(frame_of(setup()))), "malformed-message");
    Messages::for_each([&]<class M>(std::type_identity<M>) {
        for (const Phase phase : {Phase::negotiate, Phase::authenticate, Phase::open}) {
            if (!is_served_in<M>(phase)) continue;
            INFO(std::string{M::name});
            Session session = house().session_in(phase, "operator");
            check_refused(session, phase, session.on_frame(cut(frame_of(M{}))), "malformed-message");
        }
    });
}

TEST_CASE("a frame above the limit is frame-too-large: 2 KiB until the peer is let in, 1 MiB after") {
    for (const Phase phase : all_phases) {
        Session session = house().session_in(phase);
        CHECK(session.max_payload() == (phase == Phase::open ? 1'048'576U : 2048U));
        check_refused(session, phase, session.on_oversized({.msg_type = 0, .payload_size = 0xff'ffff}),
                      "frame-too-large");
    }
}
