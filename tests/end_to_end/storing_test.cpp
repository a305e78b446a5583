// What a client can rely on: acknowledged is stored, once, across reconnects, stops and kills; and answers are what was
// stored.

#include "tests/end_to_end/scene.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <stop_token>
#include <thread>

using namespace end_to_end;
using namespace protocol;

namespace fs = std::filesystem;

namespace {

const Settings on_disk{.backend = "sqlite"};

// Of the one channel of `shares()`: these numbers, each once, byte for byte.
void check_stored(Client& client, std::uint64_t count) {
    auto stored = client.stored_shares();
    std::ranges::reverse(stored); // oldest first
    const auto sent = shares(1, count);
    CHECK(stored.size() == count);
    CHECK(std::ranges::equal(stored, sent, {}, &StoredRecord::record));
    CHECK(client.totals().shares_accepted == count);
}

Authenticate remembering(const AuthenticateSuccess& granted, std::uint64_t last_acknowledged) {
    auto claim = support::claim(1);
    claim.dataset_id = granted.dataset_id;
    claim.generation = granted.generation;
    claim.last_acknowledged = last_acknowledged;
    return claim;
}

void send_in_small_messages(Client& client, std::uint64_t first, std::uint64_t last) {
    for (std::uint64_t number = first; number <= last; number += 10)
        client.send(shares(number, std::min(number + 9, last)));
}

Totals totals_in(const B0_255& bytes) {
    return decode<Totals>(bytes.bytes).value();
}

} // namespace

TEST_CASE("what is sent again after a reconnect gets the same verdicts, and counts once") {
    for (const auto& backend : backends) {
        CAPTURE(backend);
        Scene scene{{.backend = backend}};
        const Records records{bytes_of(share(1)), {{0xee, 1}}, bytes_of(share(1)), bytes_of(share(2))};
        const std::map<std::uint64_t, std::string> verdicts{{2, "unknown-kind"}, {3, "duplicate-share"}};
        Totals first;
        {
            auto client = scene.enter("resends");
            CHECK(client.granted.durable_sequence == 0);
            client.store(records);
            CHECK(client.verdicts() == verdicts);
            first = client.totals();
        }
        auto client = scene.enter("resends");
        CHECK(client.granted.durable_sequence == 4);
        client.go_on_from(1);
        client.store(records);
        CHECK(client.verdicts() == verdicts);
        CHECK(client.totals() == first);
        client.go_on_from(4); // and half of it new
        client.store({bytes_of(share(2)), bytes_of(share(3))});
        CHECK(client.verdicts() == verdicts);
        CHECK(client.totals().shares_accepted == 3);
        scene.check_others_go_on();
    }
}

TEST_CASE("what is sent again after the role was started again gets the same verdicts, and counts once") {
    const auto premises = std::make_shared<Premises>();
    const Records records{bytes_of(share(1)), {{0xee, 1}}, bytes_of(share(1)), bytes_of(share(2))};
    const std::map<std::uint64_t, std::string> verdicts{{2, "unknown-kind"}, {3, "duplicate-share"}};
    AuthenticateSuccess granted;
    {
        Scene scene{on_disk, premises};
        auto client = scene.enter("resends");
        client.store(records);
        granted = client.granted;
    }
    Scene scene{on_disk, premises};
    auto client = scene.enter("resends", remembering(granted, 1)); // it did not hear of all
    CHECK(client.granted.dataset_id == granted.dataset_id);
    CHECK(client.granted.durable_sequence == 4);
    CHECK(client.granted.durability == static_cast<std::uint8_t>(Durability::local));
    client.go_on_from(2);
    client.store({records.begin() + 1, records.end()});
    CHECK(client.verdicts() == verdicts);
    CHECK(client.totals().shares_accepted == 2);
    scene.check_others_go_on();
}

TEST_CASE("streams of one key are independent: each has its own numbers, and a hash counts once in their pool") {
    for (const auto& backend : backends) {
        CAPTURE(backend);
        Scene scene{{.backend = backend}};
        auto one = scene.enter("a-pool", 1);
        auto two = scene.enter("a-pool", 2);
        one.store(shares(1, 3));
        two.store(shares(3, 5));
        CHECK(two.verdicts() == std::map<std::uint64_t, std::string>{{1, "duplicate-share"}});
        CHECK(one.totals().shares_accepted == 5);
        auto other_pool = scene.enter("another-pool");
        other_pool.store(shares(1, 3));
        CHECK(other_pool.verdicts().empty());
        scene.check_others_go_on();
    }
}

TEST_CASE("after SIGKILL under load everything that was acknowledged is there, once, and the client goes on") {
    const auto premises = std::make_shared<Premises>();
    constexpr std::uint64_t load = 20'000;
    std::uint64_t acknowledged = 0;
    for (int round = 0; round < 4; ++round) {
        CAPTURE(round);
        Scene scene{on_disk, premises};
        auto client = scene.enter("killed");
        const std::uint64_t durable = client.granted.durable_sequence;
        CHECK(durable >= acknowledged);
        CHECK(durable <= acknowledged + load);
        check_stored(client, durable);
        {
            client.go_on_from(acknowledged + 1);
            const std::jthread sender{[&] { send_in_small_messages(client, acknowledged + 1, acknowledged + load); }};
            client.wait_until_durable(acknowledged + 1);
            scene.process.signal(SIGKILL);
            client.read_until_closed();
        }
        acknowledged = client.durable();
        CHECK(client.verdicts().empty());
        CHECK(scene.process.wait_for_exit() == -1);
    }
    Scene scene{on_disk, premises};
    auto client = scene.enter("killed");
    client.go_on_from(acknowledged + 1);
    send_in_small_messages(client, acknowledged + 1, acknowledged + load);
    client.wait_until_durable(acknowledged + load);
    CHECK(client.verdicts().empty());
    check_stored(client, acknowledged + load);
    scene.check_others_go_on();
}

TEST_CASE("an ordered stop acknowledges all that was read, says Reconnect, closes, and ends with code 0") {
    for (const auto& backend : backends) {
        CAPTURE(backend);
        const auto premises = std::make_shared<Premises>();
        std::uint64_t acknowledged = 0;
        {
            Scene scene{{.backend = backend}, premises};
            auto client = scene.enter("stopped");
            {
                const std::jthread sender{[&] { send_in_small_messages(client, 1, 20'000); }};
                client.wait_until_durable(1);
                scene.process.signal(SIGTERM);
                CHECK(client.receive<Reconnect>() == Reconnect{}); // behind the last acknowledgment
                CHECK(client.peer.is_closed());
            }
            acknowledged = client.durable();
            CHECK(scene.bystander.receive<Reconnect>() == Reconnect{});
            CHECK(scene.process.wait_for_exit() == 0);
            CHECK(scene.process.output().ends_with("storage_sv2::server: stopped\n"));
        }
        if (backend == "memory") continue;
        Scene scene{{.backend = backend}, premises};
        auto client = scene.enter("stopped");
        CHECK(client.granted.durable_sequence == acknowledged); // nothing was stored that was not acknowledged
        check_stored(client, acknowledged);
    }
}

TEST_CASE("a store that knows less than it has acknowledged is told from a new one: history-lost") {
    const auto premises = std::make_shared<Premises>();
    const fs::path copy = premises->folder.path() / "copy.db";
    AuthenticateSuccess granted;
    {
        Scene scene{on_disk, premises};
        scene.enter("restored").store(shares(1, 5));
    }
    const fs::path database = premises->folder.path() / "stratum_storage.db";
    REQUIRE_FALSE(fs::exists(database.string() + "-wal")); // a clean end leaves one file
    fs::copy_file(database, copy);
    {
        Scene scene{on_disk, premises};
        auto client = scene.enter("restored");
        client.store(shares(6, 10));
        granted = client.granted;
    }
    fs::copy_file(copy, database, fs::copy_options::overwrite_existing);
    fs::remove(premises->watermark()); // the role would not serve it

    Scene scene{on_disk, premises};
    auto peer = scene.connect();
    scene.negotiate(peer);
    peer.send(scene.proof(peer, "restored", remembering(granted, 10)));
    const auto error = peer.receive<Error>();
    CHECK(error.code.text == "history-lost");
    CHECK(peer.is_closed());
    CHECK(scene.logs(peer, "refused in phase authenticate: history-lost"));
    CHECK(scene.process.output().find(" remembers more than the store: ") != std::string::npos);
    CHECK(scene.process.output().find("ERROR storage_sv2::server: 127.0.0.1:" + std::to_string(peer.local_port())) !=
          std::string::npos);
    scene.check_others_go_on();
    CHECK(scene.enter("restored", remembering(granted, 5)).granted.durable_sequence == 5); // it lost nothing
}

TEST_CASE("another data set lets a client in by its own number, which says that it is another") {
    AuthenticateSuccess before;
    for (const auto& backend : backends) {
        CAPTURE(backend);
        const auto premises = std::make_shared<Premises>();
        {
            Scene scene{{.backend = backend}, premises};
            auto client = scene.enter("remembers");
            client.store(shares(1, 3));
            before = client.granted;
            CHECK(before.dataset_id != 0);
        }
        fs::remove(premises->folder.path() / "stratum_storage.db"); // a volatile one is gone by itself
        Scene scene{{.backend = backend}, premises};
        auto client = scene.enter("remembers", remembering(before, 3));
        CHECK(client.granted.dataset_id != 0);
        CHECK(client.granted.dataset_id != before.dataset_id);
        CHECK(client.granted.durable_sequence == 0);
        CHECK(client.totals() == Totals{});
    }
}

TEST_CASE("the development preset takes any key on loopback, and keeps their pools apart") {
    Scene scene;
    auto one = scene.enter("one");
    one.store(shares(1, 2));
    auto two = scene.enter("two");
    CHECK(two.totals().shares_accepted == 0);
    CHECK(two.granted.permissions ==
          (permit_share_write | permit_block_write | permit_job_write | permit_query_own | permit_query_all));
    CHECK(two.granted.durability == static_cast<std::uint8_t>(Durability::is_volatile));
}

TEST_CASE("Ping is answered with its number, behind what was asked before it") {
    Scene scene;
    auto client = scene.enter("pings");
    for (const std::uint64_t nonce : {0ULL, 1ULL, ~0ULL}) {
        client.peer.send(Ping{.nonce = nonce});
        CHECK(client.receive<PingSuccess>().nonce == nonce);
    }
}

TEST_CASE("answers are what was stored") {
    for (const auto& backend : backends) {
        CAPTURE(backend);
        Scene scene{
            {.backend = backend, .clients = {{"a-client", R"("share.write", "block.write", "query.own")", "a-pool"}}}};
        const auto before = milliseconds_now();
        auto client = scene.enter("a-client", 0x5eed);
        auto with_block = share(5);
        with_block.outcome = static_cast<std::uint8_t>(Outcome::block_found);
        with_block.outcome_data.bytes = encode(BlockFoundOutcome{.template_id = 7, .coinbase = {{1, 2}}}).value();
        BatchAcknowledgment batch;
        batch.channel_id.text = "3.3.3.3";
        const Records records{bytes_of(share(1)),   bytes_of(share(2)),   bytes_of(rejected(3)),
                              bytes_of(share(1)),   bytes_of(with_block), bytes_of(share(6, "2.2.2.2")),
                              bytes_of(block(700)), bytes_of(batch)};
        client.store(records);
        const auto after = milliseconds_now();

        // GetRecords: newest first; of the same time (the duplicate) the later one first.
        auto request = all_of(RecordKind::share, "1.1.1.1");
        request.limit = 2;
        const auto stored = client.stored_records(request);
        const std::vector<std::uint64_t> order{5, 3, 2, 4, 1};
        REQUIRE(stored.size() == order.size());
        for (std::size_t i = 0; i < order.size(); ++i) {
            CAPTURE(i);
            CHECK(stored[i].sequence == order[i]);
            CHECK(stored[i].position > 0);
            CHECK(stored[i].record == records[order[i] - 1]);
            CHECK(stored[i].identity.text == "a-client");
            CHECK(stored[i].stream_id == 0x5eed);
            CHECK(stored[i].verdict.text == (order[i] == 4 ? "duplicate-share" : ""));
            CHECK(stored[i].received_at >= before);
            CHECK(stored[i].received_at <= after);
        }
        CHECK(client.ask<GetRecordsSuccess>(request).records.items.size() ==
              2); // a page is not more than was asked for
        request.start = share(2).timestamp;
        request.end = share(3).timestamp;
        CHECK(client.stored_records(request).size() == 2); // both ends belong to it
        request.channel_id.text = "9.9.9.9";
        CHECK(client.stored_records(request).empty());

        IsShareSeen seen;
        seen.share_hashes.items = {hash(1), hash(3), hash(4), hash(6)};
        CHECK(client.ask<IsShareSeenSuccess>(seen).seen.items == std::vector{true, false, false, true});
        seen.channel_id.text = "1.1.1.1";
        CHECK(client.ask<IsShareSeenSuccess>(seen).seen.items == std::vector{true, false, false, false});

        Totals expected;
        expected.shares_accepted = 3;
        expected.shares_rejected = 1;
        expected.shares_duplicate = 1;
        expected.share_work_sum_low = 30;
        expected.blocks_found = 2;
        expected.best_difficulty = share(1).difficulty;
        expected.last_sequence_number = 5;
        expected.first_share_timestamp = share(1).timestamp;
        expected.last_share_timestamp = share(5).timestamp;
        GetAccounting accounting;
        accounting.channel_id.text = "1.1.1.1";
        CHECK(totals_in(client.ask<GetAccountingSuccess>(accounting).derived) == expected);
        accounting.channel_id.text = "9.9.9.9";
        CHECK(client.ask<GetAccountingSuccess>(accounting).derived.bytes.empty());

        GetChannelStats stats;
        stats.channel_id.text = "1.1.1.1";
        CHECK(totals_in(client.ask<GetChannelStatsSuccess>(stats).totals) == expected);
        stats.start = stats.end = share(2).timestamp;
        CHECK(totals_in(client.ask<GetChannelStatsSuccess>(stats).totals).share_work_sum_low == 10);
        stats.channel_id.text = "9.9.9.9";
        CHECK(totals_in(client.ask<GetChannelStatsSuccess>(stats).totals) == Totals{});

        CHECK(client.ask<ListChannelsSuccess>(ListChannels{}).channels.items ==
              std::vector<Str0_255>{{"1.1.1.1"}, {"2.2.2.2"}, {"3.3.3.3"}});

        const auto totals = client.ask<GetTotalsSuccess>(GetTotals{});
        CHECK(totals.channels == 3);
        CHECK(totals.position == stored.front().position + 3); // of the last record
        CHECK(totals_in(totals.totals).shares_accepted == 4);
        CHECK(totals_in(totals.totals).share_work_sum_low == 40);
        CHECK(totals_in(totals.totals).blocks_found == 2);

        const auto streams = client.ask<ListStreamsSuccess>(ListStreams{}).streams.items;
        REQUIRE(streams.size() == 1);
        CHECK(decode<StreamState>(streams.front().bytes).value() ==
              StreamState{.identity = {"a-client"}, .stream_id = 0x5eed, .epoch = 1, .durable_sequence = 8});

        const auto health = client.ask<GetHealthSuccess>(GetHealth{});
        CHECK(health.is_healthy);
        CHECK(health.backend_type.text == backend);
        CHECK(health.connection_status.text == "connected");
        CHECK(health.durability == client.granted.durability);
        CHECK(health.last_operation_timestamp.value_or(0) >= before);
        CHECK(health.error_message.text.empty());
        scene.check_others_go_on();
    }
}

TEST_CASE("every kind of record is stored as it came, and told from the others") {
    for (const auto& backend : backends) {
        CAPTURE(backend);
        Scene scene{{.backend = backend}};
        auto client = scene.enter("every-kind");
        const std::string channel_id = "1.1.1.1";
        const auto now = milliseconds_now();
        const auto status = [&](BlockState state, std::uint64_t timestamp) {
            return bytes_of(BlockStatus{.share_hash = hash(700),
                                        .status = static_cast<std::uint8_t>(state),
                                        .timestamp = timestamp,
                                        .label = {}});
        };
        auto mined = share(1);
        mined.user_identity.text = "alice";
        auto other = share(2);
        other.user_identity.text = "bob";
        ShareAccounting report;
        report.channel_id.text = channel_id;
        report.shares_accepted = 2;
        report.share_work_sum = 20;
        report.best_difficulty = share(1).difficulty;
        report.last_share_sequence_number = 2;
        report.blocks_found = 1;
        report.timestamp = now;
        auto wrong = report;
        wrong.shares_accepted = 3;
        BatchAcknowledgment batch;
        batch.channel_id.text = channel_id;
        DeclaredJob job;
        job.mining_job_token.bytes = {1};
        job.new_mining_job_token.bytes = {2};
        job.accepted = 1;
        job.wtxid_list.items.resize(1000);
        Solution solution;
        solution.mining_job_token.bytes = {2};
        AccountingDeleted deleted;
        deleted.channel_id.text = channel_id;
        client.store({bytes_of(mined), status(BlockState::submitted, now - 2), bytes_of(other), bytes_of(block(700)),
                      bytes_of(report), status(BlockState::confirmed, now - 1), bytes_of(batch), bytes_of(job),
                      bytes_of(solution)});
        CHECK(client.verdicts().empty());
        for (const auto& [kind, count] :
             std::vector<std::pair<RecordKind, std::size_t>>{{RecordKind::share, 2},
                                                             {RecordKind::share_accounting, 1},
                                                             {RecordKind::block, 1},
                                                             {RecordKind::batch_acknowledgment, 1},
                                                             {RecordKind::accounting_deleted, 0}})
            CHECK(client.stored_records(all_of(kind, channel_id)).size() == count);
        const auto jobs = client.stored_records(all_of(RecordKind::declared_job));
        REQUIRE(jobs.size() == 1);
        CHECK(jobs.front().record == bytes_of(job));
        CHECK(client.stored_records(all_of(RecordKind::solution)).size() == 1);
        CHECK(client.stored_records(all_of(RecordKind::block_status)).size() == 2);

        const auto blocks = client.ask<GetBlocksSuccess>(GetBlocks{});
        REQUIRE(blocks.blocks.items.size() == 1);
        const auto found = decode<FoundBlock>(blocks.blocks.items.front().bytes).value();
        CHECK(found.status == static_cast<std::uint8_t>(BlockState::confirmed));
        CHECK(found.status_timestamp == now - 1);
        CHECK(decode<StoredRecord>(found.record.bytes).value().sequence == 4);

        CHECK(client.ask<ListChannelsSuccess>(ListChannels{}).channels.items == std::vector<Str0_255>{{channel_id}});
        CHECK(client.ask<ListUsersSuccess>(ListUsers{}).users.items == std::vector<Str0_255>{{"alice"}, {"bob"}});
        GetHours hours;
        hours.subject = static_cast<std::uint8_t>(Subject::user);
        hours.subject_id.text = "alice";
        const auto of_alice = client.ask<GetHoursSuccess>(hours).hours.items;
        REQUIRE(of_alice.size() == 1);
        const auto hour = decode<HourTotals>(of_alice.front().bytes).value();
        CHECK(hour.start == share(1).timestamp / 3'600'000 * 3'600'000);
        CHECK(totals_in(hour.totals).shares_accepted == 1);

        GetAccounting accounting;
        accounting.channel_id.text = channel_id;
        const auto reported = [&] {
            const auto answer = client.ask<GetAccountingSuccess>(accounting);
            return std::pair{answer.reported.bytes, answer.derived_before.bytes};
        };
        const auto [first, before] = reported();
        CHECK(decode<StoredRecord>(first).value().record == bytes_of(report));
        CHECK(decode<Totals>(before).value().shares_accepted == 2);
        CHECK(client.ask<ListDriftSuccess>(ListDrift{}).channels.items.empty());
        client.store({bytes_of(wrong)});
        const auto drift = client.ask<ListDriftSuccess>(ListDrift{}).channels.items;
        REQUIRE(drift.size() == 1);
        CHECK(decode<ChannelDrift>(drift.front().bytes).value().channel_id.text == channel_id);
        client.store({bytes_of(deleted)});
        CHECK(client.ask<ListDriftSuccess>(ListDrift{}).channels.items.empty());
        CHECK(reported().first.empty());
        CHECK(reported().second.empty());
        client.store({bytes_of(report)});
        CHECK_FALSE(reported().first.empty());
        scene.check_others_go_on();
    }
}

TEST_CASE("pages are cut at 64 KiB, and neither skip nor repeat while more is stored") {
    for (const auto& backend : backends) {
        CAPTURE(backend);
        Scene scene{{.backend = backend}};
        auto client = scene.enter("pages");
        constexpr std::uint64_t count = 2000;
        client.store(shares(1, count));
        auto request = all_of(RecordKind::share, "1.1.1.1");
        std::vector<std::uint64_t> sequences;
        std::uint64_t pages = 0;
        do {
            const auto page = client.ask<GetRecordsSuccess>(request);
            CHECK(encode(page).value().size() <= 64 * 1024);
            for (const auto& share : page.records.items)
                sequences.push_back(decode<StoredRecord>(share.bytes).value().sequence);
            request.cursor = page.next_cursor;
            ++pages;
            client.store(shares(count + pages, count + pages));
        } while (!request.cursor.bytes.empty());
        CHECK(pages > 2);
        REQUIRE(sequences.size() == count);
        for (std::uint64_t i = 0; i < count; ++i) REQUIRE(sequences[i] == count - i);
    }
}

namespace {

// What the shell prints, which must find nothing wrong.
std::string output_of(const fs::path& folder, const std::string& command) {
    FILE* const pipe = ::popen(("cd '" + folder.string() + "' && " + command + " 2>&1").c_str(), "r");
    REQUIRE(pipe != nullptr);
    std::string output;
    std::array<char, 4096> some{};
    while (const auto size = std::fread(some.data(), 1, some.size(), pipe)) output.append(some.data(), size);
    CHECK(::pclose(pipe) == 0);
    return output;
}

std::size_t lines_of(const std::string& text) {
    return static_cast<std::size_t>(std::ranges::count(text, '\n'));
}

} // namespace

TEST_CASE("the four commands that the reference prints answer while a client stores, and disturb nobody") {
    Scene scene{on_disk};
    std::atomic<std::uint64_t> rounds = 0; // acknowledged: in each a share, a block and a batch acknowledgment
    std::jthread pool{[&](const std::stop_token& end) {
        auto client = scene.enter("stores");
        while (!end.stop_requested()) {
            const std::uint64_t number = rounds + 1;
            BatchAcknowledgment batch;
            batch.channel_id.text = "1.1.1.1";
            batch.timestamp = milliseconds_now();
            client.store({bytes_of(share(number)), bytes_of(block(1'000'000 + number)), bytes_of(batch)});
            rounds = number;
        }
        CHECK(client.verdicts().empty());
        CHECK(client.totals().shares_accepted == rounds);
    }};
    // As many as were acknowledged before, and at most the round that is under way more than after.
    const auto check_rows = [&](const std::string& command, auto count) {
        const std::uint64_t before = rounds;
        const std::size_t found = count(output_of(scene.folder.path(), command));
        CHECK(found >= before);
        CHECK(found <= rounds + 1);
    };
    for (std::uint64_t seen = 0, turn = 0; turn < 5; ++turn) {
        while (rounds == seen) std::this_thread::yield(); // the client goes on between the turns
        const std::string schema = output_of(scene.folder.path(), R"(sqlite3 stratum_storage.db ".schema")");
        for (const char* const view : {"share_records", "share_accounting", "block_records", "batch_acknowledgments"})
            CHECK(schema.find(std::string{"CREATE VIEW "}.append(view).append(" (")) != std::string::npos);
        check_rows(R"(sqlite3 stratum_storage.db "SELECT channel_id, COUNT(*) FROM share_records GROUP BY channel_id")",
                   [](const std::string& output) {
                       CHECK(output.starts_with("1.1.1.1|"));
                       return std::stoul(output.substr(output.find('|') + 1));
                   });
        check_rows(R"(sqlite3 stratum_storage.db "SELECT * FROM block_records")", lines_of);
        check_rows(R"(sqlite3 stratum_storage.db "SELECT * FROM batch_acknowledgments ORDER BY timestamp DESC")",
                   lines_of);
        seen = rounds;
    }
    pool.request_stop();
    pool.join();
    scene.check_others_go_on();
}
