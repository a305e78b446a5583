// Between sessions and the store: one writer thread that joins whatever waits into one commit. While a commit syncs,
// the next batch fills; there is no timer and no fixed batch size, so that a lone share waits for one sync and a flood
// shares them. Streams take turns; within one nothing overtakes. Cleaning up is done in the same thread, in short steps
// between the commits.
#pragma once

#include "storage/store.hpp"

#include <spdlog/logger.h>

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace role {

// Whether acknowledgments can be expected.
struct StoreState {
    enum class Kind : std::uint8_t {
        available,
        slow,    // a call takes long; it may still go well
        failing, // it answers, and stores nothing; it is asked again
        failed,  // it takes nothing more until a restart, and is asked no more
    };
    Kind kind = Kind::available;
    std::string detail; // why it is not available

    [[nodiscard]] bool is_available() const { return kind == Kind::available; }
    bool operator==(const StoreState&) const = default;
};

class CommitQueue {
  public:
    // Whoever submits. Called on the writer thread, with outcomes in the order of the submissions.
    class Submitter {
      public:
        Submitter() = default;
        Submitter(const Submitter&) = delete;
        Submitter& operator=(const Submitter&) = delete;
        virtual ~Submitter() = default;
        virtual void on_outcomes(std::vector<storage::Outcome> outcomes) = 0;
    };
    // All are called on the writer thread.
    using AttachHandler = std::function<void(storage::Result<storage::Attachment>)>;
    using CleanupHandler = std::function<void(storage::Result<std::uint64_t>)>;  // how many shares were removed
    using SupersededHandler = std::function<void(const storage::StorageError&)>; // once, by the call that finds it
    using CommittedHandler = std::function<void(const storage::Mark&)>; // the head, behind the outcomes of its commit

    struct Limits {
        std::size_t records = 10'000;                      // in one commit
        std::size_t bytes = std::size_t{16} * 1024 * 1024; // of them
        std::chrono::milliseconds patience{1'000};         // with a call of the store, until it counts as stalled
        std::chrono::milliseconds pause{250};              // between two attempts on a stalled store
    };

    // `store` must outlive the queue.
    CommitQueue(
        storage::Store& store, const Limits& limits, std::shared_ptr<spdlog::logger> log,
        SupersededHandler on_superseded = [](const storage::StorageError&) {},
        CommittedHandler on_committed = [](const storage::Mark&) {});
    CommitQueue(const CommitQueue&) = delete;
    CommitQueue& operator=(const CommitQueue&) = delete;
    ~CommitQueue();

    void attach(storage::StreamName stream, std::string pool, AttachHandler handler);
    void submit(std::shared_ptr<Submitter> submitter, storage::Submission submission);
    // Removes what arrived before `older_than`, one wish after the other. A stop drops what is left, and its handler.
    void clean_up(storage::Milliseconds older_than, CleanupHandler handler);

    [[nodiscard]] StoreState state() const;

    // Commits what waits, as far as the store lets it, and ends the thread. What is not committed gets no outcome.
    void stop();

  private:
    using Clock = std::chrono::steady_clock;

    struct Waiting {
        std::shared_ptr<Submitter> submitter;
        storage::Submission submission;
        std::size_t bytes;
    };
    struct WaitingAttach {
        storage::StreamName stream;
        std::string pool;
        AttachHandler handler;
    };
    struct Cleanup {
        storage::Milliseconds older_than;
        CleanupHandler handler;
        std::uint64_t removed_shares = 0; // until now
    };
    // What the next call of the store works on.
    struct Batch {
        std::vector<std::shared_ptr<Submitter>> submitters;
        std::vector<storage::Submission> submissions; // one for each of the above
    };

    void run();
    void run_attaches(std::vector<WaitingAttach> attaches);
    void run_batch(const Batch& batch);
    void run_cleanup_step();
    Batch take_batch();
    // A call of the store: marks that it is under way, for state(). One that takes nothing more is not called.
    template <class Call> auto timed(Call call);
    storage::Result<std::vector<storage::Outcome>> commit(const Batch& batch);
    void note(const std::optional<storage::StorageError>& error);
    void note_warning();
    // False if the queue is to stop.
    bool pause();

    storage::Store& store_;
    Limits limits_;
    std::shared_ptr<spdlog::logger> log_;
    SupersededHandler on_superseded_;
    CommittedHandler on_committed_;
    storage::Position marked_; // the writer's: what on_committed_ was told last
    bool is_warned_ = false;   // the writer's: the operator knows of the store's warning

    mutable std::mutex mutex_; // of everything below
    std::condition_variable changed_;
    std::map<std::uint32_t, std::deque<Waiting>> waiting_; // by stream
    std::deque<std::uint32_t> turns_;                      // streams that have something waiting
    std::vector<WaitingAttach> attaches_;
    std::deque<Cleanup> cleanups_; // the first one is under way
    std::optional<Clock::time_point> call_began_;
    std::optional<storage::StorageError> failure_; // of the last commit, or what ended it for all calls
    bool stopping_ = false;

    std::thread writer_; // last: it uses all of the above
};

} // namespace role
