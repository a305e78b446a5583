// The server over a real store that the test holds in its hand: what may leave before a commit, who shares one, what
// happens when the store stalls; and limits that would take minutes to reach in the running role.

#include "src/server.hpp"

#include "clients/cpp/randomness.hpp"
#include "noise/initiator.hpp"
#include "noise/key_text.hpp"
#include "protocol/records.hpp"
#include "src/logging.hpp"
#include "storage/faulty_store.hpp"
#include "storage/open.hpp"
#include "tests/src/faults.hpp"
#include "tests/support/peer.hpp"
#include "tests/support/temporary_folder.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/packaged_task.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <doctest/doctest.h>
#include <spdlog/sinks/ostream_sink.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace asio = boost::asio;
using namespace protocol;
using namespace std::chrono_literals;
using role_scene::Faults;

namespace {

// A server on a thread of its own, with a log to read once it has stopped.
struct RunningServer {
    noise::Curve curve = client::make_curve();
    noise::SigningKey authority_key = noise::SigningKey::create(curve, client::random_secret()).value();
    noise::XOnlyKey authority = authority_key.public_key();
    noise::SigningKey client_key = noise::SigningKey::create(curve, client::random_secret()).value();
    std::ostringstream log;
    role::Logging logging{{std::make_shared<spdlog::sinks::ostream_sink_mt>(log)}, spdlog::level::debug};
    Faults faults;
    storage::FaultyStore store{storage::open({.backend = "memory"}).value(), faults.hook()};
    role::ClientTable clients = role::ClientTable::open_to_all();
    role::TrustedClock clock{role::read_clocks()};
    asio::io_context io{1};
    asio::thread_pool handshakes{1};
    role::CommitQueue queue;
    role::Server server;
    std::uint16_t port;
    std::thread thread;

    // `patience`: how long the store may take for a call.
    explicit RunningServer(const role::ServerLimits& limits = {}, std::chrono::milliseconds patience = 60s)
        : queue{store, {.patience = patience, .pause = 10ms}, logging.part("store")},
          server{io,      handshakes.get_executor(),
                 curve,   {curve, std::move(authority_key), 1h},
                 clients, store,
                 queue,   clock,
                 limits,  logging.part("server")},
          port{server.listen({asio::ip::address_v4::loopback(), 0}).port()} {
        asio::co_spawn(io, server.run(), asio::detached);
        thread = std::thread{[this] { io.run(); }};
    }
    RunningServer(const RunningServer&) = delete;
    RunningServer& operator=(const RunningServer&) = delete;
    ~RunningServer() { stop(); }

    void begin_to_stop() {
        asio::post(io, [this] { server.stop(); });
    }
    // On its thread, and done when this returns.
    void make(std::function<void()> change) { asio::post(io, std::packaged_task<void()>{std::move(change)}).get(); }
    std::string stop() {
        if (thread.joinable()) {
            begin_to_stop();
            thread.join();
            queue.stop();
        }
        return log.str();
    }

    // As a client that wants to write sends it.
    Authenticate proof(const support::Peer& peer, std::uint64_t stream_id) const {
        Authenticate message{};
        message.min_version = message.max_version = 1;
        message.roles = role_write;
        message.stream_id = stream_id;
        return support::proof(peer, curve, authority, client_key, message);
    }

    AuthenticateSuccess let_in(support::Peer& peer, std::uint64_t stream_id) const {
        return support::authenticate(peer, curve, authority, client_key, stream_id);
    }
};

// Keeps the one thread of an executor busy until the end, or until it is let go.
class Held {
  public:
    explicit Held(const asio::any_io_executor& executor) {
        std::promise<void> begun;
        has_begun_ = begun.get_future();
        asio::post(executor, [begun = std::move(begun), until = gate_.get_future()]() mutable {
            begun.set_value();
            until.wait();
        });
    }
    Held(const Held&) = delete;
    Held& operator=(const Held&) = delete;
    ~Held() { let_go(); }

    void wait_until_held() { has_begun_.wait(); }
    void let_go() {
        if (std::exchange(is_held_, false)) gate_.set_value();
    }

  private:
    std::promise<void> gate_;
    std::future<void> has_begun_;
    bool is_held_ = true;
};

StoreRecords shares(std::uint64_t first, std::size_t count, std::uint8_t client) {
    StoreRecords message{.first_sequence = first, .records = {}};
    for (std::size_t i = 0; i < count; ++i) {
        Share share;
        share.channel_id = {"channel"};
        share.share_hash.bytes[0] = client;
        share.share_hash.bytes[1] = static_cast<std::uint8_t>(first + i);
        share.share_work = 1;
        share.accepted = 1;
        message.records.items.push_back({encode_record(share).value()});
    }
    return message;
}

} // namespace

TEST_CASE("no Store.Success leaves before the commit, and two clients share one") {
    RunningServer server;
    support::Peer first{server.port};
    support::Peer second{server.port};
    server.let_in(first, 1);
    server.let_in(second, 2);

    server.faults.hold();
    first.send(shares(1, 1, 1)); // on its way to the disk, and held there
    server.faults.wait_until_held();
    first.send(shares(2, 3, 1));
    second.send(shares(1, 5, 2));
    // What is answered proves that both messages were read, and that nothing was acknowledged before.
    first.send(Ping{.nonce = 1});
    CHECK(first.receive<PingSuccess>().nonce == 1);
    second.send(Ping{.nonce = 2});
    CHECK(second.receive<PingSuccess>().nonce == 2);
    CHECK(server.store.position() == 0);

    server.faults.let_go();
    auto acknowledged = first.receive<StoreSuccess>().durable_sequence;
    if (acknowledged == 1) acknowledged = first.receive<StoreSuccess>().durable_sequence;
    CHECK(acknowledged == 4);
    CHECK(second.receive<StoreSuccess>().durable_sequence == 5);
    CHECK(server.store.position() == 9);
    CHECK(server.faults.commits() == 2); // the one that was held, and one for all that had waited
}

TEST_CASE("a stranger's handshake holds up no acknowledgment, and is finished when its turn comes") {
    RunningServer server;
    support::Peer writer{server.port};
    server.let_in(writer, 1);
    Held held{server.handshakes.get_executor()};
    held.wait_until_held();
    support::Peer stranger{server.port};
    noise::Initiator initiator{server.curve, client::make_key_pair(server.curve), server.authority};
    stranger.send_bytes(initiator.act1());
    for (std::uint64_t number = 1; number <= 3; ++number) {
        writer.send(shares(number, 1, 1));
        CHECK(writer.receive<StoreSuccess>().durable_sequence == number);
    }
    CHECK_FALSE(stranger.is_readable_within(50ms));
    held.let_go();
    noise::Act2 act2{};
    std::ranges::copy(stranger.receive_bytes(act2.size()).value(), act2.begin());
    const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
    CHECK(std::move(initiator).finish(act2, now).has_value());
    support::Peer next{server.port};
    CHECK_NOTHROW(server.let_in(next, 2));
}

TEST_CASE("a stop while a handshake is under way ends in order") {
    RunningServer server;
    support::Peer writer{server.port};
    server.let_in(writer, 1);
    Held held{server.handshakes.get_executor()};
    held.wait_until_held();
    support::Peer stranger{server.port};
    noise::Initiator initiator{server.curve, client::make_key_pair(server.curve), server.authority};
    stranger.send_bytes(initiator.act1());
    writer.send(Ping{.nonce = 1});
    CHECK(writer.receive<PingSuccess>().nonce == 1);
    server.begin_to_stop();
    CHECK(writer.receive<Reconnect>() == Reconnect{});
    held.let_go();
    server.stop();
    CHECK(stranger.is_closed()); // and gets no answer
}

TEST_CASE("a stalled store is told in StoreStatus, and so is its recovery; the session stays") {
    RunningServer server{{}, 50ms};
    support::Peer peer{server.port};
    server.let_in(peer, 1);
    SUBCASE("a store without space") {
        server.faults.fail_with(storage::StorageError{storage::StorageError::Kind::full, "the disk is full"});
        peer.send(shares(1, 2, 1));
        const auto status = peer.receive<StoreStatus>();
        CHECK_FALSE(status.is_available);
        CHECK(status.code.text == "storage-unavailable");
        CHECK(status.detail.text.find("the disk is full") != std::string::npos);
        server.faults.fail_with(std::nullopt);
    }
    bool is_silent = false;
    SUBCASE("a store that does not answer") {
        is_silent = true;
        server.faults.hold();
        peer.send(shares(1, 2, 1));
        CHECK_FALSE(peer.receive<StoreStatus>().is_available);
        server.faults.let_go();
    }
    SUBCASE("a store whose answer was lost") {
        server.faults.fail_with(storage::StorageError{storage::StorageError::Kind::unknown, "connection lost"});
        peer.send(shares(1, 2, 1));
        CHECK_FALSE(peer.receive<StoreStatus>().is_available);
        server.faults.fail_with(std::nullopt);
    }
    // The acknowledgment, then or before it the good news.
    bool is_available = false;
    std::uint64_t acknowledged = 0;
    while (!is_available || acknowledged == 0) {
        const auto frame = peer.receive_frame();
        REQUIRE(frame.has_value());
        const auto message = decode_any(frame->header, frame->payload).value();
        if (const auto* status = std::get_if<StoreStatus>(&message)) is_available = status->is_available;
        if (const auto* success = std::get_if<StoreSuccess>(&message)) acknowledged = success->durable_sequence;
    }
    CHECK(acknowledged == 2);
    CHECK(server.store.position() == 2);
    if (!is_silent) return;
    const std::string log = server.stop();
    const auto told =
        log.find(" WARN storage_sv2::server: nothing is acknowledged meanwhile: the store has not answered for more");
    const auto ended = log.find(" INFO storage_sv2::server: the store has answered");
    REQUIRE_MESSAGE(told != std::string::npos, log);
    REQUIRE_MESSAGE(ended != std::string::npos, log);
    CHECK(told < ended);
}

TEST_CASE("the limits of the running role let a stall be told within 2 s, with half a second to spare") {
    CHECK(role::CommitQueue::Limits{}.patience + role::ServerLimits{}.watch <= 1500ms);
}

TEST_CASE("whoever wants to come in while the store has no space is told so, and questions are answered") {
    RunningServer server;
    support::Peer peer{server.port};
    server.let_in(peer, 1);
    server.faults.fail_with(storage::StorageError{storage::StorageError::Kind::full, "the disk is full"});
    peer.send(shares(1, 1, 1));
    CHECK_FALSE(peer.receive<StoreStatus>().is_available);

    support::Peer newcomer{server.port};
    support::negotiate(newcomer, server.curve, server.authority);
    newcomer.send(server.proof(newcomer, 2));
    CHECK(newcomer.receive<Error>().code.text == "storage-unavailable");
    CHECK(newcomer.is_closed());

    support::Peer asking{server.port};
    server.let_in(asking, 0);
    asking.send(GetHealth{.request_id = 5});
    const auto health = asking.receive<GetHealthSuccess>();
    CHECK_FALSE(health.is_healthy);
    CHECK(health.connection_status.text == "stalled");
    CHECK(health.error_message.text.find("the disk is full") != std::string::npos);
    server.faults.fail_with(std::nullopt);
}

TEST_CASE("a poisoned store is asked no more, and acknowledges nothing until a restart") {
    RunningServer server;
    support::Peer peer{server.port};
    server.let_in(peer, 1);
    server.faults.fail_with(storage::StorageError{storage::StorageError::Kind::poisoned, "a sync failed"});
    peer.send(shares(1, 1, 1));
    CHECK_FALSE(peer.receive<StoreStatus>().is_available);
    server.faults.fail_with(std::nullopt); // the disk is well again: too late
    peer.send(Ping{.nonce = 1});
    CHECK(peer.receive<PingSuccess>().nonce == 1);
    support::Peer asking{server.port};
    server.let_in(asking, 0);
    asking.send(GetHealth{.request_id = 5});
    CHECK(asking.receive<GetHealthSuccess>().connection_status.text == "failed");
    const auto log = server.stop();
    CHECK(server.store.position() == 0);
    CHECK(server.faults.commits() == 0);
    CHECK(log.find("until the role is restarted") != std::string::npos);
}

TEST_CASE("a store that is found poisoned by who wants to come in is told to those who have come in") {
    RunningServer server{{.watch = 10ms}};
    support::Peer writer{server.port};
    server.let_in(writer, 1);
    server.faults.fail_with(storage::StorageError{storage::StorageError::Kind::poisoned, "a sync failed"}, "attach");
    support::Peer newcomer{server.port};
    support::negotiate(newcomer, server.curve, server.authority);
    newcomer.send(server.proof(newcomer, 2));
    CHECK(newcomer.receive<Error>().code.text == "storage-unavailable");
    const auto status = writer.receive<StoreStatus>();
    CHECK_FALSE(status.is_available);
    CHECK(status.detail.text == "stopped until a restart: a sync failed");
}

TEST_CASE("a stop commits what was read, acknowledges it, says Reconnect, and closes; also with a store that is slow") {
    bool is_slow = false;
    SUBCASE("a quick store") {}
    SUBCASE("a slow store") {
        is_slow = true;
    }
    RunningServer server{{}, is_slow ? 50ms : 60s};
    support::Peer peer{server.port};
    server.let_in(peer, 1);
    server.faults.hold();
    peer.send(shares(1, 1, 1));
    server.faults.wait_until_held();
    if (is_slow) CHECK_FALSE(peer.receive<StoreStatus>().is_available);
    peer.send(shares(2, 9, 1));
    peer.send(Ping{.nonce = 1});
    CHECK(peer.receive<PingSuccess>().nonce == 1);
    server.begin_to_stop();
    if (is_slow) std::this_thread::sleep_for(600ms); // in which the server looks at its connections twice
    server.faults.let_go();
    std::uint64_t acknowledged = 0;
    for (;;) {
        const auto frame = peer.receive_frame();
        REQUIRE(frame.has_value());
        const auto message = decode_any(frame->header, frame->payload).value();
        if (std::holds_alternative<Reconnect>(message)) break;
        if (const auto* success = std::get_if<StoreSuccess>(&message)) acknowledged = success->durable_sequence;
    }
    CHECK(acknowledged == 10);
    CHECK(peer.is_closed());
    server.stop();
}

TEST_CASE("who waits for the store to attach is told at a stop: shutting-down") {
    RunningServer server;
    support::Peer peer{server.port};
    support::negotiate(peer, server.curve, server.authority);
    server.faults.hold("attach");
    peer.send(server.proof(peer, 1));
    server.faults.wait_until_held();
    server.begin_to_stop();
    CHECK(peer.receive<Error>().code.text == "shutting-down");
    CHECK(peer.is_closed());
    server.faults.let_go();
    server.stop();
}

TEST_CASE("a stop that comes between two steps of letting a peer in is not overheard") {
    RunningServer server;
    support::Peer stranger{server.port};
    stranger.handshake(server.curve, server.authority);
    Held before{server.io.get_executor()};
    before.wait_until_held();
    stranger.send(support::setup_connection());
    Held reading{server.io.get_executor()};
    before.let_go();
    reading.wait_until_held(); // what the peer has said comes next, then the stop, then what is done about the former
    server.begin_to_stop();
    reading.let_go();
    while (stranger.receive_frame()) {
    }
    server.stop();
}

TEST_CASE("a session beyond its window is not read from, and goes on once it is acknowledged") {
    // The smallest window there is; a message takes half of it.
    RunningServer server{{.in_flight = role::WindowBudget::smallest}};
    support::Peer peer{server.port};
    CHECK(server.let_in(peer, 1).max_in_flight == role::WindowBudget::smallest);
    const auto message = [](std::uint64_t first) {
        auto records = shares(first, 1, 1);
        records.records.items.push_back({Bytes(role::WindowBudget::smallest / 2, 0xff)}); // of an unknown kind
        return records;
    };
    server.faults.hold();
    peer.send(message(1));
    server.faults.wait_until_held();
    peer.send(message(3));
    peer.send(Ping{.nonce = 1}); // behind the window: not read yet
    CHECK_FALSE(peer.is_readable_within(300ms));
    server.faults.let_go();
    bool is_answered = false;
    std::uint64_t acknowledged = 0;
    while (!is_answered || acknowledged < 4) {
        const auto frame = peer.receive_frame();
        REQUIRE(frame.has_value());
        const auto any = decode_any(frame->header, frame->payload).value();
        is_answered = is_answered || std::holds_alternative<PingSuccess>(any);
        if (const auto* success = std::get_if<StoreSuccess>(&any)) acknowledged = success->durable_sequence;
        if (is_answered) CHECK(acknowledged > 0); // not before the window had opened
    }
}

TEST_CASE("windows sum to the ceiling: when it is granted, the next writer is told busy and a reader is not") {
    RunningServer server{{.in_flight = role::WindowBudget::smallest}};
    support::Peer first{server.port};
    server.let_in(first, 1);
    support::Peer second{server.port};
    support::negotiate(second, server.curve, server.authority);
    second.send(server.proof(second, 2));
    CHECK(second.receive<Error>().code.text == "busy");
    support::Peer reader{server.port};
    CHECK(server.let_in(reader, 0).max_in_flight == 0);
    {
        const support::Peer leaves = std::move(first);
    }
    // What it had is free again, as soon as the server has seen it go.
    for (int attempt = 0;; ++attempt) {
        support::Peer third{server.port};
        support::negotiate(third, server.curve, server.authority);
        third.send(server.proof(third, 2));
        const auto frame = third.receive_frame();
        REQUIRE(frame.has_value());
        if (std::holds_alternative<AuthenticateSuccess>(decode_any(frame->header, frame->payload).value())) break;
        REQUIRE(attempt < 300);
        std::this_thread::sleep_for(100ms);
    }
}

TEST_CASE("what a peer has left in the queue keeps its window, though the peer has gone") {
    RunningServer server{{.in_flight = role::WindowBudget::smallest}};
    server.faults.hold();
    {
        support::Peer leaves{server.port};
        server.let_in(leaves, 1);
        leaves.send(shares(1, 1, 1));
        server.faults.wait_until_held();
    }
    const auto answer = [&] {
        support::Peer next{server.port};
        support::negotiate(next, server.curve, server.authority);
        next.send(server.proof(next, 2));
        const auto frame = next.receive_frame();
        REQUIRE(frame.has_value());
        return decode_any(frame->header, frame->payload).value();
    };
    for (int attempt = 0; attempt < 5; ++attempt) {
        CHECK(std::get<Error>(answer()).code.text == "busy");
        std::this_thread::sleep_for(20ms); // time to be seen leaving
    }
    server.faults.let_go();
    int attempts = 0;
    while (!std::holds_alternative<AuthenticateSuccess>(answer())) {
        REQUIRE(++attempts < 300);
        std::this_thread::sleep_for(100ms);
    }
}

TEST_CASE("health is told though every reader waits for the disk") {
    RunningServer server;
    support::Peer peer{server.port};
    server.let_in(peer, 0);
    server.faults.hold("totals");
    for (std::uint32_t id = 1; id <= 3; ++id)
        peer.send(GetTotals{.request_id = id, .pool = {}, .start = {}, .end = {}});
    server.faults.wait_until_held(2);
    peer.send(GetHealth{.request_id = 9});
    CHECK(peer.receive<GetHealthSuccess>().is_healthy);
    server.faults.let_go();
    CHECK(peer.receive<GetTotalsSuccess>().request_id != 9);
}

TEST_CASE("nobody may have anything removed while the server cannot tell how old it is, because its clock has jumped") {
    RunningServer server;
    const support::TemporaryFolder folder;
    const auto file = folder.path() / "clients.toml";
    std::ofstream{file} << "[[client]]\nidentity = \"operator\"\npublic_key = \""
                        << noise::public_key_text(server.client_key.public_key())
                        << "\"\nallow = [\"admin\", \"query.own\"]\n";
    std::filesystem::permissions(file, std::filesystem::perms{0600});
    // As if the wall clock had stood elsewhere at the start.
    const auto jump_since_start = [&](std::chrono::milliseconds jump) {
        server.make([&] {
            auto start = role::read_clocks();
            start.wall -= static_cast<storage::Milliseconds>(jump.count());
            server.clock = role::TrustedClock{start};
        });
    };
    server.make([&] { server.clients = role::ClientTable::read(file, server.curve).value(); });
    support::Peer peer{server.port};
    server.let_in(peer, 0);
    for (const std::chrono::milliseconds jump :
         {std::chrono::milliseconds{100 * 24h}, std::chrono::milliseconds{-2min}}) {
        jump_since_start(jump);
        peer.send(CleanupOldShares{.request_id = 5, .older_than = 1000});
        const auto error = peer.receive<Error>();
        CHECK(error.request_id == 5);
        CHECK(error.code.text == "invalid-request");
        CHECK(error.detail.text.find("clock has jumped") != std::string::npos);
        CHECK(server.faults.count("clean_up") == 0);
    }
    jump_since_start(30s);
    peer.send(CleanupOldShares{.request_id = 6, .older_than = 1000});
    CHECK(peer.receive<CleanupOldSharesSuccess>().removed_shares == 0);
}

TEST_CASE("the older session of a stream is told that it is fenced, though it says nothing") {
    RunningServer server;
    support::Peer older{server.port};
    server.let_in(older, 1);
    support::Peer newer{server.port};
    server.let_in(newer, 1);
    CHECK(older.receive<Error>().code.text == "fenced");
    CHECK(older.is_closed());
    newer.send(shares(1, 1, 1));
    CHECK(newer.receive<StoreSuccess>().durable_sequence == 1);
}

TEST_CASE(
    "the limits are those of EXTENSION.md, section 1.4: 5 s until a peer is let in, 120 s of silence, 30 s to write") {
    const role::ServerLimits limits;
    CHECK(limits.authentication == 5s);
    CHECK(limits.idle == 120s);
    CHECK(limits.write == 30s);
}

TEST_CASE("an authenticated connection that is silent for the idle limit is closed without a message") {
    RunningServer server{{.idle = 50ms, .watch = 10ms}};
    support::Peer peer{server.port};
    server.let_in(peer, 1);
    CHECK(peer.is_closed());
    CHECK(server.stop().find("closed in phase open: the time limit was reached") != std::string::npos);
}

TEST_CASE("a peer that fetches nothing is cut after the write limit") {
    RunningServer server{{.write = 100ms, .watch = 10ms}};
    support::Peer peer{server.port};
    server.let_in(peer, 1);
    // Pings until the answers fill every buffer on the way: then the role reads no more, and neither does the kernel.
    const auto ping = encode_frame(Ping{.nonce = 7}).value();
    while (peer.send_frame_within(ping, 30s)) { // the cut ends it, not a role that is slow
    }
    CHECK(server.stop().find("closed in phase open: the time limit was reached") != std::string::npos);
}

TEST_CASE("a refused peer that does not close is dropped after the farewell") {
    RunningServer server{{.farewell = 50ms}};
    support::Peer peer{server.port};
    server.let_in(peer, 1);
    peer.send(support::setup_connection());
    CHECK(peer.receive<Error>().code.text == "unexpected-message");
    const auto log = server.stop(); // returns when the last session has ended, and this peer does not end it
    CHECK(log.find("refused in phase open: unexpected-message") != std::string::npos);
}

TEST_CASE("one deadline cuts a peer at any byte of its first messages, and one that does not authenticate") {
    RunningServer server{{.authentication = 50ms}};
    for (const std::size_t size : {0U, 1U, 63U}) {
        support::Peer peer{server.port};
        peer.send_bytes(std::vector<std::uint8_t>(size));
        CHECK(peer.is_closed());
    }
    CHECK(server.stop().find("closed in phase handshake: the time limit was reached") != std::string::npos);
}
