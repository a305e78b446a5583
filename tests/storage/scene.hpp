// One client, one store, and all that was ever sent.
#pragma once

#include "tests/storage/recount.hpp"

#include <limits>
#include <memory>
#include <utility>
#include <vector>

namespace fixtures {

class Scene {
  public:
    explicit Scene(storage::Position save_interval) : save_interval_{save_interval} { reopen(); }

    // As after a crash: nothing is closed.
    void reopen() {
        store_.reset();
        store_ = open(
            engine, [this](std::string_view call, storage::Moment moment) { return hook(call, moment); },
            save_interval_);
        to_ = attach(*store_);
    }

    storage::LogStore& store() { return *store_; }
    [[nodiscard]] const storage::Attachment& to() const { return to_; }

    // Each in a commit of its own.
    void send(const protocol::B0_16M& record, storage::Milliseconds received_at = today) {
        auto sent = submission(to_, recount.log().size() + 1, {record});
        sent.received_at = received_at;
        const auto outcome = commit_one(*store_, sent);
        REQUIRE(outcome.has_value());
        recount.add(record, received_at,
                    outcome->verdicts.empty() ? protocol::Verdict::stored : outcome->verdicts.front().verdict);
    }

    storage::CleanupStep step(storage::Milliseconds older_than) {
        const auto step = store_->clean_up(older_than);
        REQUIRE(step.has_value());
        return *step;
    }
    // How many shares went.
    std::uint64_t clean_up(storage::Milliseconds older_than) {
        std::uint64_t removed = 0;
        for (;;) {
            const auto done = step(older_than);
            removed += done.removed_shares;
            if (done.is_done) return removed;
        }
    }

    // Of the entries that the engine has.
    [[nodiscard]] std::vector<storage::Position> kept() const {
        std::vector<storage::Position> kept;
        const auto entries = engine->read(1, 1'000'000, 1'000'000);
        for (const auto& entry : *entries) kept.push_back(entry.position);
        return kept;
    }

    // As if what was saved were lost: its values get another first byte.
    void damage_derived() {
        auto damage = storage::behind(engine->load()->head);
        damage.derived = engine->load()->derived;
        for (auto& value : damage.derived) value.value.front() ^= 1;
        REQUIRE(engine->write(damage).has_value());
    }

    const std::shared_ptr<storage::MemoryEngine> engine = std::make_shared<storage::MemoryEngine>();
    Recount recount;
    storage::FaultHook hook = no_faults();

  private:
    storage::Position save_interval_;
    std::unique_ptr<storage::LogStore> store_;
    storage::Attachment to_;
};

// What the hours of a channel or user add up to, by their numbers.
inline std::vector<std::pair<std::uint32_t, protocol::Totals>> hours_of(const storage::Store& store,
                                                                        protocol::Subject subject,
                                                                        const std::string& id,
                                                                        const storage::Range& range = {}) {
    const auto hours = store.hours({.pool = pool,
                                    .subject = subject,
                                    .subject_id = id,
                                    .range = range,
                                    .after = std::nullopt,
                                    .limit = std::numeric_limits<std::size_t>::max()});
    REQUIRE(hours.has_value());
    std::vector<std::pair<std::uint32_t, protocol::Totals>> found;
    for (const storage::Hour& hour : *hours) found.emplace_back(hour.number, hour.totals);
    return found;
}

// A share with this effective time.
inline protocol::B0_16M share_at(std::uint64_t number, storage::Milliseconds time,
                                 const std::string& channel = "1.1.1.1", const std::string& user = "") {
    auto next = share(number, channel);
    next.timestamp = time;
    next.user_identity.text = user;
    return bytes(next);
}

} // namespace fixtures
