#include "tests/storage/sqlite/scene.hpp"

#include <algorithm>
#include <set>

using namespace sqlite_scene;

namespace {

storage::RecordScan whole_channel(std::uint32_t channel, RecordKind kind = RecordKind::share) {
    storage::RecordScan scan;
    scan.kind = kind;
    scan.channel = channel;
    scan.last_time = end_of_numbers;
    scan.cut = end_of_numbers;
    scan.limit = 100;
    return scan;
}

} // namespace

TEST_CASE("everything written is there after reopening") {
    Scene scene;
    storage::Contents before;
    Transaction first;
    Transaction second;
    {
        const auto engine = open(scene.file);
        Log log{*engine};
        first = log.add_shares(1, 3).add_shares(2, 2).add_shares(1, 1).derive({1, 2}, {3}).derive({1, 3}, {}).take();
        REQUIRE(engine->write(first));
        second = log.add(2, share(70, "1.1.2")).derive({1, 2}, {4, 5}).take();
        REQUIRE(engine->write(second));
        before = engine->load().value();
        REQUIRE(engine->close());
    }
    CHECK(files_in(scene.folder.path()).size() == 2); // the store and its lock
    const auto engine = open(scene.file);
    const auto after = engine->load();
    REQUIRE(after);
    CHECK(after->data_set.id == before.data_set.id);
    CHECK(after->fingerprint_key == before.fingerprint_key);
    CHECK(after->head.term == second.head.term);
    CHECK(after->head.position == 7);
    CHECK(after->head.chain == second.head.chain);
    REQUIRE(after->streams.size() == 2);
    CHECK(after->streams[1].name == storage::StreamName{"pool", 2});
    CHECK(after->streams[1].pool == "pool");
    CHECK(after->streams[1].epoch == 1);
    CHECK(after->streams[1].durable_sequence == 3);
    REQUIRE(after->channels.size() == 2);
    CHECK(after->channels[1].channel_id == "1.1.2");
    REQUIRE(after->derived.size() == 2);
    CHECK(after->derived[0].value == Bytes{4, 5});
    CHECK(after->derived[1].value.empty());
    const auto entries = all(*engine);
    REQUIRE(entries.size() == 7);
    for (std::size_t i = 0; i < 6; ++i) check_same(entries[i], first.entries[i]);
    check_same(entries[6], second.entries[0]);
    check_whole(*engine);
}

TEST_CASE("records of every kind, with the extremes of every field, are read as the bytes that were sent") {
    Scene scene;
    const std::string long_text(255, 'x');
    const std::string utf8 = "\xc3\xa4\xe2\x82\xbf\xf0\x9f\x94\xa8 'quoted' \"twice\"";
    const Bytes tlvs{0x01, 0x00, 0x01, 0x02, 0x00, 0xaa, 0xbb, 0xff}; // the last byte is no whole TLV
    protocol::U256 greatest;
    greatest.bytes.fill(0xff);
    auto engine = open(scene.file);
    Log log{*engine};

    for (const double difficulty : {0.0, std::numeric_limits<double>::denorm_min(), 0.1, 1.0, 9007199254740993.0,
                                    std::numeric_limits<double>::max()}) {
        protocol::Share s = share(1);
        s.difficulty = std::bit_cast<std::uint64_t>(difficulty);
        log.add(1, s);
    }
    for (const std::uint64_t number : {std::uint64_t{0}, std::uint64_t{1} << 63U, end_of_numbers}) {
        protocol::Share s = share(2);
        s.share_work = number;
        s.sequence_number = static_cast<std::uint32_t>(number);
        s.timestamp = std::min(number, protocol::last_timestamp);
        s.share_hash = number == 0 ? protocol::U256{} : greatest;
        s.target = number == 0 ? hash(5) : greatest;
        log.add(1, s, tlvs);
        log.add(1,
                protocol::BatchAcknowledgment{.channel_id = {utf8},
                                              .last_sequence_number = static_cast<std::uint32_t>(number),
                                              .new_submits_accepted_count = static_cast<std::uint32_t>(~number),
                                              .new_shares_sum = number,
                                              .timestamp = s.timestamp,
                                              .label = {utf8}},
                tlvs);
        log.add(1,
                protocol::Block{.channel_id = {long_text},
                                .share_hash = s.share_hash,
                                .template_id = number,
                                .coinbase = {Bytes(number == 0 ? 0 : 0xffff, 0xcb)},
                                .difficulty = s.difficulty,
                                .timestamp = s.timestamp,
                                .label = {long_text}},
                tlvs);
    }
    log.add(1, block("c"));
    {
        protocol::Share s = share(3, long_text);
        s.user_identity = {utf8};
        s.label = {long_text};
        s.outcome = static_cast<std::uint8_t>(Outcome::valid_with_acknowledgment);
        s.outcome_data = {protocol::encode(protocol::AcknowledgmentOutcome{1, 2, end_of_numbers}).value()};
        log.add(1, s);
        s.outcome = static_cast<std::uint8_t>(Outcome::block_found);
        s.outcome_data = {protocol::encode(protocol::BlockFoundOutcome{end_of_numbers, {Bytes(60000, 7)}}).value()};
        log.add(1, s);
        s.accepted = 0;
        s.outcome = static_cast<std::uint8_t>(Outcome::failed);
        s.outcome_data = {protocol::encode(protocol::FailedOutcome{{"stale-share"}}).value()};
        log.add(1, s);
        s.outcome = static_cast<std::uint8_t>(Outcome::none);
        s.outcome_data = {};
        log.add(1, s);
        s.accepted = 1;
        s.target = hash(0);
        s.share_hash = greatest;
        log.add(1, s); // above its target
    }
    for (const std::uint64_t number : {std::uint64_t{0}, std::uint64_t{1} << 63U, end_of_numbers}) {
        const auto small = static_cast<std::uint32_t>(number);
        const std::uint64_t timestamp = std::min(number, protocol::last_timestamp);
        const protocol::U256 some_hash = number == 0 ? protocol::U256{} : greatest;
        const Bytes token(number == 0 ? 0 : 255, 0xee);
        const protocol::RejectCount reject{.error_code = {long_text}, .count = number};
        log.add(1,
                protocol::ShareAccounting{
                    .channel_id = {utf8},
                    .last_share_sequence_number = small,
                    .shares_accepted = number,
                    .share_work_sum = number,
                    .best_difficulty = std::bit_cast<std::uint64_t>(std::numeric_limits<double>::max()),
                    .blocks_found = number,
                    .rejects = {std::vector<protocol::B0_64K>(number & 1U, {protocol::encode(reject).value()})},
                    .timestamp = timestamp,
                    .label = {utf8}},
                tlvs);
        log.add(1, protocol::BlockStatus{.share_hash = some_hash, .status = 3, .timestamp = timestamp, .label = {utf8}},
                tlvs);
        log.add(1,
                protocol::DeclaredJob{.mining_job_token = {token},
                                      .new_mining_job_token = {token},
                                      .user_identity = {utf8},
                                      .accepted = static_cast<std::uint8_t>(number == 0 ? 0 : 1),
                                      .error_code = {number == 0 ? long_text : ""},
                                      .version = small,
                                      .coinbase_tx_prefix = {Bytes(number == 0 ? 0 : 0xffff, 1)},
                                      .coinbase_tx_suffix = {Bytes(number == 0 ? 0 : 0xffff, 2)},
                                      .wtxid_list = {std::vector<protocol::U256>(number & 0xfffU, greatest)},
                                      .excess_data = {Bytes(number == 0 ? 0 : 0xffff, 3)},
                                      .timestamp = timestamp,
                                      .label = {long_text}},
                tlvs);
        log.add(1,
                protocol::Solution{.mining_job_token = {token},
                                   .share_hash = some_hash,
                                   .extranonce = {Bytes(number == 0 ? 0 : 32, 4)},
                                   .prev_hash = some_hash,
                                   .nonce = small,
                                   .ntime = small,
                                   .nbits = small,
                                   .version = small,
                                   .timestamp = timestamp,
                                   .label = {utf8}},
                tlvs);
        log.add(1, protocol::AccountingDeleted{.channel_id = {utf8}, .timestamp = timestamp, .label = {long_text}},
                tlvs);
    }
    log.add(1, Bytes{}).add(1, Bytes{200}).add(1, Bytes(100'000, 1));

    Transaction transaction = log.take();
    transaction.entries[0].verdict = Verdict::duplicate_share;
    transaction.entries[0].fingerprint.reset();
    transaction.entries[0].checksum = storage::checksum_of(transaction.entries[0]);
    std::set<Verdict> verdicts;
    for (const LogEntry& entry : transaction.entries) verdicts.insert(entry.verdict);
    CHECK(verdicts.size() == 5);
    REQUIRE(engine->write(transaction));
    REQUIRE(engine->close());
    engine = open(scene.file);
    const auto entries = all(*engine);
    REQUIRE(entries.size() == transaction.entries.size());
    for (std::size_t i = 0; i < entries.size(); ++i) {
        check_same(entries[i], transaction.entries[i]);
        CHECK(storage::check(entries[i]));
    }
    std::set<std::size_t> kinds_read;
    for (const LogEntry& entry : entries)
        if (entry.content) kinds_read.insert(entry.content->record.index());
    CHECK(kinds_read.size() == kinds);
    CHECK(Prompt{scene.file}.run("SELECT count(*) FROM shares") == "14\n"); // whatever their verdict
    CHECK(Prompt{scene.file}.run("SELECT count(*) FROM refused_records") == "3\n");
    CHECK(Prompt{scene.file}.run("PRAGMA integrity_check") == "ok\n");
}

TEST_CASE("entries are read by position and by their stream's numbers") {
    Scene scene;
    const auto engine = open(scene.file);
    Log log{*engine};
    REQUIRE(engine->write(log.add_shares(1, 3).add_shares(2, 2).add(1, Bytes{9}).add_shares(2, 1).take()));
    REQUIRE(engine->write(log.add_shares(2, 1).add(1, block("c")).take()));
    CHECK(positions(engine->read(2, 5, 100)) == Positions{2, 3, 4, 5});
    CHECK(positions(engine->read(5, end_of_numbers, 3)) == Positions{5, 6, 7});
    CHECK(positions(engine->read(1, 9, 0)).empty());
    CHECK(positions(engine->read(10, 20, 5)).empty());
    CHECK(positions(engine->read(0, 1, 5)) == Positions{1});
    CHECK(positions(engine->read_stream(1, 1, 5)) == Positions{1, 2, 3, 6, 9});
    CHECK(positions(engine->read_stream(1, 2, 2)) == Positions{2});
    CHECK(positions(engine->read_stream(1, 3, 4)) == Positions{3, 6});
    CHECK(positions(engine->read_stream(2, 2, end_of_numbers)) == Positions{5, 7, 8});
    CHECK(positions(engine->read_stream(2, 4, 9)) == Positions{8});
    CHECK(positions(engine->read_stream(1, 6, 9)).empty());
    CHECK(positions(engine->read_stream(3, 1, 9)).empty());
}

TEST_CASE("shares of a channel are read newest first, within a range, below a place, up to a cut, so many") {
    Scene scene;
    const auto engine = open(scene.file);
    Log log{*engine};
    // Times noon + 10, 20, 20, 30, 20; one of another channel and a block of this among them.
    for (const std::uint64_t time : {10, 20, 20}) log.add(1, share(time));
    log.add(1, share(25, "2.2.2")).add(1, block("1.1.1", noon + 40));
    for (const std::uint64_t time : {30, 20}) log.add(1, share(time));
    REQUIRE(engine->write(log.take()));
    const auto scan = [&](storage::RecordScan scan) { return positions(engine->scan(scan)); };
    const storage::RecordScan whole = whole_channel(1);
    CHECK(scan(whole) == Positions{6, 7, 3, 2, 1});

    storage::RecordScan some = whole;
    some.first_time = noon + 20;
    some.last_time = noon + 20;
    CHECK(scan(some) == Positions{7, 3, 2});
    some.last_time = noon + 19;
    CHECK(scan(some).empty());

    some = whole;
    some.cut = 6;
    CHECK(scan(some) == Positions{6, 3, 2, 1});
    some.limit = 2;
    CHECK(scan(some) == Positions{6, 3});
    some.limit = 0;
    CHECK(scan(some).empty());

    some = whole;
    some.before = std::pair{noon + 20, Position{7}};
    CHECK(scan(some) == Positions{3, 2, 1});
    some.before = std::pair{noon + 20, Position{2}};
    CHECK(scan(some) == Positions{1});
    some.before = std::pair{noon + 10, Position{1}};
    CHECK(scan(some).empty());
    some.before = std::pair{noon + 30, Position{100}};
    some.last_time = noon + 20; // both bounds hold
    CHECK(scan(some) == Positions{7, 3, 2, 1});

    some = whole;
    some.channel = 2;
    CHECK(scan(some) == Positions{4});
    some.channel = 3;
    CHECK(scan(some).empty());
}

TEST_CASE("records of every kind are read newest first, those of no channel from their pool's own") {
    Scene scene;
    const auto engine = open(scene.file);
    Log log{*engine};
    for (const std::uint64_t time : {10, 30, 20})
        for (const Bytes& record : one_of_each_kind("a", noon + time)) log.add(1, record);
    REQUIRE(engine->write(log.take()));
    const auto contents = engine->load();
    REQUIRE(contents);
    REQUIRE(contents->channels.size() == 2);
    CHECK(contents->channels[0].channel_id == "a");
    CHECK(contents->channels[1].channel_id.empty());
    for (std::size_t i = 0; i < kinds; ++i) {
        CAPTURE(i);
        const auto kind = static_cast<RecordKind>(i + 1);
        const bool is_of_pool =
            kind == RecordKind::block_status || kind == RecordKind::declared_job || kind == RecordKind::solution;
        storage::RecordScan some = whole_channel(is_of_pool ? 2 : 1, kind);
        CHECK(positions(engine->scan(some)) == Positions{i + kinds + 1, i + 2 * kinds + 1, i + 1});
        some.last_time = noon + 20;
        CHECK(positions(engine->scan(some)) == Positions{i + 2 * kinds + 1, i + 1});
        some.channel = is_of_pool ? 1 : 2;
        CHECK(positions(engine->scan(some)).empty());
    }
    CHECK(positions(engine->scan(whole_channel(1, RecordKind::lost))).empty());
}

TEST_CASE("whether a channel has entries is asked of all its kinds") {
    Scene scene;
    const auto engine = open(scene.file);
    Log log{*engine};
    std::uint64_t time = noon;
    for (const Bytes& record : one_of_each_kind("a", 0)) { // each in a channel, and at a time, of its own
        log.add(1, record);
        Transaction transaction = log.take();
        transaction.entries[0].channel = static_cast<std::uint32_t>(++time - noon);
        transaction.entries[0].time = time;
        REQUIRE(engine->write(transaction));
    }
    REQUIRE(engine->write(log.add(1, Bytes{9}).take()));
    const auto has = [&](std::uint64_t channel, std::uint64_t first, std::uint64_t last, Position cut) {
        return engine->has_entries(static_cast<std::uint32_t>(channel), first, last, cut).value();
    };
    for (std::uint64_t i = 1; i <= kinds; ++i) {
        CAPTURE(i);
        CHECK(has(i, 0, end_of_numbers, end_of_numbers));
        CHECK(has(i, noon + i, noon + i, i));
        CHECK_FALSE(has(i, noon + i, noon + i, i - 1));
        CHECK_FALSE(has(i, noon + i + 1, end_of_numbers, end_of_numbers));
        CHECK_FALSE(has(i, 0, noon + i - 1, end_of_numbers));
    }
    CHECK_FALSE(has(0, 0, end_of_numbers, end_of_numbers)); // what is no record has no channel
    CHECK_FALSE(has(kinds + 1, 0, end_of_numbers, end_of_numbers));
}

TEST_CASE("a fingerprint leads to all positions written with it, up to a cut") {
    Scene scene;
    const auto engine = open(scene.file);
    Log log{*engine};
    Transaction transaction = log.add_shares(1, 4).take();
    for (const std::size_t i : {0, 2, 3}) transaction.entries[i].fingerprint = end_of_numbers;
    transaction.entries[1].fingerprint.reset();
    REQUIRE(engine->write(transaction));
    CHECK(engine->find(end_of_numbers, end_of_numbers).value() == Positions{1, 3, 4});
    CHECK(engine->find(end_of_numbers, 3).value() == Positions{1, 3});
    CHECK(engine->find(0, end_of_numbers).value().empty());
}

TEST_CASE("no question reads a whole table of records") {
    // What is run, as SQLite tells it: a copy of the statements here could differ.
    static std::set<std::string> statements;
    statements.clear();
    static const auto trace = [](unsigned, void*, void* statement, void*) {
        statements.insert(sqlite3_sql(static_cast<sqlite3_stmt*>(statement)));
        return 0;
    };
    constexpr auto watch = [](sqlite3* handle, char**, const void*) {
        return sqlite3_trace_v2(handle, SQLITE_TRACE_STMT, trace, nullptr);
    };
    auto* const entry = reinterpret_cast<void (*)()>(+static_cast<int (*)(sqlite3*, char**, const void*)>(watch));
    sqlite3_auto_extension(entry);
    Scene scene;
    const auto engine = open(scene.file);
    Log log{*engine};
    const Transaction written = log.add_shares(1, 4).close_run().take();
    REQUIRE(engine->write(written));
    statements.clear();
    CHECK(engine->read(1, 4, 4));
    CHECK(engine->read_stream(1, 1, 4));
    for (std::size_t i = 1; i <= kinds; ++i) CHECK(engine->scan(whole_channel(1, static_cast<RecordKind>(i))));
    CHECK(engine->hours({}));
    CHECK(engine->has_entries(1, 0, end_of_numbers, 4));
    CHECK(engine->find(0, 4));
    const std::size_t questions = statements.size();
    // What is done between commits must be short, too.
    Transaction removal = log.take_out(written.entries).take();
    removal.replaced_run = 4;
    REQUIRE(engine->write(removal));
    sqlite3_cancel_auto_extension(entry);

    Prompt prompt{scene.file};
    std::size_t scans = 0;
    std::size_t removals = 0;
    for (const std::string& statement : statements) {
        const bool is_scan = statement.find("DESC") != std::string::npos;
        const bool is_removal = statement.starts_with("DELETE");
        scans += is_scan ? 1 : 0;
        removals += is_removal ? 1 : 0;
        if (!statement.starts_with("SELECT") && !is_removal) continue;
        const std::string plan = prompt.run("EXPLAIN QUERY PLAN " + statement);
        CAPTURE(statement);
        CAPTURE(plan);
        for (std::size_t at = plan.find("SCAN"); at != std::string::npos; at = plan.find("SCAN", at + 1))
            CHECK(plan.substr(at).starts_with("SCAN CONSTANT ROW"));
        CHECK(plan.find("TEMP B-TREE") == std::string::npos);
        if (is_scan) CHECK(plan.find("_by_time (channel=? AND <expr>>? AND <expr><?)") != std::string::npos);
    }
    CHECK(questions == 2 * kinds + 7);
    CHECK(scans == kinds);
    CHECK(removals == 6);
}

TEST_CASE("a row that is damaged is told, not served") {
    Scene scene;
    const auto engine = open(scene.file);
    Log log{*engine};
    REQUIRE(engine->write(log.add_shares(1, 3).take()));
    Prompt prompt{scene.file};
    prompt.run("UPDATE shares SET share_hash = x'00ff' WHERE position = 2");
    CHECK(positions(engine->read(1, 1, 1)).size() == 1);
    CHECK(kind(engine->read(1, 3, 3)) == Kind::corrupt);
    prompt.run("DELETE FROM head");
    CHECK(kind(engine->load()) == Kind::corrupt);
    prompt.run("DROP TABLE fingerprints");
    CHECK(kind(engine->find(1, 3)) == Kind::corrupt);
}
