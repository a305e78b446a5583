// What a client that is not who it says, or does what it must not, gets: the message on the wire, the line in the log,
// nothing stored of what was refused, and nobody else disturbed.

#include "tests/end_to_end/scene.hpp"

#include <algorithm>
#include <chrono>
#include <span>

using namespace end_to_end;
using namespace protocol;

namespace {

// Every kind of client that a file can name.
const std::vector<Entry> clients{
    {"everything", R"("share.write", "block.write", "job.write", "query.own")", "pool-1"},
    {"shares", R"("share.write")", "pool-1"},
    {"blocks", R"("block.write", "query.own")", "pool-1"},
    {"reader", R"("query.own")", "pool-1"},
    {"auditor", R"("query.all")", "office"},
    {"administrator", R"("admin")", "office"},
};

// A sanitizer's own memory would be counted with the role's.
#ifdef __has_feature
constexpr bool is_sanitized = __has_feature(address_sanitizer) || __has_feature(thread_sanitizer);
#else
constexpr bool is_sanitized = false;
#endif

Bytes frame_of(MessageId id, Bytes payload) {
    payload.insert(payload.begin(), frame_header_size, 0);
    return complete_frame(id, std::move(payload)).value();
}

// The last message, flushed before the end, and the line about it.
void check_last(Scene& scene, support::Peer& peer, const Error& error, const std::string& phase,
                const std::string& code) {
    CHECK(error.request_id == 0);
    CHECK(error.code.text == code);
    CHECK(peer.is_closed());
    CHECK(scene.logs(peer, "refused in phase " + phase + ": " + code));
    scene.check_others_go_on();
}

void refused(Scene& scene, Client& client, const std::string& code) {
    check_last(scene, client.peer, client.receive<Error>(), "open", code);
}

void refused_at_the_door(Scene& scene, support::Peer& peer, const std::string& code) {
    check_last(scene, peer, peer.receive<Error>(), "authenticate", code);
}

Authenticate claim(std::uint64_t stream_id, std::uint32_t roles) {
    auto claim = support::claim(stream_id);
    claim.roles = roles;
    return claim;
}

} // namespace

TEST_CASE("an unknown key, a forged signature and a key that is none get the same answer, byte for byte") {
    Scene scene{{.clients = clients}};
    std::vector<Frame> answers;
    const auto ask = [&](const std::string& identity, auto forge) {
        auto peer = scene.connect();
        scene.negotiate(peer);
        auto message = scene.proof(peer, identity, support::claim(1));
        forge(message);
        peer.send(message);
        answers.push_back(peer.receive_frame().value());
        const auto error = decode<Error>(answers.back().payload).value();
        check_last(scene, peer, error, "authenticate", "unauthorized");
    };
    ask("stranger", [](auto&) {});
    ask("everything", [](auto& message) { message.signature.bytes[63] ^= 1; });
    ask("everything", [](auto& message) { message.client_public_key.bytes.fill(0xff); });
    CHECK(std::ranges::count(answers, answers.front()) == 3);
}

TEST_CASE("a proof of another session is none: what a relay has overheard does not let it in") {
    Scene scene{{.clients = clients}};
    auto honest = scene.connect();
    scene.negotiate(honest);
    const auto message = scene.proof(honest, "everything", support::claim(1));
    auto relay = scene.connect();
    scene.negotiate(relay);
    relay.send(message);
    refused_at_the_door(scene, relay, "unauthorized");
    honest.send(message);
    CHECK_NOTHROW(honest.receive<AuthenticateSuccess>()); // it was good where it was made
}

TEST_CASE("a proof for another role is none: the authority that the client has pinned is signed with it") {
    Scene scene;
    auto peer = scene.connect();
    scene.negotiate(peer);
    const auto& other = scene.premises->key("another authority").public_key();
    peer.send(support::proof(peer, scene.curve, other, scene.premises->key("honest"), support::claim(1)));
    refused_at_the_door(scene, peer, "unauthorized");
}

TEST_CASE("a field that is changed after the signature makes it none") {
    Scene scene;
    auto peer = scene.connect();
    scene.negotiate(peer);
    auto message = scene.proof(peer, "honest", support::claim(1));
    SUBCASE("the stream") {
        message.stream_id = 2;
    }
    SUBCASE("the roles") {
        message.roles = role_write;
    }
    SUBCASE("what is remembered") {
        message.last_acknowledged = 1;
    }
    peer.send(message);
    refused_at_the_door(scene, peer, "unauthorized");
}

TEST_CASE("roles that the key does not permit, or none, are answered with not-permitted") {
    Scene scene{{.clients = clients}};
    auto peer = scene.connect();
    scene.negotiate(peer);
    SUBCASE("to write, with a key that may only ask") {
        peer.send(scene.proof(peer, "reader", claim(1, role_write)));
    }
    SUBCASE("to ask, with a key that may only write") {
        peer.send(scene.proof(peer, "shares", claim(1, role_write | role_read)));
    }
    SUBCASE("neither") {
        peer.send(scene.proof(peer, "everything", claim(0, 0)));
    }
    SUBCASE("anything, with a key that may neither write nor ask") {
        peer.send(scene.proof(peer, "administrator", claim(0, role_read)));
    }
    refused_at_the_door(scene, peer, "not-permitted");
}

TEST_CASE("a claim that contradicts itself, or is of another version, is refused in its own words") {
    Scene scene;
    auto peer = scene.connect();
    scene.negotiate(peer);
    SUBCASE("to write without a stream") {
        peer.send(scene.proof(peer, "honest", claim(0, role_write)));
        refused_at_the_door(scene, peer, "malformed-message");
    }
    SUBCASE("a stream without the write role") {
        peer.send(scene.proof(peer, "honest", claim(1, role_read)));
        refused_at_the_door(scene, peer, "malformed-message");
    }
    SUBCASE("cut short") {
        auto payload = encode(scene.proof(peer, "honest", support::claim(1))).value();
        payload.pop_back();
        peer.send_frame(frame_of(Authenticate::id, payload));
        refused_at_the_door(scene, peer, "malformed-message");
    }
    SUBCASE("of version 2 alone") {
        auto message = support::claim(1);
        message.min_version = message.max_version = 2;
        peer.send(scene.proof(peer, "honest", message));
        refused_at_the_door(scene, peer, "protocol-version-mismatch");
    }
}

TEST_CASE("before Authenticate nothing is stored and nothing is answered") {
    Scene scene;
    auto peer = scene.connect();
    scene.negotiate(peer);
    SUBCASE("StoreRecords") {
        peer.send(StoreRecords{.first_sequence = 1, .records = {shares(1, 1)}});
    }
    SUBCASE("Ping") {
        peer.send(Ping{.nonce = 1});
    }
    SUBCASE("GetHealth") {
        peer.send(GetHealth{.request_id = 1});
    }
    SUBCASE("GetTotals") {
        peer.send(GetTotals{.request_id = 1, .pool = {"bystander"}, .start = {}, .end = {}});
    }
    SUBCASE("what the role says itself") {
        peer.send(StoreSuccess{.durable_sequence = 1, .verdicts = {}});
    }
    refused_at_the_door(scene, peer, "unexpected-message");
}

TEST_CASE("before authentication a frame of 2049 bytes is refused from its header, whatever is in it") {
    Scene scene;
    auto peer = scene.connect();
    scene.negotiate(peer);
    auto header = frame_of(Authenticate::id, Bytes(2049));
    header.resize(frame_header_size);
    peer.send_frame(std::move(header));
    refused_at_the_door(scene, peer, "frame-too-large");
}

TEST_CASE("what was due earlier is refused once a client is let in") {
    Scene scene;
    auto client = scene.enter("again");
    SUBCASE("a second Authenticate") {
        client.peer.send(scene.proof(client.peer, "again", support::claim(1)));
    }
    SUBCASE("a second RequestExtensions") {
        client.peer.send(support::request_storage_extension());
    }
    SUBCASE("a second SetupConnection") {
        client.peer.send(support::setup_connection());
    }
    SUBCASE("what the role says itself") {
        client.peer.send(StoreSuccess{.durable_sequence = 1, .verdicts = {}});
    }
    SUBCASE("an unknown message of the extension") {
        client.peer.send_frame(frame_of({.extension_type = storage_extension, .msg_type = 0xff}, {0}));
    }
    refused(scene, client, "unexpected-message");
}

TEST_CASE("a record of a kind that the key does not permit ends the session, and nothing of its message is stored") {
    for (const auto& backend : backends) {
        CAPTURE(backend);
        Scene scene{{.backend = backend, .clients = clients}};
        auto client = scene.enter("shares", claim(5, role_write));
        client.store(shares(1, 2));
        client.send({bytes_of(share(3)), bytes_of(block(4))});
        refused(scene, client, "not-permitted");

        auto blocks = scene.enter("blocks", 6);
        blocks.send({bytes_of(block(5)), bytes_of(share(6))});
        refused(scene, blocks, "not-permitted");

        auto reader = scene.enter("reader", 0);
        CHECK(reader.totals().shares_accepted == 2);
        CHECK(reader.totals().blocks_found == 0);
    }
}

TEST_CASE("a message that neither the key nor the roles permit ends the session") {
    Scene scene{{.clients = clients}};
    SUBCASE("a question, by who may only write") {
        auto client = scene.enter("shares", claim(5, role_write));
        client.peer.send(GetHealth{.request_id = 1});
        refused(scene, client, "not-permitted");
    }
    SUBCASE("a question, by who did not ask for the read role") {
        auto client = scene.enter("everything", claim(5, role_write));
        client.peer.send(GetHealth{.request_id = 1});
        refused(scene, client, "not-permitted");
    }
    SUBCASE("records, by who did not ask for the write role") {
        auto client = scene.enter("everything", 0);
        client.send(shares(1, 1));
        refused(scene, client, "not-permitted");
    }
    SUBCASE("a question about another pool, by who may see its own") {
        auto client = scene.enter("reader", 0);
        client.peer.send(GetTotals{.request_id = 1, .pool = {"office"}, .start = {}, .end = {}});
        refused(scene, client, "not-permitted");
    }
}

TEST_CASE("query.all sees every pool, query.own its own under both its names") {
    Scene scene{{.clients = clients}};
    scene.enter("everything").store(shares(1, 3));
    auto auditor = scene.enter("auditor", 0);
    CHECK(auditor.totals("pool-1").shares_accepted == 3);
    CHECK(auditor.totals().shares_accepted == 0); // of the office
    auto reader = scene.enter("reader", 0);
    CHECK(reader.totals("pool-1").shares_accepted == 3);
    CHECK(reader.totals().shares_accepted == 3);
}

TEST_CASE("a malformed StoreRecords ends the session, and nothing of it is stored") {
    Scene scene;
    auto client = scene.enter("malformed");
    client.store(shares(1, 1));
    auto payload = encode(StoreRecords{.first_sequence = 2, .records = {shares(2, 3)}}).value();
    SUBCASE("cut short in its last record") {
        payload.pop_back();
    }
    SUBCASE("with a byte behind its records") {
        payload.push_back(0);
    }
    SUBCASE("more records announced than there are") {
        ++payload[8];
    }
    SUBCASE("without a record") {
        payload = encode(StoreRecords{.first_sequence = 2, .records = {}}).value();
    }
    SUBCASE("with the number 0") {
        std::fill_n(payload.begin(), 8, 0);
    }
    SUBCASE("empty") {
        payload.clear();
    }
    client.peer.send_frame(frame_of(StoreRecords::id, payload));
    refused(scene, client, "malformed-message");
    CHECK(scene.enter("malformed").totals().shares_accepted == 1);
}

TEST_CASE("a bad record gets its verdict and its number; the stream goes on") {
    for (const auto& backend : backends) {
        CAPTURE(backend);
        Scene scene{{.backend = backend}};
        auto client = scene.enter("verdicts");
        auto late = share(4);
        late.timestamp = last_timestamp + 1;
        auto unreadable = share(5);
        unreadable.user_identity.text = "\xff";
        auto above = share(6);
        above.target = hash(5);
        auto short_of_a_byte = bytes_of(share(7));
        short_of_a_byte.bytes.pop_back();
        auto contradictory = share(8);
        contradictory.accepted = 0;
        contradictory.outcome = static_cast<std::uint8_t>(Outcome::valid);

        client.store({bytes_of(share(1)),
                      bytes_of(late),
                      bytes_of(unreadable),
                      bytes_of(above),
                      short_of_a_byte,
                      bytes_of(contradictory),
                      {{0xee, 1, 2, 3}},
                      bytes_of(share(1)),
                      {},
                      bytes_of(share(2))});
        CHECK(client.verdicts() == std::map<std::uint64_t, std::string>{{2, "invalid-timestamp"},
                                                                        {3, "invalid-text"},
                                                                        {4, "above-target"},
                                                                        {5, "invalid-record"},
                                                                        {6, "invalid-record"},
                                                                        {7, "unknown-kind"},
                                                                        {8, "duplicate-share"},
                                                                        {9, "invalid-record"}});
        const auto totals = client.totals();
        CHECK(totals.shares_accepted == 2);
        CHECK(totals.shares_duplicate == 1);
        CHECK(totals.shares_above_target == 1);
        CHECK(totals.share_work_sum_low == 20);
        scene.check_others_go_on();
    }
}

TEST_CASE("a record of 512 KiB is stored, one of a byte more gets record-too-large, and the stream goes on") {
    for (const auto& backend : backends) {
        CAPTURE(backend);
        Scene scene{{.backend = backend}};
        auto client = scene.enter("large");
        CHECK(client.granted.max_record == 512 * 1024);
        client.store({share_of_size(1, 512 * 1024)});
        CHECK(client.verdicts().empty());
        client.store({share_of_size(2, 512 * 1024 + 1), bytes_of(share(3))});
        CHECK(client.verdicts() == std::map<std::uint64_t, std::string>{{2, "record-too-large"}});
        CHECK(client.totals().shares_accepted == 2);
        scene.check_others_go_on();
    }
}

TEST_CASE("more verdicts than a frame should hold come in several, each with the records that it acknowledges") {
    for (const auto& backend : backends) {
        CAPTURE(backend);
        Scene scene{{.backend = backend}};
        auto client = scene.enter("many");
        client.send(Records(65'535, {{0xee}}));
        client.wait_until_durable(1);
        CHECK(client.durable() < 65'535);
        client.wait_until_durable(65'535);
        CHECK(client.verdicts().size() == 65'535);
        client.store(shares(1, 1));
        scene.check_others_go_on();
    }
}

TEST_CASE("a frame of 1 MiB is taken, one of a byte more is refused from its header alone") {
    Scene scene;
    auto client = scene.enter("large");
    CHECK(client.granted.max_frame == 1024 * 1024);
    constexpr std::size_t half = (1024 * 1024 - 8 - 2 - 2 * 3) / 2; // two records, the lengths of both, and the rest
    client.store({share_of_size(1, half), share_of_size(2, half)});
    CHECK(client.totals().shares_accepted == 2);

    auto header = frame_of(StoreRecords::id, Bytes(1024 * 1024 + 1));
    header.resize(frame_header_size);
    client.peer.send_frame(std::move(header));
    refused(scene, client, "frame-too-large");
}

TEST_CASE("numbers that are left out end the session, and what came behind the gap is not stored") {
    for (const auto& backend : backends) {
        CAPTURE(backend);
        Scene scene{{.backend = backend}};
        auto client = scene.enter("gap");
        client.store(shares(1, 2));
        client.go_on_from(4);
        client.send(shares(4, 5));
        client.go_on_from(3);
        client.send(shares(3, 3)); // too late: this session's order is in doubt
        refused(scene, client, "sequence-gap");

        auto again = scene.enter("gap");
        CHECK(again.granted.durable_sequence == 2);
        CHECK(again.totals().shares_accepted == 2);
        again.store(shares(3, 5));
        CHECK(again.totals().shares_accepted == 5);
    }
}

TEST_CASE("numbers beyond the last one that there is are a gap, and nothing else") {
    Scene scene;
    auto client = scene.enter("gap");
    client.go_on_from(~0ULL);
    client.send(shares(1, 3)); // the third would have the number 1
    refused(scene, client, "sequence-gap");
}

TEST_CASE("a number that returns with other bytes ends the session, and changes nothing") {
    for (const auto& backend : backends) {
        CAPTURE(backend);
        Scene scene{{.backend = backend}};
        auto client = scene.enter("conflict");
        client.store(shares(1, 3));
        const auto before = client.stored_shares();
        client.go_on_from(2);
        client.send({bytes_of(share(2)), bytes_of(share(33)), bytes_of(share(4))});
        refused(scene, client, "sequence-conflict");

        auto again = scene.enter("conflict");
        CHECK(again.granted.durable_sequence == 3);
        CHECK(again.stored_shares() == before);
    }
}

TEST_CASE("of two sessions on one stream the older is answered fenced, also when it is idle") {
    for (const auto& backend : backends) {
        CAPTURE(backend);
        Scene scene{{.backend = backend}};
        auto older = scene.enter("twins");
        older.store(shares(1, 2));
        auto other_stream = scene.enter("twins", 2);
        auto newer = scene.enter("twins");
        refused(scene, older, "fenced");
        CHECK(newer.granted.durable_sequence == 2);
        newer.store(shares(3, 4));
        CHECK_NOTHROW(other_stream.ping()); // it is the stream that is fenced, not the key
    }
}

TEST_CASE("what a fenced session has in flight is not stored behind its successor's back") {
    for (const auto& backend : backends) {
        CAPTURE(backend);
        Scene scene{{.backend = backend}};
        auto older = scene.enter("twins");
        constexpr std::uint64_t count = 2'000;
        for (std::uint64_t i = 1; i <= count; i += 20) older.send(shares(i, i + 19));
        auto newer = scene.enter("twins"); // whatever of these the role has read, and not committed
        const std::uint64_t inherited = newer.granted.durable_sequence;
        older.send(shares(count + 1, count + 1));
        refused(scene, older, "fenced");
        CHECK(older.durable() <= inherited);
        CHECK(newer.totals().shares_accepted == inherited);

        newer.store(shares(count + 2, count + 11)); // under numbers that the older one used for others
        CHECK(newer.verdicts().empty());
        CHECK(newer.totals().shares_accepted == inherited + 10);
    }
}

TEST_CASE("a client that never reads acknowledgments is not read any longer, and gets them all once it reads") {
    Scene scene{{.environment = {{"STORAGE__MAX_IN_FLIGHT_BYTES", "1048576"}}}};
    Client client = scene.enter(support::Peer{scene.port, 4096}, "deaf", support::claim(1));
    // Small records that take long verdicts, so that these fill the buffers soon; then large ones, which stay unread.
    std::uint64_t sent = 0;
    Bytes rest; // of the message that the role did not take
    for (std::size_t bytes = 0; rest.empty() && bytes < 64'000'000;) {
        const Records records = sent < 200'000 ? Records(2000, {{0xee}}) : Records(4, {Bytes(100'000, 0xee)});
        auto frame = client.peer.seal(encode_frame(StoreRecords{sent + 1, {records}}).value());
        const auto taken = client.peer.send_until_blocked(frame, std::chrono::seconds{2});
        bytes += taken;
        if (taken < frame.size())
            rest = {frame.begin() + static_cast<std::ptrdiff_t>(taken), frame.end()};
        else
            sent += records.size();
    }
    CHECK_FALSE(rest.empty()); // TCP pushes back
    if (!is_sanitized) CHECK(scene.process.resident_size() < std::size_t{100} * 1024 * 1024);
    scene.check_others_go_on();

    client.wait_until_durable(sent);
    CHECK(client.verdicts().size() == sent);
    client.peer.send_bytes(rest);
    client.wait_until_durable(sent + 1);
    scene.check_others_go_on();
}

TEST_CASE("a client that never reads is cut 30 s after the last byte that could be sent to it") {
    Scene scene;
    Client client = scene.enter(support::Peer{scene.port, 4096}, "deaf", support::claim(1));
    const auto start = std::chrono::steady_clock::now();
    Bytes rest; // of the message that the role did not take
    bool is_cut = false;
    for (int attempt = 0; !is_cut && attempt < 10; ++attempt) { // a role that was only slow reads on meanwhile
        do {
            if (rest.empty()) rest = client.peer.seal(encode_frame(Ping{1}).value());
            const auto taken = client.peer.send_until_blocked(rest, std::chrono::seconds{1});
            rest.erase(rest.begin(), rest.begin() + static_cast<std::ptrdiff_t>(taken));
        } while (rest.empty());
        scene.check_others_go_on();
        is_cut = scene.logs(client.peer, "closed in phase open: the time limit was reached");
    }
    CHECK(is_cut);
    CHECK(std::chrono::steady_clock::now() - start >= std::chrono::seconds{30});
    scene.check_others_go_on();
}

TEST_CASE("a request without a number ends the session") {
    Scene scene;
    auto client = scene.enter("asks");
    client.peer.send(GetHealth{.request_id = 0});
    refused(scene, client, "invalid-request");
}

TEST_CASE("a request that cannot be served is answered alone, and the session goes on") {
    for (const auto& backend : backends) {
        CAPTURE(backend);
        Scene scene{{.backend = backend}};
        auto client = scene.enter("asks");
        client.store(shares(1, 3));
        const auto answered = [&](const auto& request, const std::string& code) {
            CAPTURE(code);
            client.peer.send(request);
            const auto error = client.receive<Error>();
            CHECK(error.request_id == request.request_id);
            CHECK(error.code.text == code);
            CHECK_FALSE(error.detail.text.empty());
        };
        const std::string channel_id = "1.1.1.1";
        auto page = all_of(RecordKind::share, channel_id);
        page.request_id = 10;
        page.channel_id.text.clear();
        answered(page, "invalid-request");
        page.kind = static_cast<std::uint8_t>(RecordKind::declared_job); // belongs to no channel
        page.channel_id.text = channel_id;
        answered(page, "invalid-request");
        for (const int kind : {0, 9, 10, 255}) {
            page.kind = static_cast<std::uint8_t>(kind);
            answered(page, "invalid-request");
        }
        page = all_of(RecordKind::share, channel_id);
        page.request_id = 10;
        page.start = 2;
        page.end = 1;
        answered(page, "invalid-request");
        page.start = page.end = {};
        page.cursor.bytes = {1, 2, 3};
        answered(page, "invalid-cursor");
        page.cursor.bytes = Bytes(32, 0xff); // of another data set, behind what is stored
        answered(page, "invalid-cursor");
        answered(GetAccounting{.request_id = 11, .pool = {}, .channel_id = {}}, "invalid-request");
        answered(GetChannelStats{.request_id = 12, .pool = {}, .channel_id = {channel_id}, .start = 2, .end = 1},
                 "invalid-request");
        answered(GetTotals{.request_id = 13, .pool = {}, .start = 2, .end = 1}, "invalid-request");
        answered(ListStreams{.request_id = 14, .pool = {}, .cursor = {{1}}}, "invalid-cursor");
        answered(ListChannels{.request_id = 15, .pool = {}, .cursor = {{1}}}, "invalid-cursor");
        answered(ListUsers{.request_id = 16, .pool = {}, .cursor = {{1}}}, "invalid-cursor");
        answered(ListDrift{.request_id = 17, .pool = {}, .cursor = {{1}}}, "invalid-cursor");
        GetBlocks blocks;
        blocks.request_id = 18;
        blocks.cursor.bytes = {1};
        answered(blocks, "invalid-cursor");
        blocks.start = 2;
        blocks.end = 1;
        answered(blocks, "invalid-request");
        GetHours hours;
        hours.request_id = 19;
        hours.subject_id.text = channel_id;
        answered(hours, "invalid-request"); // whose?
        hours.subject = static_cast<std::uint8_t>(Subject::user);
        hours.subject_id.text.clear();
        answered(hours, "invalid-request");
        hours.subject_id.text = channel_id;
        hours.cursor.bytes = {1};
        answered(hours, "invalid-cursor");
        hours.start = 2;
        hours.end = 1;
        answered(hours, "invalid-request");
        IsShareSeen seen;
        seen.request_id = 20;
        seen.share_hashes.items.resize(1001);
        answered(seen, "invalid-request");
        CHECK(client.totals().shares_accepted == 3);
        scene.check_others_go_on();
    }
}

TEST_CASE("a malformed request ends the session") {
    Scene scene;
    auto client = scene.enter("asks");
    auto payload = encode(GetTotals{.request_id = 1, .pool = {}, .start = 1, .end = 2}).value();
    SUBCASE("cut short") {
        payload.pop_back();
    }
    SUBCASE("with an option that is there twice") {
        payload[5] = 2;
    }
    client.peer.send_frame(frame_of(GetTotals::id, payload));
    refused(scene, client, "malformed-message");
}

TEST_CASE("of a thousand requests at once each is answered once, if only with busy") {
    Scene scene;
    auto client = scene.enter("asks");
    for (std::uint32_t id = 1; id <= 1000; ++id) client.peer.send(GetHealth{.request_id = id});
    std::vector<bool> answered(1001);
    for (int i = 0; i < 1000; ++i) {
        const auto frame = client.peer.receive_frame();
        REQUIRE(frame.has_value());
        const auto message = decode_any(frame->header, frame->payload).value();
        const auto* success = std::get_if<GetHealthSuccess>(&message);
        const auto* error = std::get_if<Error>(&message);
        REQUIRE((success != nullptr || error != nullptr));
        if (error != nullptr) CHECK(error->code.text == "busy");
        const auto id = success != nullptr ? success->request_id : error->request_id;
        REQUIRE(id <= 1000);
        CHECK_FALSE(answered[id]);
        answered[id] = true;
    }
    scene.check_others_go_on();
}

TEST_CASE("who would write when all of max_in_flight_bytes is granted is told busy; who would ask may come") {
    Scene scene{{.environment = {{"STORAGE__MAX_IN_FLIGHT_BYTES", "1048576"}}}};
    auto late = scene.connect();
    {
        std::vector<Client> others; // with the bystander they have it all
        for (std::uint64_t stream = 1; stream <= 3; ++stream) others.push_back(scene.enter("many", stream));
        for (const auto& client : others) CHECK(client.granted.max_in_flight == 256 * 1024);
        scene.negotiate(late);
        late.send(scene.proof(late, "late", support::claim(1)));
        CHECK(late.receive<Error>().code.text == "busy");
        CHECK(late.is_closed());
        CHECK_NOTHROW(scene.enter("late", 0).ping());
        for (auto& client : others) CHECK_NOTHROW(client.store(shares(1, 2)));
    }
    CHECK(scene.logs(late, "refused in phase authenticate: busy"));
    // Once the role has noticed that they left, there is room again.
    const auto until = std::chrono::steady_clock::now() + support::patience;
    bool is_let_in = false;
    while (!is_let_in && std::chrono::steady_clock::now() < until) {
        auto next = scene.connect();
        scene.negotiate(next);
        next.send(scene.proof(next, "late", support::claim(1)));
        is_let_in = next.receive_frame()->header.msg_type == AuthenticateSuccess::id.msg_type;
    }
    CHECK(is_let_in);
}

TEST_CASE("a client that leaves in the middle of a message leaves nothing of it behind") {
    for (const auto& backend : backends) {
        CAPTURE(backend);
        Scene scene{{.backend = backend}};
        {
            auto client = scene.enter("leaves");
            client.store(shares(1, 2));
            const auto frame = client.peer.seal(encode_frame(StoreRecords{3, {shares(3, 30)}}).value());
            client.peer.send_bytes(std::span{frame}.first(frame.size() - 1));
        }
        scene.check_others_go_on();
        auto again = scene.enter("leaves");
        CHECK(again.granted.durable_sequence == 2);
        CHECK(again.totals().shares_accepted == 2);
    }
}
