#include "storage/log_store.hpp"

#include "storage/batch.hpp"
#include "storage/rebuild.hpp"

#include <chrono>
#include <mutex>

namespace storage {

namespace {

using Kind = StorageError::Kind;

Milliseconds now() {
    const auto since_1970 = std::chrono::system_clock::now().time_since_epoch();
    return static_cast<Milliseconds>(std::chrono::duration_cast<std::chrono::milliseconds>(since_1970).count());
}

// Damage with the place of the store, which the checks of records do not name. Behind, because health is cut short.
StorageError located(StorageError error, const std::string& place) {
    if (error.kind == Kind::corrupt && !place.empty() && !error.detail.starts_with(place))
        error.detail.append(", in ").append(place);
    return error;
}

// Damage that keeps a store from being opened, with what to do about it, which not each engine says of each.
std::unexpected<StorageError> not_opened(StorageError error, const std::string& place) {
    error = located(std::move(error), place);
    if (error.kind == Kind::corrupt && !error.detail.contains("backup"))
        error.detail.append("; bring back a backup, or begin a new store elsewhere");
    return std::unexpected(std::move(error));
}

// When the last record of the log came; nothing if there is none.
std::optional<Milliseconds> last_arrival(const State& state) {
    if (!state.tail().is_empty()) return state.tail().run().last_received;
    if (!state.runs().empty()) return state.runs().rbegin()->second.last_received;
    return std::nullopt;
}

} // namespace

LogStore::LogStore(std::unique_ptr<Engine> engine, Position save_interval, std::string place, const Contents& contents,
                   State state)
    : engine_{std::move(engine)},
      save_interval_{save_interval},
      place_{std::move(place)},
      data_set_{contents.data_set},
      fingerprint_key_{contents.fingerprint_key},
      state_{std::move(state)},
      last_commit_{last_arrival(state_)} {}

Result<std::unique_ptr<LogStore>> LogStore::open(std::unique_ptr<Engine> engine, Position save_interval,
                                                 std::string place) {
    auto contents = engine->load();
    if (!contents) return not_opened(std::move(contents).error(), place);
    Transaction taking = behind(contents->head);
    ++taking.head.term;
    // This makes durable what was found, too: who wrote it may not have heard that it is. See catch_up().
    if (const auto taken = engine->write(taking); !taken) return std::unexpected(taken.error());
    contents->head = taking.head;

    auto state = build_state(*engine, *contents);
    if (!state) return not_opened(std::move(state).error(), place);
    return std::unique_ptr<LogStore>{
        new LogStore{std::move(engine), save_interval, std::move(place), *contents, *std::move(state)}};
}

Result<Attachment> LogStore::attach(const StreamName& stream, const std::string& pool) {
    if (const auto ready = get_ready(); !ready) return std::unexpected(ready.error());
    const Stream* const known = state_.stream(stream);
    StreamRow row = known != nullptr ? known->row : StreamRow{};
    if (known == nullptr) {
        row.number = static_cast<std::uint32_t>(state_.stream_names().size() + 1);
        row.name = stream;
    }
    row.pool = pool;
    ++row.epoch;
    Transaction transaction = behind(state_.head());
    transaction.streams.push_back(row);
    if (const auto written = write(transaction); !written) return std::unexpected(written.error());
    return Attachment{.stream = row.number, .epoch = row.epoch, .durable_sequence = row.durable_sequence};
}

Result<std::vector<Outcome>> LogStore::commit(std::span<const Submission> submissions) {
    if (const auto ready = get_ready(); !ready) return std::unexpected(ready.error());
    std::size_t records = 0;
    for (const Submission& submission : submissions) records += submission.records.size();
    Batch batch{state_, *engine_, fingerprint_key_, records};
    std::vector<Outcome> outcomes;
    outcomes.reserve(submissions.size());
    for (const Submission& submission : submissions) {
        auto outcome = batch.add(submission);
        if (!outcome) return failed(std::move(outcome).error());
        outcomes.push_back(*std::move(outcome));
    }
    const auto refused = batch.refused();
    const auto damage = batch.damage();
    Transaction transaction = std::move(batch).transaction();
    if (!transaction.entries.empty()) {
        if (state_.head().position - state_.saved_position() >= save_interval_) state_.save(transaction);
        if (const auto written = write(transaction); !written) return std::unexpected(written.error());
    }
    const std::unique_lock lock{mutex_};
    for (const auto& [stream, epoch] : refused) state_.refuse(stream, epoch);
    if (damage) damage_ = located(*damage, place_).detail;
    last_commit_ = now();
    return outcomes;
}

Result<CleanupStep> LogStore::clean_up(Milliseconds older_than) {
    if (const auto ready = get_ready(); !ready) return std::unexpected(ready.error());
    const auto step = cleanup_.next(state_, *engine_, fingerprint_key_, older_than);
    if (!step && step.error().kind == Kind::corrupt) return noticed(step.error());
    if (!step) return failed(step.error());
    const std::optional<Transaction>& transaction = step->transaction;
    if (transaction) {
        if (const auto written = write(*transaction); !written) return std::unexpected(written.error());
    }
    cleanup_.wrote(*step);
    return CleanupStep{.removed_shares = step->removed_shares, .is_done = step->is_done};
}

Result<void> LogStore::get_ready() {
    if (poison_) return std::unexpected(*poison_);
    return is_behind_ ? catch_up() : Result<void>{};
}

// After a write whose answer was lost: it is in the log, whole, or it is not. What is in the log need not be durable,
// where a standby has not confirmed it: only one more write that succeeds is a barrier for all that came before.
Result<void> LogStore::catch_up() {
    auto contents = engine_->load();
    if (!contents) return failed(std::move(contents).error());
    if (contents->head.term != state_.head().term) {
        return poisoned({.kind = Kind::superseded, .detail = "another role writes to the store now"});
    }
    if (contents->head.position < state_.head().position) {
        return poisoned({.kind = Kind::poisoned, .detail = "the store has lost records that it had acknowledged"});
    }
    if (contents->head.position == state_.head().position && contents->head.chain != state_.head().chain) {
        return poisoned({.kind = Kind::poisoned, .detail = "the store has other records than it had acknowledged"});
    }
    if (auto written = make_durable(behind(contents->head)); !written) return written;
    auto state = build_state(*engine_, *contents);
    if (!state) return failed(located(std::move(state).error(), place_));
    state->take_refusals(state_);
    const std::unique_lock lock{mutex_};
    state_ = *std::move(state);
    failure_.reset();
    is_behind_ = false;
    return {};
}

Result<void> LogStore::write(const Transaction& transaction) {
    if (auto written = make_durable(transaction); !written) return written;
    return publish(transaction);
}

Result<void> LogStore::make_durable(const Transaction& transaction) {
    auto written = engine_->write(transaction);
    if (written) return written;
    switch (written.error().kind) {
    case Kind::full:
    case Kind::unavailable: return failed(std::move(written).error());
    case Kind::poisoned:
    case Kind::superseded: return poisoned(std::move(written).error());
    case Kind::unknown:
    case Kind::corrupt:
    case Kind::in_use:
    case Kind::foreign:
    case Kind::newer_schema:
    case Kind::older_schema:
    case Kind::unusable: break;
    }
    is_behind_ = true;
    return failed(std::move(written).error());
}

// Readers see the transaction, or they do not: never its records without its totals.
Result<void> LogStore::publish(const Transaction& transaction) {
    const std::unique_lock lock{mutex_};
    if (auto applied = state_.apply(transaction); !applied) {
        is_behind_ = true;
        failure_ = applied.error();
        return applied;
    }
    failure_.reset();
    return {};
}

std::unexpected<StorageError> LogStore::failed(StorageError error) {
    const std::unique_lock lock{mutex_};
    failure_ = error;
    return std::unexpected(std::move(error));
}

std::unexpected<StorageError> LogStore::noticed(StorageError error) const {
    if (error.kind == Kind::corrupt) {
        const std::unique_lock lock{mutex_};
        damage_ = located(error, place_).detail;
    }
    return std::unexpected(std::move(error));
}

std::unexpected<StorageError> LogStore::poisoned(StorageError error) {
    poison_ = error;
    return failed(std::move(error));
}

void LogStore::interrupt() {
    ++interrupts_;
    engine_->interrupt();
}

Result<void> LogStore::close() {
    if (!poison_ && !is_behind_ && state_.has_unsaved()) {
        Transaction saving = behind(state_.head());
        state_.save(saving);
        [[maybe_unused]] const auto saved = engine_->write(saving); // if not, the next opening reads more of the log
    }
    return engine_->close();
}

} // namespace storage
