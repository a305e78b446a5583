#include "src/commit_queue.hpp"

#include <fmt/format.h>

#include <expected>
#include <utility>

namespace role {

using Kind = storage::StorageError::Kind;

CommitQueue::CommitQueue(storage::Store& store, const Limits& limits, std::shared_ptr<spdlog::logger> log,
                         SupersededHandler on_superseded, CommittedHandler on_committed)
    : store_{store},
      limits_{limits},
      log_{std::move(log)},
      on_superseded_{std::move(on_superseded)},
      on_committed_{std::move(on_committed)},
      marked_{store.position()},
      writer_{[this] { run(); }} {}

CommitQueue::~CommitQueue() {
    stop();
}

void CommitQueue::attach(storage::StreamName stream, std::string pool, AttachHandler handler) {
    {
        const std::lock_guard lock{mutex_};
        attaches_.push_back({std::move(stream), std::move(pool), std::move(handler)});
    }
    changed_.notify_one();
}

void CommitQueue::submit(std::shared_ptr<Submitter> submitter, storage::Submission submission) {
    std::size_t bytes = 0;
    for (const auto& record : submission.records) bytes += record.bytes.size();
    {
        const std::lock_guard lock{mutex_};
        auto& stream = waiting_[submission.stream];
        if (stream.empty()) turns_.push_back(submission.stream);
        stream.push_back({std::move(submitter), std::move(submission), bytes});
    }
    changed_.notify_one();
}

void CommitQueue::clean_up(storage::Milliseconds older_than, CleanupHandler handler) {
    {
        const std::lock_guard lock{mutex_};
        cleanups_.push_back({.older_than = older_than, .handler = std::move(handler)});
    }
    changed_.notify_one();
}

StoreState CommitQueue::state() const {
    const std::lock_guard lock{mutex_};
    if (failure_)
        return {.kind = failure_->may_recover() ? StoreState::Kind::failing : StoreState::Kind::failed,
                .detail = fmt::format("{}: {}", to_text(failure_->kind), failure_->detail)};
    if (call_began_ && Clock::now() - *call_began_ > limits_.patience)
        return {.kind = StoreState::Kind::slow,
                .detail = fmt::format("the store has not answered for more than {} ms", limits_.patience.count())};
    return {};
}

void CommitQueue::stop() {
    {
        const std::lock_guard lock{mutex_};
        stopping_ = true;
    }
    changed_.notify_one();
    if (writer_.joinable()) writer_.join();
    cleanups_.clear(); // their handlers may hold what ends before the queue does
}

void CommitQueue::run() {
    note_warning();
    for (;;) {
        std::vector<WaitingAttach> attaches;
        Batch batch;
        {
            std::unique_lock lock{mutex_};
            changed_.wait(lock,
                          [this] { return stopping_ || !attaches_.empty() || !turns_.empty() || !cleanups_.empty(); });
            attaches = std::exchange(attaches_, {});
            batch = take_batch();
            if (stopping_ && attaches.empty() && batch.submissions.empty()) return;
        }
        run_attaches(std::move(attaches));
        if (!batch.submissions.empty()) run_batch(batch);
        run_cleanup_step();
    }
}

// One message of each stream in turn, until nothing waits or the commit is large enough. The lock is held.
CommitQueue::Batch CommitQueue::take_batch() {
    Batch batch;
    std::size_t records = 0;
    std::size_t bytes = 0;
    while (!turns_.empty() && records < limits_.records && bytes < limits_.bytes) {
        const std::uint32_t number = turns_.front();
        turns_.pop_front();
        const auto stream = waiting_.find(number);
        Waiting next = std::move(stream->second.front());
        stream->second.pop_front();
        if (stream->second.empty())
            waiting_.erase(stream);
        else
            turns_.push_back(number);
        records += next.submission.records.size();
        bytes += next.bytes;
        batch.submitters.push_back(std::move(next.submitter));
        batch.submissions.push_back(std::move(next.submission));
    }
    return batch;
}

template <class Call> auto CommitQueue::timed(Call call) {
    using Answer = decltype(call());
    {
        const std::lock_guard lock{mutex_};
        if (failure_ && !failure_->may_recover()) return Answer{std::unexpect, *failure_};
        call_began_ = Clock::now();
    }
    Answer answer = call();
    note_warning();
    const std::lock_guard lock{mutex_};
    call_began_.reset();
    return answer;
}

storage::Result<std::vector<storage::Outcome>> CommitQueue::commit(const Batch& batch) {
    auto outcomes = timed([&] { return store_.commit(batch.submissions); });
    note(outcomes ? std::nullopt : std::optional{outcomes.error()});
    return outcomes;
}

void CommitQueue::note(const std::optional<storage::StorageError>& error) {
    std::optional<storage::StorageError> before;
    {
        const std::lock_guard lock{mutex_};
        before = std::exchange(failure_, error);
    }
    if (!error && before) log_->info("the store has recovered");
    if (!error || (before && before->kind == error->kind && before->detail == error->detail)) return;
    log_->error("nothing can be acknowledged: {}: {}", to_text(error->kind), error->detail);
    if (!error->may_recover()) log_->error("the store takes nothing more until the role is restarted");
    if (error->kind == Kind::superseded) on_superseded_(*error);
}

// Once, until there is nothing to warn of.
void CommitQueue::note_warning() {
    const std::string warning = store_.warning();
    if (std::exchange(is_warned_, !warning.empty()) == !warning.empty()) return;
    if (warning.empty())
        log_->info("what was warned of is over");
    else
        log_->warn("soon nothing can be acknowledged: {}", warning);
}

// One that fails is told to whoever wants to come in, and to nobody else: nothing waits for an acknowledgment, and the
// next commit may go well. That none will, everybody has to know.
void CommitQueue::run_attaches(std::vector<WaitingAttach> attaches) {
    for (auto& [stream, pool, handler] : attaches) {
        auto attached = timed([&] { return store_.attach(stream, pool); });
        if (!attached && !attached.error().may_recover()) note(attached.error());
        handler(std::move(attached));
    }
}

void CommitQueue::run_batch(const Batch& batch) {
    auto outcomes = commit(batch);
    // Trying again is asking again: whatever became of the last attempt, each record is stored once.
    while (!outcomes) {
        if (!pause()) return;
        run_cleanup_step(); // it may be what is too old that fills the disk
        outcomes = commit(batch);
    }
    // One delivery for each submitter, however many messages it has in the commit.
    std::map<Submitter*, std::vector<storage::Outcome>> deliveries;
    for (std::size_t i = 0; i < batch.submitters.size(); ++i)
        deliveries[batch.submitters[i].get()].push_back(std::move((*outcomes)[i]));
    for (auto& [submitter, delivered] : deliveries) submitter->on_outcomes(std::move(delivered));
    const storage::Mark mark = store_.mark();
    if (std::exchange(marked_, mark.position) != mark.position) on_committed_(mark);
}

// One step of the first wish: commits and those who want to come in need not wait for more. One that fails is told to
// whoever wished it, and not tried again. What is damaged stops the removing, and nothing else.
void CommitQueue::run_cleanup_step() {
    storage::Milliseconds older_than = 0;
    {
        const std::lock_guard lock{mutex_};
        if (cleanups_.empty() || stopping_) return;
        older_than = cleanups_.front().older_than;
    }
    const auto step = timed([&] { return store_.clean_up(older_than); });
    if (!step && !step.error().may_recover() && step.error().kind != Kind::corrupt) note(step.error());
    CleanupHandler handler;
    std::uint64_t removed_shares = 0;
    {
        const std::lock_guard lock{mutex_};
        Cleanup& cleanup = cleanups_.front();
        if (step) removed_shares = cleanup.removed_shares += step->removed_shares;
        if (step && !step->is_done) return;
        handler = std::move(cleanup.handler);
        cleanups_.pop_front();
    }
    handler(step ? storage::Result<std::uint64_t>{removed_shares} : std::unexpected(step.error()));
}

bool CommitQueue::pause() {
    std::vector<WaitingAttach> attaches;
    std::optional<storage::StorageError> failure;
    {
        std::unique_lock lock{mutex_};
        changed_.wait_for(lock, limits_.pause, [this] { return stopping_; });
        if (stopping_) return false;
        attaches = std::exchange(attaches_, {});
        failure = failure_;
    }
    // Whoever wants to come in need not wait for what may take long.
    for (auto& attach : attaches) attach.handler(std::unexpected(*failure));
    return true;
}

} // namespace role
