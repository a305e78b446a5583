// A session in any phase, with clients of every permission, and without a socket.
#pragma once

#include "clients/cpp/authentication.hpp"
#include "clients/cpp/randomness.hpp"
#include "noise/key_text.hpp"
#include "noise/signing_key.hpp"
#include "protocol/codec.hpp"
#include "src/session.hpp"
#include "tests/support/temporary_folder.hpp"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <string>

namespace session_scene {

using namespace protocol;
using role::Phase;
using role::Session;
using role::Step;

inline Frame frame_of(MessageId id, Bytes payload) {
    return {.header = {.extension_type = id.extension_type,
                       .channel_msg = id.channel_msg,
                       .msg_type = id.msg_type,
                       .payload_size = static_cast<std::uint32_t>(payload.size())},
            .payload = payload};
}

template <Message M> Frame frame_of(const M& message) {
    return frame_of(M::id, encode(message).value());
}

// The one message of a frame.
template <Message M> M message_of(const Bytes& frame) {
    REQUIRE(frame.size() >= frame_header_size);
    const auto header = decode_header(std::span{frame}.first<frame_header_size>());
    CHECK(header.payload_size == frame.size() - frame_header_size);
    const auto message = decode_any(header, std::span{frame}.subspan(frame_header_size));
    REQUIRE(message.has_value());
    REQUIRE(std::holds_alternative<M>(*message));
    return std::get<M>(*message);
}
template <Message M> M reply(const Step& step) {
    return message_of<M>(step.reply);
}

inline SetupConnection setup() {
    SetupConnection setup;
    setup.min_version = 2;
    setup.max_version = 2;
    return setup;
}

// Everything a session is given: a curve, an authority, a handshake, and clients named after what they may do.
class House {
  public:
    House() {
        std::ofstream file{folder_.path() / "clients.toml"};
        for (const auto& [name, allow] : std::map<std::string, std::string>{
                 {"everything", R"("share.write", "block.write", "job.write", "query.own")"},
                 {"shares", R"("share.write")"},
                 {"blocks", R"("block.write")"},
                 {"jobs", R"("job.write")"},
                 {"reader", R"("query.own")"},
                 {"operator", R"("share.write", "query.own", "admin")"},
                 {"auditor", R"("query.all")"}}) {
            keys_.emplace(name, noise::SigningKey::create(curve, client::random_secret()).value());
            file << "[[client]]\nidentity = \"" << name << "\"\npool = \"" << (name == "auditor" ? "office" : "pool-1")
                 << "\"\npublic_key = \"" << noise::public_key_text(keys_.at(name).public_key()) << "\"\nallow = ["
                 << allow << "]\n";
        }
        file.close();
        std::filesystem::permissions(folder_.path() / "clients.toml", std::filesystem::perms{0600});
        clients_ = role::ClientTable::read(folder_.path() / "clients.toml", curve).value();
    }

    [[nodiscard]] Session session() const {
        return Session{{.curve = curve, .clients = clients_, .authority = authority, .handshake_hash = handshake_hash}};
    }

    [[nodiscard]] const noise::SigningKey& key(const std::string& name) const { return keys_.at(name); }

    // As an honest client sends it.
    [[nodiscard]] Authenticate authenticate(const noise::SigningKey& key, std::uint32_t roles) const {
        Authenticate message{.min_version = 1,
                             .max_version = 1,
                             .client_public_key = {key.public_key().bytes},
                             .roles = roles,
                             .stream_id = (roles & role_write) != 0 ? 0x5712ea6ULL : 0,
                             .dataset_id = 0,
                             .generation = 0,
                             .last_acknowledged = 0,
                             .signature = {}};
        sign(message, key);
        return message;
    }
    void sign(Authenticate& message, const noise::SigningKey& key) const {
        const auto digest = client::authentication_digest(handshake_hash, authority, message);
        message.signature = {key.sign(curve, digest, client::random_bytes()).value()};
    }

    [[nodiscard]] Session session_in(Phase phase, const std::string& name = "everything",
                                     std::uint32_t roles = role_write | role_read) const {
        Session made = session();
        if (phase >= Phase::negotiate) made.on_frame(frame_of(setup()));
        if (phase >= Phase::authenticate)
            made.on_frame(frame_of(RequestExtensions{.request_id = 1, .requested_extensions = {{storage_extension}}}));
        if (phase >= Phase::open) {
            const Step step = made.on_frame(frame_of(authenticate(key(name), roles)));
            REQUIRE(std::holds_alternative<role::Attach>(step.wish));
            made.on_attached(welcome());
        }
        REQUIRE(made.phase() == phase);
        return made;
    }

    [[nodiscard]] static role::Welcome welcome() {
        return {.attachment = {.stream = 3, .epoch = 7, .durable_sequence = 41},
                .data_set = {.id = 0xda7a, .generation = 2},
                .durability = Durability::local,
                .max_in_flight = 1'000'000};
    }

    noise::Curve curve = client::make_curve();
    noise::XOnlyKey authority = noise::SigningKey::create(curve, client::random_secret()).value().public_key();
    noise::Hash handshake_hash = client::random_bytes();

  private:
    support::TemporaryFolder folder_;
    std::map<std::string, noise::SigningKey> keys_;
    role::ClientTable clients_;
};

inline const House& house() {
    static const House house;
    return house;
}

inline void check_refused(const Session& session, Phase phase, const Step& step, std::string_view code) {
    CHECK(session.phase() == phase);
    CHECK(std::holds_alternative<std::monostate>(step.wish));
    REQUIRE(step.refusal.has_value());
    CHECK(step.refusal->code == code);
    if (phase >= Phase::authenticate) {
        CHECK(reply<Error>(step).code.text == code);
        CHECK(reply<Error>(step).request_id == 0);
    } else {
        CHECK(reply<SetupConnectionError>(step).error_code.text == code);
    }
}

inline constexpr std::array all_phases{Phase::setup, Phase::negotiate, Phase::authenticate, Phase::open};

} // namespace session_scene
