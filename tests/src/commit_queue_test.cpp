// Cleaning up between commits, and what is told of them: over a store that counts its steps, and holds them on the
// test's word.

#include "src/commit_queue.hpp"

#include "protocol/codec.hpp"
#include "protocol/frame.hpp"
#include "src/answer.hpp"
#include "src/logging.hpp"
#include "src/retention_keeper.hpp"
#include "src/watermark.hpp"
#include "storage/faulty_store.hpp"
#include "storage/log_store.hpp"
#include "storage/memory/memory_engine.hpp"
#include "storage/open.hpp"
#include "tests/src/faults.hpp"
#include "tests/src/no_room_in_files.hpp"
#include "tests/support/temporary_folder.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <doctest/doctest.h>
#include <spdlog/sinks/ostream_sink.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using role::StoreState;
using role_scene::Faults;
using storage::StorageError;

namespace {

// Answers that come from the writer's thread.
template <class T> class Inbox {
  public:
    void put(T value) {
        const std::lock_guard lock{mutex_};
        values_.push_back(std::move(value));
        changed_.notify_all();
    }
    std::vector<T> wait_for(std::size_t count) {
        std::unique_lock lock{mutex_};
        REQUIRE(changed_.wait_for(lock, 30s, [&] { return values_.size() >= count; }));
        return values_;
    }
    std::size_t size() {
        const std::lock_guard lock{mutex_};
        return values_.size();
    }

  private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<T> values_;
};

using Attached = Inbox<storage::Result<storage::Attachment>>;
using Removed = Inbox<storage::Result<std::uint64_t>>;

class Client final : public role::CommitQueue::Submitter {
  public:
    void on_outcomes(std::vector<storage::Outcome> outcomes) override {
        for (auto& outcome : outcomes) outcomes_.put(std::move(outcome));
    }
    Inbox<storage::Outcome>& outcomes() { return outcomes_; }

  private:
    Inbox<storage::Outcome> outcomes_;
};

constexpr std::size_t records_per_submission = 1000;

// A queue over a store in memory that has `old` records, which came at 1000, 1001, ...: some thousand for each step.
struct Scene {
    Faults faults;
    storage::FaultyStore store{storage::open({.backend = "memory"}).value(), faults.hook()};
    storage::Attachment attachment = store.attach({.identity = "a-pool", .stream_id = 1}, "a-pool").value();
    std::uint64_t next_sequence = 1;
    std::ostringstream log;
    role::Logging logging{{std::make_shared<spdlog::sinks::ostream_sink_mt>(log)}, spdlog::level::debug};
    std::optional<role::CommitQueue> queue;
    std::shared_ptr<Client> client = std::make_shared<Client>();

    explicit Scene(std::size_t old) {
        while (next_sequence <= old) {
            const storage::Submission submissions[]{submission(records_per_submission)};
            REQUIRE(store.commit(submissions).value().front().has_value());
        }
        queue.emplace(store, role::CommitQueue::Limits{.patience = 60s, .pause = 10ms}, logging.part("store"));
    }
    Scene(const Scene&) = delete;
    Scene& operator=(const Scene&) = delete;
    ~Scene() { faults.let_go(); }

    storage::Submission submission(std::size_t count) {
        storage::Submission submission{.stream = attachment.stream,
                                       .epoch = attachment.epoch,
                                       .first_sequence = next_sequence,
                                       .records = {},
                                       .received_at = 1000 + next_sequence};
        for (std::size_t i = 0; i < count; ++i, ++next_sequence) {
            protocol::Share share;
            share.channel_id = {"channel"};
            for (std::size_t byte = 0; byte < sizeof next_sequence; ++byte)
                share.share_hash.bytes.at(byte) = static_cast<std::uint8_t>(next_sequence >> (8 * byte));
            share.accepted = 1;
            submission.records.push_back({protocol::encode_record(share).value()});
        }
        return submission;
    }
    void submit() { queue->submit(client, submission(1)); }
    void attach(Attached& attached) {
        queue->attach({.identity = "a-pool", .stream_id = 2}, "a-pool",
                      [&attached](auto result) { attached.put(std::move(result)); });
    }
    void clean_up(Removed& removed, storage::Milliseconds older_than = 1'000'000) {
        queue->clean_up(older_than, [&removed](auto result) { removed.put(std::move(result)); });
    }
    std::size_t stored_shares() {
        std::size_t count = 0;
        storage::RecordQuery query{.pool = "a-pool",
                                   .kind = protocol::RecordKind::share,
                                   .channel_id = "channel",
                                   .range = {},
                                   .after = {},
                                   .limit = {.items = 0, .bytes = 1'000'000}};
        do {
            const auto page = store.records(query).value();
            count += page.records.size();
            query.after = page.next;
        } while (query.after);
        return count;
    }
};

} // namespace

TEST_CASE("a cleanup answers with the sum of its steps, and then nothing of it is left") {
    Scene scene{10'000};
    Removed removed;
    scene.clean_up(removed);
    CHECK(removed.wait_for(1).front().value() == 10'000);
    CHECK(scene.faults.count("clean_up") > 2);
    CHECK(scene.stored_shares() == 0);
    CHECK(scene.store.totals("a-pool", {}).value().in_range.totals.shares_accepted == 10'000);
}

TEST_CASE("commits go through between the steps of a cleanup") {
    Scene scene{10'000};
    scene.faults.hold("clean_up");
    Removed removed;
    scene.clean_up(removed);
    int steps = 0;
    for (std::size_t commits = 1; removed.size() == 0 && commits <= 4; ++commits) {
        scene.faults.wait_until_held();
        scene.submit(); // while a step is under way
        scene.faults.let_pass(1);
        CHECK(scene.client->outcomes().wait_for(commits).back().has_value());
        CHECK(removed.size() == 0); // acknowledged, and the cleanup goes on
        CHECK(scene.faults.count("clean_up") == ++steps);
    }
    CHECK(steps == 4);
    scene.faults.let_go();
    CHECK(removed.wait_for(1).front().has_value());
}

TEST_CASE("wishes that come together are granted one after the other, each with its own sum") {
    Scene scene{6000};
    scene.faults.hold("clean_up");
    Removed first;
    Removed second;
    scene.clean_up(first, 1000 + 3001);
    scene.clean_up(second);
    scene.faults.wait_until_held();
    scene.faults.let_go();
    CHECK(first.wait_for(1).front().value() == 3000);
    CHECK(second.wait_for(1).front().value() == 3000);
}

TEST_CASE("a store that fails is told to whoever wished the cleanup, and commits go on") {
    Scene scene{1000};
    scene.faults.fail_with(StorageError{StorageError::Kind::unavailable, "try again later"}, "clean_up");
    Removed removed;
    scene.clean_up(removed);
    const auto result = removed.wait_for(1).front();
    REQUIRE_FALSE(result.has_value());
    CHECK(result.error().detail == "try again later");
    scene.submit();
    CHECK(scene.client->outcomes().wait_for(1).front().has_value());
}

TEST_CASE("a disk that is full does not keep old records from being removed") {
    Scene scene{1000};
    scene.faults.fail_with(StorageError{StorageError::Kind::full, "no space"});
    scene.submit();
    Removed removed;
    scene.clean_up(removed);
    CHECK(removed.wait_for(1).front().value() == 1000);
    CHECK(scene.client->outcomes().size() == 0);
    scene.faults.fail_with(std::nullopt);
    CHECK(scene.client->outcomes().wait_for(1).front().has_value());
}

TEST_CASE("a store that takes nothing more until a restart is not asked to clean up") {
    Scene scene{1000};
    scene.faults.fail_with(StorageError{StorageError::Kind::poisoned, "a sync failed"});
    scene.submit();
    while (scene.queue->state().is_available()) std::this_thread::sleep_for(1ms);
    Removed removed;
    scene.clean_up(removed);
    CHECK(removed.wait_for(1).front().error().kind == StorageError::Kind::poisoned);
    CHECK(scene.faults.count("clean_up") == 0);
}

TEST_CASE("a store that another role has taken over is told of by whichever call finds it, and nothing more is taken") {
    Scene scene{1000};
    Inbox<std::string> told;
    Attached attached;
    scene.queue.emplace(scene.store, role::CommitQueue::Limits{.patience = 60s, .pause = 10ms},
                        scene.logging.part("store"), [&told](const StorageError& error) { told.put(error.detail); });
    SUBCASE("an attach") {
        scene.faults.fail_with(StorageError{StorageError::Kind::superseded, "term 8"}, "attach");
        scene.attach(attached);
    }
    SUBCASE("a commit") {
        scene.faults.fail_with(StorageError{StorageError::Kind::superseded, "term 8"}, "commit");
        scene.submit();
    }
    CHECK(told.wait_for(1).front() == "term 8");
    CHECK(scene.queue->state().kind == StoreState::Kind::failed);
    scene.faults.fail_with(std::nullopt);
    const int commits = scene.faults.commits();
    scene.submit();
    scene.queue->stop();
    CHECK(scene.client->outcomes().size() == 0);
    CHECK(scene.faults.commits() == commits);
    CHECK(told.size() == 1);
}

TEST_CASE("a store that takes nothing more is told of though nobody stores: an attach or a cleanup has found it") {
    Scene scene{1000};
    std::string found_by;
    SUBCASE("an attach") {
        found_by = "attach";
    }
    SUBCASE("a cleanup") {
        found_by = "clean_up";
    }
    scene.faults.fail_with(StorageError{StorageError::Kind::poisoned, "a sync failed"}, found_by);
    Attached attached;
    Removed removed;
    if (found_by == "attach")
        scene.attach(attached);
    else
        scene.clean_up(removed);
    while (attached.size() + removed.size() == 0) std::this_thread::sleep_for(1ms);
    CHECK(scene.queue->state() ==
          StoreState{.kind = StoreState::Kind::failed, .detail = "stopped until a restart: a sync failed"});
    scene.faults.fail_with(std::nullopt); // the disk is well again: too late
    const auto calls = scene.faults.calls();
    scene.attach(attached);
    scene.clean_up(removed);
    scene.submit();
    while (attached.size() + removed.size() < 3) std::this_thread::sleep_for(1ms);
    CHECK(attached.wait_for(1).back().error().kind == StorageError::Kind::poisoned);
    CHECK(removed.wait_for(1).back().error().kind == StorageError::Kind::poisoned);
    scene.queue->stop();
    CHECK(scene.faults.calls() == calls);
    CHECK(scene.client->outcomes().size() == 0);
    CHECK(scene.log.str().find("the store takes nothing more until the role is restarted") != std::string::npos);
}

TEST_CASE(
    "an attach that may go better later is told to whoever wants to come in, and a damaged row to whoever cleans") {
    Scene scene{1000};
    scene.faults.fail_with(StorageError{StorageError::Kind::full, "no space"}, "attach");
    Attached attached;
    scene.attach(attached);
    CHECK(attached.wait_for(1).front().error().detail == "no space");
    CHECK(scene.queue->state().is_available());
    scene.faults.fail_with(StorageError{StorageError::Kind::corrupt, "record at position 7"}, "clean_up");
    Removed removed;
    scene.clean_up(removed);
    CHECK(removed.wait_for(1).front().error().detail == "record at position 7");
    CHECK(scene.queue->state().is_available());
    scene.submit();
    CHECK(scene.client->outcomes().wait_for(1).front().has_value());
}

TEST_CASE("the head is told behind the outcomes of its commit, and before the next commit") {
    Inbox<std::pair<storage::Mark, std::size_t>> told; // with how many outcomes there were
    std::mutex gate;
    Scene scene{0};
    std::unique_lock closed{gate};
    scene.queue.emplace(
        scene.store, role::CommitQueue::Limits{.patience = 60s, .pause = 10ms}, scene.logging.part("store"),
        [](const StorageError&) {},
        [&](const storage::Mark& mark) {
            told.put({mark, scene.client->outcomes().size()});
            const std::lock_guard wait{gate};
        });
    scene.submit();
    CHECK(scene.client->outcomes().wait_for(1).front().has_value());
    CHECK(told.wait_for(1).front() == std::pair{scene.store.mark(), std::size_t{1}});
    scene.submit();
    CHECK(scene.faults.commits() == 1);
    CHECK(told.size() == 1);
    closed.unlock();
    CHECK(told.wait_for(2).back().second == 2);
    CHECK(told.wait_for(2).back().first == scene.store.mark());
}

TEST_CASE("of a commit that stores nothing new, an attach and a cleanup no head is told") {
    Inbox<storage::Position> told;
    Scene scene{1000};
    scene.queue.emplace(
        scene.store, role::CommitQueue::Limits{.patience = 60s, .pause = 10ms}, scene.logging.part("store"),
        [](const StorageError&) {}, [&](const storage::Mark& mark) { told.put(mark.position); });
    scene.next_sequence = 1000;
    scene.submit(); // again
    CHECK(scene.client->outcomes().wait_for(1).front().has_value());
    Removed removed;
    scene.clean_up(removed);
    removed.wait_for(1);
    Inbox<std::uint64_t> attached;
    scene.queue->attach({.identity = "a-pool", .stream_id = 2}, "a-pool",
                        [&](const auto& attachment) { attached.put(attachment.value().epoch); });
    attached.wait_for(1);
    scene.submit();
    CHECK(told.wait_for(1) == std::vector<storage::Position>{1001});
}

TEST_CASE("of a commit that fails no head is told until it is stored") {
    Inbox<storage::Position> told;
    Scene scene{0};
    scene.queue.emplace(
        scene.store, role::CommitQueue::Limits{.patience = 60s, .pause = 10ms}, scene.logging.part("store"),
        [](const StorageError&) {}, [&](const storage::Mark& mark) { told.put(mark.position); });
    scene.faults.fail_with(StorageError{StorageError::Kind::full, "no space"});
    scene.submit();
    while (scene.queue->state().is_available()) std::this_thread::sleep_for(1ms);
    CHECK(told.size() == 0);
    scene.faults.fail_with(std::nullopt);
    CHECK(told.wait_for(1) == std::vector<storage::Position>{1});
}

TEST_CASE("a watermark that cannot be written is told once, and keeps nothing from being acknowledged") {
    const support::TemporaryFolder folder;
    std::optional<role::Watermark> watermark;
    Scene scene{0};
    watermark.emplace(
        role::Watermark::open(folder.path(), scene.store.data_set().id, scene.logging.part("store")).value());
    scene.queue.emplace(
        scene.store, role::CommitQueue::Limits{.patience = 60s, .pause = 10ms}, scene.logging.part("store"),
        [](const StorageError&) {}, [&](const storage::Mark& mark) { watermark->write(mark); });
    {
        const role_scene::NoRoomInFiles full;
        for (std::size_t commits = 1; commits <= 3; ++commits) {
            scene.submit();
            CHECK(scene.client->outcomes().wait_for(commits).back().has_value());
        }
        scene.queue->stop();
    }
    const std::string lines = scene.log.str();
    const auto first = lines.find("cannot be written");
    CHECK(first != std::string::npos);
    CHECK(lines.find("cannot be written", first + 1) == std::string::npos);
}

TEST_CASE("a stop does not wait for what is still to be cleaned up, and commits what was submitted before it") {
    Scene scene{1000};
    scene.faults.hold("clean_up");
    constexpr std::size_t wishes = 100'000; // more than there is time for, however late the stop is noticed
    Removed removed;
    for (std::size_t i = 0; i < wishes; ++i) scene.clean_up(removed);
    scene.faults.wait_until_held();
    scene.submit();
    std::atomic<bool> has_stopped = false;
    std::jthread stopper{[&] {
        scene.queue->stop();
        has_stopped = true;
    }};
    while (!has_stopped) {
        scene.faults.let_pass(1);
        std::this_thread::sleep_for(1ms);
    }
    CHECK(scene.client->outcomes().size() == 1);
    CHECK(removed.size() < wishes);
}

TEST_CASE("what retention advises is removed, and told in one line") {
    namespace asio = boost::asio;
    Scene scene{3000};
    asio::io_context io{1};
    std::mutex mutex;
    // The store in memory says when it committed by the real clock: an hour from now, as this test has it.
    role::Clocks clocks{.wall = role::read_clocks().wall - std::chrono::milliseconds{1h}.count(), .boot = 1h};
    role::TrustedClock clock{clocks};
    const auto add = [&](std::chrono::milliseconds wall, std::chrono::milliseconds boot) {
        const std::lock_guard lock{mutex};
        clocks.wall += static_cast<storage::Milliseconds>(wall.count());
        clocks.boot += boot;
    };
    role::RetentionKeeper keeper{io,
                                 scene.store,
                                 *scene.queue,
                                 clock,
                                 {.interval = 24h,
                                  .history = std::chrono::days{30},
                                  .clocks =
                                      [&] {
                                          const std::lock_guard lock{mutex};
                                          return clocks;
                                      },
                                  .tick = 1ms},
                                 scene.logging.part("retention")};
    asio::co_spawn(io, keeper.run(), asio::detached);
    std::thread thread{[&] { io.run(); }};
    scene.faults.wait_for("health", 3);
    CHECK(scene.faults.count("clean_up") == 0); // too soon
    add(10min, 10min);
    scene.faults.wait_for("health", scene.faults.count("health") + 3);
    CHECK(scene.faults.count("clean_up") == 0); // behind the last commit
    add(1000h, 0h);                             // a jump
    scene.faults.wait_for("health", scene.faults.count("health") + 3);
    for (int hours = 0; hours < 24; ++hours) {
        add(1h, 1h);
        scene.faults.wait_for("health", scene.faults.count("health") + 2);
    }
    CHECK(scene.faults.count("clean_up") == 0);
    add(-1000h, 0h);
    add(24h, 24h);
    scene.faults.wait_for("clean_up", 1);
    Removed after; // behind it in the queue
    scene.clean_up(after);
    CHECK(after.wait_for(1).front().value() == 0);
    asio::post(io, [&] { keeper.stop(); });
    thread.join();
    scene.queue->stop();
    const std::string lines = scene.log.str();
    CHECK(lines.find("the wall clock stands before the last commit") != std::string::npos);
    CHECK(lines.find("the wall clock has jumped") != std::string::npos);
    CHECK(lines.find("removed 3000 shares that had come before 20") != std::string::npos);
}

TEST_CASE("what a store warns of is in the log once, and so is its end; health says it meanwhile, and is healthy") {
    std::atomic<bool> is_scarce = false;
    struct Warning final : storage::MemoryEngine {
        std::atomic<bool>& is_scarce;
        explicit Warning(std::atomic<bool>& from) : is_scarce{from} {}
        [[nodiscard]] std::string warning() const override { return is_scarce ? "the disk has 5 MiB left" : ""; }
    };
    const auto store = storage::LogStore::open(std::make_unique<Warning>(is_scarce)).value();
    std::ostringstream log;
    const role::Logging logging{{std::make_shared<spdlog::sinks::ostream_sink_mt>(log)}, spdlog::level::debug};
    role::CommitQueue queue{*store, {}, logging.part("store")};
    Inbox<storage::Result<storage::Attachment>> attached;
    std::size_t attaches = 0;
    const auto attach = [&] {
        queue.attach({.identity = "a-pool", .stream_id = 1}, "a-pool", [&](auto done) { attached.put(done); });
        attached.wait_for(++attaches);
    };
    const auto health = [&] {
        const auto frame = role::answer(*store, queue.state(), protocol::GetHealth{.request_id = 1});
        return protocol::decode<protocol::GetHealthSuccess>(
                   protocol::ByteView{frame}.subspan(protocol::frame_header_size))
            .value();
    };
    attach();
    CHECK(health().error_message.text.empty());
    is_scarce = true;
    for (int i = 0; i < 3; ++i) attach();
    CHECK(health().is_healthy);
    CHECK(health().error_message.text == "the disk has 5 MiB left");
    is_scarce = false;
    for (int i = 0; i < 3; ++i) attach();
    CHECK(health().error_message.text.empty());
    queue.stop();
    std::string lines = log.str();
    const auto count = [&](std::string_view text) {
        int found = 0;
        for (auto at = lines.find(text); at != std::string::npos; at = lines.find(text, at + 1)) ++found;
        return found;
    };
    CHECK(count(" WARN storage_sv2::store: soon nothing can be acknowledged: the disk has 5 MiB left\n") == 1);
    CHECK(count(" INFO storage_sv2::store: what was warned of is over\n") == 1);
}
