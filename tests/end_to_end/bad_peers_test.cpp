// What a peer that breaks the rules gets: the message on the wire, the line in the log, and nobody else disturbed.

#include "tests/end_to_end/scene.hpp"

#include <chrono>
#include <thread>

using namespace end_to_end;
using namespace protocol;

namespace {

const std::string timed_out = "closed in phase handshake: the time limit was reached";
const std::string bad_tag = "closed in phase setup: " + std::string{noise::describe(noise::NoiseError::bad_tag)};

Bytes frame_of(MessageId id, Bytes payload) {
    payload.insert(payload.begin(), frame_header_size, 0);
    return complete_frame(id, std::move(payload)).value();
}

// Sends the frame in the setup phase, and expects a SetupConnection.Error of this code, flushed before the end.
SetupConnectionError refused_in_setup(Scene& scene, support::Peer& peer, Bytes frame, const std::string& code) {
    scene.greet(peer);
    peer.send_frame(std::move(frame));
    auto error = peer.receive<SetupConnectionError>();
    CHECK(error.error_code.text == code);
    CHECK(peer.is_closed());
    CHECK(scene.logs(peer, "refused in phase setup: " + code));
    scene.check_others_go_on();
    return error;
}

// The same after negotiation: the extension's own Error.
void refused_before_authentication(Scene& scene, support::Peer& peer, Bytes frame, const std::string& code) {
    scene.negotiate(peer);
    peer.send_frame(std::move(frame));
    const auto error = peer.receive<Error>();
    CHECK(error.code.text == code);
    CHECK(error.request_id == 0);
    CHECK(peer.is_closed());
    CHECK(scene.logs(peer, "refused in phase authenticate: " + code));
    scene.check_others_go_on();
}

Bytes setup_with(auto&& change) {
    auto setup = support::setup_connection();
    change(setup);
    return encode_frame(setup).value();
}

} // namespace

TEST_CASE("silence: the connection is closed without a message after 5 s") {
    Scene scene;
    const auto start = std::chrono::steady_clock::now();
    auto peer = scene.connect();
    CHECK(peer.is_closed());
    CHECK(std::chrono::steady_clock::now() - start >= std::chrono::milliseconds{4900});
    CHECK(scene.logs(peer, timed_out));
    scene.check_others_go_on();
}

TEST_CASE("one byte a second: the deadline is one for all bytes, not one for each") {
    Scene scene;
    auto peer = scene.connect();
    int sent = 0;
    do {
        peer.send_bytes(std::array<std::uint8_t, 1>{0x42});
        ++sent;
    } while (!peer.is_closed_within(std::chrono::seconds{1}) && sent < 20);
    CHECK(sent < 20); // a limit for each byte would never end it
    CHECK(scene.logs(peer, timed_out));
    scene.check_others_go_on();
}

TEST_CASE("63 bytes of act 1, then nothing: closed without a message") {
    Scene scene;
    auto peer = scene.connect();
    peer.send_bytes(Bytes(noise::act1_size - 1));
    CHECK(peer.is_closed());
    CHECK(scene.logs(peer, timed_out));
    scene.check_others_go_on();
}

TEST_CASE("silence after the handshake ends in the same way") {
    Scene scene;
    auto peer = scene.connect();
    scene.greet(peer);
    CHECK(peer.is_closed());
    CHECK(scene.logs(peer, "closed in phase setup: the time limit was reached"));
    scene.check_others_go_on();
}

TEST_CASE("silence after negotiation, too") {
    Scene scene;
    auto peer = scene.connect();
    scene.negotiate(peer);
    CHECK(peer.is_closed());
    CHECK(scene.logs(peer, "closed in phase authenticate: the time limit was reached"));
    scene.check_others_go_on();
}

TEST_CASE("one deadline for handshake, setup, negotiation and authentication: a step that comes in its own 5 s is "
          "still too late") {
    Scene scene;
    auto peer = scene.connect();
    scene.greet(peer);
    std::this_thread::sleep_for(std::chrono::milliseconds{3000});
    peer.send(support::setup_connection());
    peer.receive<SetupConnectionSuccess>();
    peer.send(support::request_storage_extension());
    peer.receive<RequestExtensionsSuccess>();
    std::this_thread::sleep_for(std::chrono::milliseconds{3000});
    peer.send(scene.proof(peer, "late", support::claim(1)));
    CHECK(peer.is_closed());
    CHECK(scene.logs(peer, "closed in phase authenticate: the time limit was reached"));
    scene.check_others_go_on();
}

TEST_CASE("64 random bytes are a valid act 1; the garbage after act 2 closes without a message") {
    Scene scene;
    auto peer = scene.connect();
    Bytes random(noise::act1_size);
    client::fill_random(random);
    peer.send_bytes(random);
    CHECK(peer.receive_bytes(noise::act2_size).has_value());
    Bytes garbage(100);
    client::fill_random(garbage);
    peer.send_bytes(garbage);
    CHECK(peer.is_closed());
    CHECK(scene.logs(peer, bad_tag));
    scene.check_others_go_on();
}

TEST_CASE("a wrong MAC closes without a message") {
    Scene scene;
    auto peer = scene.connect();
    scene.greet(peer);
    auto sealed = peer.seal(encode_frame(support::setup_connection()).value());
    SUBCASE("in the header") {
        sealed[noise::encrypted_header_size - 1] ^= 1;
    }
    SUBCASE("in the payload") {
        sealed.back() ^= 1;
    }
    peer.send_bytes(sealed);
    CHECK(peer.is_closed());
    CHECK(scene.logs(peer, bad_tag));
    scene.check_others_go_on();
}

TEST_CASE("a replayed record closes without a message") {
    Scene scene;
    auto peer = scene.connect();
    scene.greet(peer);
    const auto sealed = peer.seal(encode_frame(support::setup_connection()).value());
    peer.send_bytes(sealed);
    peer.receive<SetupConnectionSuccess>();
    peer.send_bytes(sealed);
    CHECK(peer.is_closed());
    CHECK(scene.logs(peer, "closed in phase negotiate: " + std::string{noise::describe(noise::NoiseError::bad_tag)}));
    scene.check_others_go_on();
}

TEST_CASE("a frame that announces 16 MiB is refused from its header alone") {
    Scene scene;
    Bytes header(frame_header_size, 0);
    header[3] = header[4] = header[5] = 0xff;
    SUBCASE("in the setup phase by SetupConnection.Error") {
        auto peer = scene.connect();
        refused_in_setup(scene, peer, header, "frame-too-large");
    }
    SUBCASE("after negotiation by the extension's Error") {
        auto peer = scene.connect();
        refused_before_authentication(scene, peer, header, "frame-too-large");
    }
    SUBCASE("and its payload, if it comes all the same, does not cost the peer the answer") {
        auto peer = scene.connect();
        scene.greet(peer);
        auto flood = peer.seal(header);
        flood.resize(flood.size() + 1'000'000);
        peer.send_bytes(flood);
        CHECK(peer.receive<SetupConnectionError>().error_code.text == "frame-too-large");
        CHECK(peer.is_closed());
        scene.check_others_go_on();
    }
}

TEST_CASE("a payload of 2048 bytes is taken before authentication, one of 2049 is not") {
    Scene scene;
    auto setup = encode(support::setup_connection()).value();
    SUBCASE("2048: the bytes after the last field are ignored") {
        auto peer = scene.connect();
        scene.greet(peer);
        setup.resize(2048);
        peer.send_frame(frame_of(SetupConnection::id, setup));
        CHECK_NOTHROW(peer.receive<SetupConnectionSuccess>());
    }
    SUBCASE("2049") {
        auto peer = scene.connect();
        setup.resize(2049);
        refused_in_setup(scene, peer, frame_of(SetupConnection::id, setup), "frame-too-large");
    }
}

TEST_CASE("an unknown message is answered with unexpected-message") {
    Scene scene;
    auto peer = scene.connect();
    SUBCASE("in the setup phase") {
        refused_in_setup(scene, peer, frame_of({.extension_type = 0, .msg_type = 0x05}, {0}), "unexpected-message");
    }
    SUBCASE("after negotiation, of our own extension") {
        refused_before_authentication(
            scene, peer, frame_of({.extension_type = storage_extension, .msg_type = 0xff}, {0}), "unexpected-message");
    }
    SUBCASE("without a payload") {
        refused_in_setup(scene, peer, frame_of({.extension_type = 0, .msg_type = 0x05}, {}), "unexpected-message");
    }
}

TEST_CASE("a frame of an unknown extension is answered with unsupported-extension") {
    Scene scene;
    auto peer = scene.connect();
    SUBCASE("in the setup phase") {
        refused_in_setup(scene, peer, frame_of({.extension_type = 0x4001, .msg_type = 0x01}, {0}),
                         "unsupported-extension");
    }
    SUBCASE("after negotiation") {
        refused_before_authentication(scene, peer, frame_of({.extension_type = 0x4001, .msg_type = 0x01}, {0}),
                                      "unsupported-extension");
    }
}

TEST_CASE("a request for an unknown extension only is answered with what is required; one retry, then the end") {
    Scene scene;
    auto peer = scene.connect();
    scene.greet(peer);
    peer.send(support::setup_connection());
    peer.receive<SetupConnectionSuccess>();
    const RequestExtensions request{.request_id = 3, .requested_extensions = {{0x4001, 2}}};
    const RequestExtensionsError expected{
        .request_id = 3, .unsupported_extensions = {{0x4001, 2}}, .required_extensions = {{storage_extension}}};
    peer.send(request);
    CHECK(peer.receive<RequestExtensionsError>() == expected);
    SUBCASE("the retry that asks for ours succeeds") {
        peer.send(support::request_storage_extension());
        CHECK(peer.receive<RequestExtensionsSuccess>().supported_extensions.items == std::vector{storage_extension});
    }
    SUBCASE("the retry that does not is the last") {
        peer.send(request);
        CHECK(peer.receive<RequestExtensionsError>() == expected);
        CHECK(peer.is_closed());
        CHECK(scene.logs(peer, "refused in phase negotiate: unsupported-extension"));
    }
    scene.check_others_go_on();
}

TEST_CASE("protocol 2 is answered with unsupported-protocol") {
    Scene scene;
    auto peer = scene.connect();
    refused_in_setup(scene, peer, setup_with([](auto& setup) { setup.protocol = Protocol::template_distribution; }),
                     "unsupported-protocol");
}

TEST_CASE("protocol 9, which SRI's types cannot build, is answered with unsupported-protocol") {
    Scene scene;
    auto peer = scene.connect();
    refused_in_setup(scene, peer, setup_with([](auto& setup) { setup.protocol = static_cast<Protocol>(9); }),
                     "unsupported-protocol");
}

TEST_CASE("version 3 alone is answered with protocol-version-mismatch") {
    Scene scene;
    auto peer = scene.connect();
    refused_in_setup(scene, peer, setup_with([](auto& setup) { setup.min_version = setup.max_version = 3; }),
                     "protocol-version-mismatch");
}

TEST_CASE("unsupported flags are answered with just those flags") {
    Scene scene;
    auto peer = scene.connect();
    const auto error = refused_in_setup(scene, peer, setup_with([](auto& setup) { setup.flags = 0b101; }),
                                        "unsupported-feature-flags");
    CHECK(error.flags == 0b101);
}

TEST_CASE("a SetupConnection cut short is answered with malformed-message") {
    Scene scene;
    auto peer = scene.connect();
    auto payload = encode(support::setup_connection()).value();
    payload.pop_back();
    refused_in_setup(scene, peer, frame_of(SetupConnection::id, payload), "malformed-message");
}

TEST_CASE("RequestExtensions before SetupConnection is answered with unexpected-message") {
    Scene scene;
    auto peer = scene.connect();
    refused_in_setup(scene, peer, encode_frame(support::request_storage_extension()).value(), "unexpected-message");
}

TEST_CASE("RequestExtensions twice: the second is answered with the extension's Error") {
    Scene scene;
    auto peer = scene.connect();
    refused_before_authentication(scene, peer, encode_frame(support::request_storage_extension()).value(),
                                  "unexpected-message");
}

TEST_CASE("a second SetupConnection is answered in the words of its phase") {
    Scene scene;
    auto peer = scene.connect();
    SUBCASE("before negotiation by SetupConnection.Error") {
        scene.greet(peer);
        peer.send(support::setup_connection());
        peer.receive<SetupConnectionSuccess>();
        peer.send(support::setup_connection());
        CHECK(peer.receive<SetupConnectionError>().error_code.text == "unexpected-message");
        CHECK(peer.is_closed());
        CHECK(scene.logs(peer, "refused in phase negotiate: unexpected-message"));
        scene.check_others_go_on();
    }
    SUBCASE("after negotiation by the extension's Error") {
        refused_before_authentication(scene, peer, encode_frame(support::setup_connection()).value(),
                                      "unexpected-message");
    }
}

TEST_CASE("a peer that leaves in the middle of a frame is no event") {
    Scene scene;
    {
        auto peer = scene.connect();
        scene.greet(peer);
        const auto sealed = peer.seal(encode_frame(support::setup_connection()).value());
        peer.send_bytes(std::span{sealed}.first(sealed.size() - 1));
    }
    scene.check_others_go_on();
}
