// Who is let in: protocol/EXTENSION.md, Authenticate.

#include "tests/src/session_scene.hpp"

using namespace session_scene;

namespace {

// What a waiting session says to this message.
Step answer_to(Session& session, const Authenticate& message) {
    return session.on_frame(frame_of(message));
}

void check_unauthorized(const Authenticate& message) {
    Session session = house().session_in(Phase::authenticate);
    const Step step = answer_to(session, message);
    check_refused(session, Phase::authenticate, step, "unauthorized");
    CHECK(reply<Error>(step).detail.text.empty()); // nothing that tells one reason from another
    CHECK_FALSE(session.client().has_value());
}

Authenticate honest(std::uint32_t roles = role_write | role_read) {
    return house().authenticate(house().key("everything"), roles);
}

} // namespace

TEST_CASE("a known key with a signature over this handshake is let in once its stream is attached") {
    Session session = house().session_in(Phase::authenticate);
    const Step step = answer_to(session, honest());
    CHECK(step.reply.empty());
    CHECK_FALSE(step.refusal.has_value());
    REQUIRE(std::holds_alternative<role::Attach>(step.wish));
    const auto& attach = std::get<role::Attach>(step.wish);
    CHECK(attach.pool == "pool-1");
    REQUIRE(attach.stream.has_value());
    CHECK(attach.stream->identity == "everything");
    CHECK(attach.stream->stream_id == 0x5712ea6);
    CHECK(session.phase() == Phase::authenticate);

    const auto success = reply<AuthenticateSuccess>(session.on_attached(house().welcome()));
    CHECK(session.phase() == Phase::open);
    CHECK(success == AuthenticateSuccess{.version = 1,
                                         .permissions = permit_share_write | permit_block_write | permit_job_write |
                                                        permit_query_own,
                                         .durability = 1,
                                         .dataset_id = 0xda7a,
                                         .generation = 2,
                                         .durable_sequence = 41,
                                         .max_frame = 1'048'576,
                                         .max_record = 524'288,
                                         .max_in_flight = 1'000'000});
}

TEST_CASE("without the write role there is no stream, and nothing is attached") {
    Session session = house().session_in(Phase::authenticate);
    const Step step = answer_to(session, honest(role_read));
    REQUIRE(std::holds_alternative<role::Attach>(step.wish));
    CHECK_FALSE(std::get<role::Attach>(step.wish).stream.has_value());
    CHECK(reply<AuthenticateSuccess>(session.on_attached(house().welcome())).permissions == permit_query_own);
}

TEST_CASE("an unknown key gets the same answer as a known one with a bad signature") {
    const auto stranger = noise::SigningKey::create(house().curve, client::random_secret()).value();
    check_unauthorized(house().authenticate(stranger, role_write));
    auto forged = honest();
    forged.signature.bytes[63] ^= 1;
    check_unauthorized(forged);
    auto no_point = honest();
    no_point.client_public_key.bytes.fill(0xff);
    check_unauthorized(no_point);
}

TEST_CASE("a signature over anything else is no proof") {
    const auto& key = house().key("everything");
    SUBCASE("another field of the payload") {
        auto message = honest();
        SUBCASE("min_version") {
            message.min_version ^= 1U;
        }
        SUBCASE("max_version") {
            message.max_version ^= 2U;
        }
        SUBCASE("roles") {
            message.roles = role_write;
        }
        SUBCASE("stream_id") {
            ++message.stream_id;
        }
        SUBCASE("dataset_id") {
            message.dataset_id = 1;
        }
        SUBCASE("generation") {
            message.generation = 1;
        }
        SUBCASE("last_acknowledged") {
            message.last_acknowledged = 1;
        }
        SUBCASE("another client's key") {
            message.client_public_key = {house().key("shares").public_key().bytes};
        }
        check_unauthorized(message);
    }
    SUBCASE("another handshake: a replayed message, or a relay between two sessions") {
        auto message = honest();
        auto other = house().handshake_hash;
        other[0] ^= 1;
        const auto digest = client::authentication_digest(other, house().authority, message);
        message.signature = {key.sign(house().curve, digest, client::random_bytes()).value()};
        check_unauthorized(message);
    }
    SUBCASE("another authority") {
        auto message = honest();
        const auto digest = client::authentication_digest(house().handshake_hash, key.public_key(), message);
        message.signature = {key.sign(house().curve, digest, client::random_bytes()).value()};
        check_unauthorized(message);
    }
    SUBCASE("the handshake hash alone") {
        auto message = honest();
        message.signature = {key.sign(house().curve, house().handshake_hash, client::random_bytes()).value()};
        check_unauthorized(message);
    }
}

TEST_CASE("version 1 is used wherever the client's range holds it") {
    for (const auto& [min, max, is_served] :
         {std::tuple{1, 1, true}, {0, 9, true}, {2, 2, false}, {0, 0, false}, {2, 1, false}}) {
        auto message = honest();
        message.min_version = static_cast<std::uint16_t>(min);
        message.max_version = static_cast<std::uint16_t>(max);
        house().sign(message, house().key("everything"));
        Session session = house().session_in(Phase::authenticate);
        const Step step = answer_to(session, message);
        if (is_served)
            CHECK(std::holds_alternative<role::Attach>(step.wish));
        else
            check_refused(session, Phase::authenticate, step, "protocol-version-mismatch");
    }
}

TEST_CASE("a role that the key does not permit is not-permitted, and so is none at all") {
    for (const auto& [name, roles] : {std::pair{"reader", role_write},
                                      {"reader", role_write | role_read},
                                      {"shares", role_read},
                                      {"auditor", role_write},
                                      {"everything", 0U},
                                      {"everything", 4U}}) {
        INFO(name, " asks for ", roles);
        Session session = house().session_in(Phase::authenticate);
        check_refused(session, Phase::authenticate, answer_to(session, house().authenticate(house().key(name), roles)),
                      "not-permitted");
    }
}

TEST_CASE("a stream_id belongs to the write role, and to no other; what was acknowledged is told of a stream only") {
    auto without = honest(role_write);
    without.stream_id = 0;
    auto reading = honest(role_read);
    reading.stream_id = 5;
    auto remembering = honest(role_read);
    remembering.dataset_id = 0xda7a;
    remembering.generation = 2;
    remembering.last_acknowledged = 1;
    for (auto message : {without, reading, remembering}) {
        house().sign(message, house().key("everything"));
        Session session = house().session_in(Phase::authenticate);
        check_refused(session, Phase::authenticate, answer_to(session, message), "malformed-message");
    }
}

TEST_CASE("a client that only asks raises no alarm, whatever store it remembers") {
    auto message = honest(role_read);
    message.dataset_id = 0xda7a;
    message.generation = 3;
    house().sign(message, house().key("everything"));
    Session session = house().session_in(Phase::authenticate);
    answer_to(session, message);
    auto welcome = house().welcome();
    welcome.attachment = {};
    CHECK(reply<AuthenticateSuccess>(session.on_attached(welcome)).durable_sequence == 0);
}

TEST_CASE("history-lost: a client that remembers more than the store of the same data set and generation") {
    struct Row {
        std::uint64_t dataset_id;
        std::uint32_t generation;
        std::uint64_t last_acknowledged;
        bool is_lost;
    };
    // The store: data set 0xda7a, generation 2, durable up to 41.
    for (const auto& row :
         {Row{0, 0, 0, false}, Row{0xda7a, 2, 41, false}, Row{0xda7a, 2, 42, true}, Row{0xda7a, 2, 7, false},
          Row{0xda7a, 1, 1000, false}, Row{0xda7a, 3, 0, true}, Row{0xbad, 2, 1000, false}}) {
        INFO("data set ", row.dataset_id, " generation ", row.generation, " last_acknowledged ", row.last_acknowledged);
        auto message = honest();
        message.dataset_id = row.dataset_id;
        message.generation = row.generation;
        message.last_acknowledged = row.last_acknowledged;
        house().sign(message, house().key("everything"));
        Session session = house().session_in(Phase::authenticate);
        answer_to(session, message);
        const Step step = session.on_attached(house().welcome());
        if (row.is_lost)
            check_refused(session, Phase::authenticate, step, "history-lost");
        else
            CHECK(reply<AuthenticateSuccess>(step).durable_sequence == 41);
    }
}

TEST_CASE("the development preset takes any key, under its own name") {
    const auto key = noise::SigningKey::create(house().curve, client::random_secret()).value();
    const auto client = role::ClientTable::open_to_all().find(key.public_key());
    REQUIRE(client.has_value());
    CHECK(client->identity == noise::public_key_text(key.public_key()));
    CHECK(client->pool == client->identity);
    CHECK((client->permissions & permit_admin) == 0);
}
