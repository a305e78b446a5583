// A client, a store, and the n-th call under it that fails, for every n. Whatever fails, what was acknowledged is
// there, and in the end the log is the one that it is without faults.
#pragma once

#include "tests/storage/fixtures.hpp"
#include "tests/storage/trial_stride.hpp"

#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <tuple>

namespace fault_trial {

using namespace fixtures;
using namespace storage;

struct Step {
    std::uint64_t stream_id;
    std::vector<protocol::B0_16M> records;
    Milliseconds received_at = today;
};

// A time of which a channel has a record, and no share.
constexpr Milliseconds without_shares = today + 60;

// Some of every kind, of which the first three messages arrive long before the others.
inline std::vector<Step> script() {
    auto batch = acknowledgment();
    batch.timestamp = without_shares;
    return {{1, shares(1, 3), today - 9},
            {2, {bytes(share(4, "2.2.2.2")), bytes(share(1, "2.2.2.2")), bytes(report(1, "2.2.2.2"))}, today - 9},
            {1, {no_record, bytes(block(77)), bytes(finder(78)), bytes(report(1)), bytes(job())}, today - 8},
            {1, shares(4, 6)},
            {2, {bytes(solution()), bytes(status(77, protocol::BlockState::confirmed)), bytes(batch)}},
            {2, {bytes(share(7, "3.3.3.3")), bytes(report(9, "3.3.3.3")), bytes(deletion("2.2.2.2"))}}};
}

// Every question's answer in one line each, or why there is none.
inline std::vector<std::string> answers(const Store& store) {
    std::vector<std::string> answers;
    const auto add = [&](const auto& answer, auto told) {
        if (!answer) {
            answers.emplace_back(to_text(answer.error().kind));
            return;
        }
        const auto bytes = protocol::encode(told(*answer));
        REQUIRE(bytes.has_value());
        answers.emplace_back(bytes->begin(), bytes->end());
    };
    for (const Range& range : {Range{}, Range{.start = today - 8, .end = today + 5}}) {
        add(store.totals(pool, range), [](const auto& all) { return all.in_range.totals; });
        add(store.channel_stats(pool, "1.1.1.1", range), [](const auto& all) { return all.totals; });
    }
    add(store.totals(pool, {.start = without_shares, .end = without_shares}),
        [](const auto& all) { return all.channels; });
    for (const std::string id : {"1.1.1.1", "2.2.2.2"}) {
        add(store.accounting(pool, id), [](const auto& known) {
            if (!known) return protocol::Seq0_64K<protocol::Totals>{};
            return protocol::Seq0_64K<protocol::Totals>{
                {known->derived, known->reported ? known->reported->derived_before : protocol::Totals{}}};
        });
    }
    for (const auto kind : {protocol::RecordKind::share, protocol::RecordKind::share_accounting}) {
        add(store.records({.pool = pool,
                           .kind = kind,
                           .channel_id = "1.1.1.1",
                           .range = {},
                           .after = {},
                           .limit = {.items = 0, .bytes = all_bytes}}),
            [](const auto& page) { return protocol::Seq0_64K<protocol::StoredRecord>{page.records}; });
    }
    add(store.blocks(
            {.pool = pool, .channel_id = "", .range = {}, .after = {}, .limit = {.items = 0, .bytes = all_bytes}}),
        [](const auto& page) { return protocol::Seq0_64K<protocol::FoundBlock>{page.blocks}; });
    add(store.hours({.pool = pool,
                     .subject = protocol::Subject::channel,
                     .subject_id = "1.1.1.1",
                     .range = {},
                     .after = {},
                     .limit = 9}),
        [](const auto& hours) { return hours.empty() ? protocol::Totals{} : hours.front().totals; });
    add(store.drift(pool, "", 9), [](const auto& all) { return static_cast<std::uint64_t>(all.size()); });
    add(store.are_shares_seen(pool, "", std::vector{hash(1), hash(4), hash(78)}),
        [](const auto& seen) { return seen[0] * 4U + seen[1] * 2U + seen[2] * 1U; });
    return answers;
}

// The same store each time, with faults on order.
using OpenEngine = std::function<std::unique_ptr<Engine>(FaultHook)>;

struct Fault {
    StorageError::Kind kind;
    Moment moment;
    bool restarts; // after every error, or only after those that do not go away
};

// Sends what is not acknowledged until it is, as a client does, and starts the role again where an operator would.
class Trial {
  public:
    // `faulty` is the number of the call that fails, from 0 on.
    Trial(const Fault& fault, int faulty, OpenEngine open) : fault_{fault}, faulty_{faulty}, open_{std::move(open)} {}

    void run() {
        start();
        const auto all = script();
        for (const Step& step : all) send(step);
        ask();
        clean_up(today - 5);
        ask();
        send({1, {bytes(share(200, "3.3.3.3"))}, today + 5});
        clean_up(today + 1);
        std::ignore = store_->close(); // what comes of it, the next opening must cope with
        start();
        ask();
        is_over_ = true;
    }
    // Empty if there were not so many calls.
    [[nodiscard]] const std::string& failed_call() const { return failed_call_; }

    // Everything that the store has, but for epochs. Ends the store: others may not have its engine beside it.
    [[nodiscard]] std::vector<protocol::StoredRecord> log() {
        store_.reset();
        std::vector<protocol::StoredRecord> log;
        const auto engine = open_([](std::string_view, Moment) { return std::nullopt; });
        const auto entries = engine->read(1, 1000, 1000).value();
        const auto streams = engine->load()->streams;
        for (const auto& entry : entries) {
            const auto of = std::ranges::find(streams, entry.stream, &StreamRow::number);
            log.push_back({.position = entry.position,
                           .received_at = entry.received_at,
                           .identity = {of->name.identity},
                           .stream_id = of->name.stream_id,
                           .sequence = entry.sequence,
                           .verdict = {std::string{to_text(entry.verdict)}},
                           .record = {entry.bytes}});
        }
        return log;
    }
    [[nodiscard]] protocol::Totals totals() const { return fixtures::totals(*store_); }
    [[nodiscard]] std::vector<std::string> answers() const { return fault_trial::answers(*store_); }

  private:
    void start() {
        store_.reset();
        attachments_.clear();
        for (int attempt = 0; attempt < 3 && !store_; ++attempt) {
            auto opened =
                LogStore::open(open_([this](std::string_view call, Moment moment) { return at(call, moment); }), 4);
            if (opened) store_ = *std::move(opened);
        }
        REQUIRE(store_ != nullptr);
        for (const auto& [stream_id, acknowledged] : acknowledged_) {
            const auto streams = store_->streams(pool, std::nullopt, 10);
            REQUIRE(streams.has_value());
            const auto stream = std::ranges::find(*streams, stream_id, &protocol::StreamState::stream_id);
            REQUIRE(stream != streams->end());
            CHECK(stream->durable_sequence >= acknowledged);
        }
    }

    std::optional<StorageError> at(std::string_view call, Moment moment) {
        if (is_over_) return std::nullopt;
        if (moment == Moment::before) ++calls_;
        if (moment != fault_.moment || calls_ != faulty_ + 1) return std::nullopt;
        failed_call_ = call;
        return error(fault_.kind);
    }

    void recover(const StorageError& from) {
        if (fault_.restarts || !from.may_recover()) start();
    }

    // An answer may be missing for the fault; it is asked for again.
    void ask() {
        const auto before = fault_trial::answers(*store_);
        const auto after = fault_trial::answers(*store_);
        const auto differ = std::ranges::mismatch(before, after);
        if (differ.in1 == before.end()) return;
        CHECK((*differ.in1 == to_text(fault_.kind) || *differ.in2 == to_text(fault_.kind)));
        CHECK(std::equal(differ.in1 + 1, before.end(), differ.in2 + 1, after.end()));
    }

    void clean_up(Milliseconds older_than) {
        for (int attempt = 0; attempt < 30; ++attempt) {
            const auto step = store_->clean_up(older_than);
            if (!step) recover(step.error());
            if (step && step->is_done) return;
        }
        FAIL("not cleaned up");
    }

    void send(const Step& step) {
        const auto before = acknowledged_.find(step.stream_id);
        const std::uint64_t acknowledged = before == acknowledged_.end() ? 0 : before->second;
        auto records = step.records; // and the last one again
        const std::uint64_t first = acknowledged == 0 ? 1 : acknowledged;
        if (acknowledged > 0) records.insert(records.begin(), last_.at(step.stream_id));
        for (int attempt = 0; attempt < 5; ++attempt) {
            if (!attachments_.contains(step.stream_id)) {
                const auto attached = store_->attach({.identity = "a-client", .stream_id = step.stream_id}, pool);
                if (!attached) {
                    recover(attached.error());
                    continue;
                }
                attachments_.emplace(step.stream_id, *attached);
            }
            auto sent = submission(attachments_.at(step.stream_id), first, records);
            sent.received_at = step.received_at;
            const auto outcomes = store_->commit(std::vector{sent});
            if (!outcomes) {
                recover(outcomes.error());
                continue;
            }
            REQUIRE(outcomes->front().has_value());
            CHECK(outcomes->front()->last_sequence == acknowledged + step.records.size());
            acknowledged_[step.stream_id] = outcomes->front()->last_sequence;
            last_[step.stream_id] = step.records.back();
            return;
        }
        FAIL("not acknowledged");
    }

    Fault fault_;
    int faulty_;
    int calls_ = 0;
    std::string failed_call_;
    bool is_over_ = false;
    OpenEngine open_;
    std::unique_ptr<LogStore> store_;
    std::map<std::uint64_t, Attachment> attachments_;
    std::map<std::uint64_t, std::uint64_t> acknowledged_;
    std::map<std::uint64_t, protocol::B0_16M> last_;
};

// `fresh` gives an empty store. `least_calls` as a check that there were many. The names of the calls that failed.
inline std::set<std::string> check_every_call(const std::vector<Fault>& faults,
                                              const std::function<OpenEngine()>& fresh, int least_calls) {
    Trial undisturbed{{StorageError::Kind::full, Moment::before, false}, 1'000'000, fresh()};
    undisturbed.run();
    REQUIRE(undisturbed.totals().shares_accepted == 9);
    REQUIRE(undisturbed.totals().shares_duplicate == 2);
    const auto totals = undisturbed.totals();
    const auto answers = undisturbed.answers();
    const auto log = undisturbed.log();
    REQUIRE(log.size() == 8); // what outlives, and what came last
    std::set<std::string> failed_calls;
    int injected = 0;
    for (const Fault& fault : faults) {
        for (int faulty = 0;; faulty += trial_stride()) {
            CAPTURE(to_text(fault.kind));
            CAPTURE(static_cast<int>(fault.moment));
            CAPTURE(fault.restarts);
            CAPTURE(faulty);
            Trial trial{fault, faulty, fresh()};
            trial.run();
            CHECK(trial.totals() == totals);
            CHECK(trial.answers() == answers);
            CHECK(trial.log() == log);
            if (trial.failed_call().empty()) {
                CHECK(faulty > least_calls);
                break;
            }
            failed_calls.insert(trial.failed_call());
            ++injected;
        }
    }
    print_injected(injected);
    return failed_calls;
}

} // namespace fault_trial
