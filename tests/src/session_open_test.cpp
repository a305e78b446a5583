// A session that is let in: storing, acknowledgments, questions (protocol/EXTENSION.md).

#include "tests/src/session_scene.hpp"

using namespace session_scene;

namespace {

B0_16M record_of_kind(std::uint8_t kind) {
    return {{kind, 1, 2, 3}};
}

StoreRecords store(std::uint64_t first, std::vector<B0_16M> records) {
    return {.first_sequence = first, .records = {std::move(records)}};
}

std::string codes_of(const StoreSuccess& success) {
    std::string codes;
    for (const auto& item : success.verdicts.items) {
        const auto entry = decode<VerdictEntry>(ByteView{item.bytes}).value();
        codes += std::to_string(entry.sequence) + ":" + entry.code.text + " ";
    }
    return codes;
}

storage::Stored stored(std::uint64_t last, std::vector<storage::SequenceVerdict> verdicts = {}) {
    return {.last_sequence = last, .verdicts = std::move(verdicts)};
}

} // namespace

TEST_CASE("records go to the store as they came, under the session's stream and epoch") {
    Session session = house().session_in(Phase::open);
    const Step step = session.on_frame(frame_of(store(42, {record_of_kind(1), {{5}}, record_of_kind(200)})));
    CHECK(step.reply.empty());
    REQUIRE(std::holds_alternative<storage::Submission>(step.wish));
    const auto& submission = std::get<storage::Submission>(step.wish);
    CHECK(submission.stream == 3);
    CHECK(submission.epoch == 7);
    CHECK(submission.first_sequence == 42);
    CHECK(submission.records == std::vector<B0_16M>{record_of_kind(1), {{5}}, record_of_kind(200)});
}

TEST_CASE("nothing is acknowledged before the store has answered") {
    Session session = house().session_in(Phase::open);
    CHECK_FALSE(session.take_acknowledgment().has_value());
    session.on_frame(frame_of(store(42, {record_of_kind(1)})));
    CHECK_FALSE(session.take_acknowledgment().has_value());
    CHECK_FALSE(session.on_outcome(stored(42)).has_value());
    CHECK(message_of<StoreSuccess>(session.take_acknowledgment().value()).durable_sequence == 42);
    CHECK_FALSE(session.take_acknowledgment().has_value());
}

TEST_CASE("one acknowledgment answers all that became durable since the last, with every verdict") {
    Session session = house().session_in(Phase::open);
    session.on_outcome(stored(50, {{43, Verdict::duplicate_share}}));
    session.on_outcome(stored(60));
    session.on_outcome(stored(70, {{61, Verdict::invalid_record}, {70, Verdict::unknown_kind}}));
    const auto success = message_of<StoreSuccess>(session.take_acknowledgment().value());
    CHECK(success.durable_sequence == 70);
    CHECK(codes_of(success) == "43:duplicate-share 61:invalid-record 70:unknown-kind ");
}

TEST_CASE("numbers sent again below what is acknowledged are acknowledged again") {
    Session session = house().session_in(Phase::open);
    session.on_outcome(stored(50));
    session.take_acknowledgment();
    session.on_outcome(stored(20, {{11, Verdict::above_target}}));
    const auto success = message_of<StoreSuccess>(session.take_acknowledgment().value());
    CHECK(success.durable_sequence == 50);
    CHECK(codes_of(success) == "11:above-target ");
}

TEST_CASE("an acknowledgment whose verdicts do not fit a frame is split at a lower durable_sequence") {
    Session session = house().session_in(Phase::open);
    std::vector<storage::SequenceVerdict> verdicts;
    for (std::uint64_t sequence = 2; sequence <= 120'000; sequence += 2)
        verdicts.push_back({sequence, Verdict::invalid_timestamp}); // the longest code
    session.on_outcome(stored(120'001, verdicts));
    std::uint64_t told = 0;
    std::uint64_t durable = 0;
    while (const auto frame = session.take_acknowledgment()) {
        CHECK(frame->size() <= role::max_frame + frame_header_size);
        const auto success = message_of<StoreSuccess>(*frame);
        for (const auto& item : success.verdicts.items) {
            const auto entry = decode<VerdictEntry>(ByteView{item.bytes}).value();
            CHECK(entry.sequence > durable); // no number is acknowledged before its verdict is told
            CHECK(entry.sequence <= success.durable_sequence);
            CHECK(entry.sequence == 2 * ++told);
        }
        durable = success.durable_sequence;
    }
    CHECK(told == 60'000);
    CHECK(durable == 120'001);
}

TEST_CASE("what is acknowledged never goes back, also when a long list of verdicts is told of numbers sent again") {
    Session session = house().session_in(Phase::open);
    session.on_outcome(stored(50'000));
    CHECK(message_of<StoreSuccess>(session.take_acknowledgment().value()).durable_sequence == 50'000);
    std::vector<storage::SequenceVerdict> verdicts;
    for (std::uint64_t sequence = 1; sequence <= 45'000; ++sequence)
        verdicts.push_back({sequence, Verdict::duplicate_share});
    session.on_outcome(stored(45'000, verdicts));
    while (const auto frame = session.take_acknowledgment())
        CHECK(message_of<StoreSuccess>(*frame).durable_sequence == 50'000);
}

TEST_CASE("what the store refuses ends the session in the store's word") {
    for (const auto& [refused, code] : {std::pair{storage::Refused::fenced, "fenced"},
                                        {storage::Refused::sequence_gap, "sequence-gap"},
                                        {storage::Refused::sequence_conflict, "sequence-conflict"},
                                        {storage::Refused::damaged, "storage-unavailable"}}) {
        Session session = house().session_in(Phase::open);
        const auto refusal = session.on_outcome(std::unexpected(refused));
        REQUIRE(refusal.has_value());
        CHECK(refusal->code == code);
        CHECK_FALSE(session.take_acknowledgment().has_value());
    }
}

TEST_CASE("an empty list and the number 0 are malformed-message") {
    for (const auto& message : {store(42, {}), store(0, {record_of_kind(1)})}) {
        Session session = house().session_in(Phase::open);
        check_refused(session, Phase::open, session.on_frame(frame_of(message)), "malformed-message");
    }
}

TEST_CASE("bytes that follow the list of records are malformed-message") {
    Session session = house().session_in(Phase::open);
    Frame frame = frame_of(store(42, {record_of_kind(1)}));
    frame.payload.push_back(0);
    ++frame.header.payload_size;
    check_refused(session, Phase::open, session.on_frame(frame), "malformed-message");
}

TEST_CASE("each record kind needs its permission; one that lacks it takes the whole message with it") {
    struct Row {
        int kind;
        std::string permitted_to;
    };
    const std::vector<Row> rows{{1, "shares"}, {2, "shares"}, {3, "blocks"}, {4, "blocks"}, {5, "shares"},
                                {6, "jobs"},   {7, "jobs"},   {8, "shares"}, {9, "shares"}};
    for (const auto& [kind, permitted_to] : rows) {
        for (const std::string name : {"shares", "blocks", "jobs"}) {
            INFO("kind ", kind, " of ", name);
            Session session = house().session_in(Phase::open, name, role_write);
            const auto other = static_cast<std::uint8_t>(name == "shares" ? 1 : name == "blocks" ? 3 : 6);
            const Step step = session.on_frame(
                frame_of(store(1, {record_of_kind(other), record_of_kind(static_cast<std::uint8_t>(kind))})));
            if (name == permitted_to)
                CHECK(std::holds_alternative<storage::Submission>(step.wish));
            else
                check_refused(session, Phase::open, step, "not-permitted");
        }
    }
    for (const std::string name : {"shares", "blocks", "jobs"}) { // a kind of tomorrow, and no bytes at all
        Session session = house().session_in(Phase::open, name, role_write);
        const Step step = session.on_frame(frame_of(store(1, {record_of_kind(77), {}})));
        CHECK(std::holds_alternative<storage::Submission>(step.wish));
    }
}

TEST_CASE("a message of the other role is not-permitted") {
    Session reader = house().session_in(Phase::open, "everything", role_read);
    check_refused(reader, Phase::open, reader.on_frame(frame_of(store(1, {record_of_kind(1)}))), "not-permitted");
    Session writer = house().session_in(Phase::open, "everything", role_write);
    check_refused(writer, Phase::open, writer.on_frame(frame_of(GetHealth{.request_id = 1})), "not-permitted");
}

TEST_CASE("a ping comes back, whatever the role") {
    for (const auto roles : {role_write, role_read}) {
        Session session = house().session_in(Phase::open, "everything", roles);
        CHECK(reply<PingSuccess>(session.on_frame(frame_of(Ping{.nonce = 0xfeed}))).nonce == 0xfeed);
    }
}

namespace {

template <class R> void check_becomes_a_question() {
    INFO(std::string{R::name});
    R message{};
    message.request_id = 9;
    Session session = house().session_in(Phase::open);
    const Step step = session.on_frame(frame_of(message));
    CHECK(step.reply.empty());
    REQUIRE(std::holds_alternative<role::Request>(step.wish));
    const auto& asked = std::get<R>(std::get<role::Request>(step.wish));
    if constexpr (requires { asked.pool; }) CHECK(asked.pool.text == "pool-1");
}

template <class... R> void for_each_request(std::type_identity<std::variant<R...>>) {
    (check_becomes_a_question<R>(), ...);
}

} // namespace

TEST_CASE("every request becomes a question to the store, about the client's own pool unless it names one") {
    for_each_request(std::type_identity<role::Request>{});
}

TEST_CASE("removing old shares takes the permission admin, whatever the roles, and is no question") {
    const CleanupOldShares request{.request_id = 3, .older_than = 1000};
    for (const auto roles : {role_write, role_read}) {
        Session session = house().session_in(Phase::open, "everything", roles);
        check_refused(session, Phase::open, session.on_frame(frame_of(request)), "not-permitted");
        Session admin = house().session_in(Phase::open, "operator", roles);
        const Step step = admin.on_frame(frame_of(request));
        CHECK(step.reply.empty());
        REQUIRE(std::holds_alternative<CleanupOldShares>(step.wish));
        CHECK(std::get<CleanupOldShares>(step.wish) == request);
    }
}

TEST_CASE("another pool is for those with query.all only") {
    const GetTotals request{.request_id = 1, .pool = {"pool-2"}, .start = {}, .end = {}};
    Session own = house().session_in(Phase::open, "reader", role_read);
    check_refused(own, Phase::open, own.on_frame(frame_of(request)), "not-permitted");
    Session all = house().session_in(Phase::open, "auditor", role_read);
    const Step step = all.on_frame(frame_of(request));
    REQUIRE(std::holds_alternative<role::Request>(step.wish));
    CHECK(std::get<GetTotals>(std::get<role::Request>(step.wish)).pool.text == "pool-2");
}

TEST_CASE("request_id 0 is for errors that belong to no request: a request with it ends the session") {
    Session session = house().session_in(Phase::open);
    check_refused(session, Phase::open, session.on_frame(frame_of(GetHealth{.request_id = 0})), "invalid-request");
}
