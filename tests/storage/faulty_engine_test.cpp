// A client, a store, and the n-th call of its engine that fails, for every n. Whatever fails, what was acknowledged is
// there, and in the end the log is the one that it is without faults.

#include "tests/storage/fixtures.hpp"

#include <algorithm>
#include <map>

using namespace fixtures;
using namespace storage;

namespace {

struct Step {
    std::uint64_t stream_id;
    std::vector<protocol::B0_16M> records;
};

std::vector<Step> script() {
    return {{1, shares(1, 3)},
            {2, {bytes(share(4, "2.2.2.2")), bytes(share(1, "2.2.2.2"))}},
            {1, {no_record, bytes(block(77))}},
            {1, shares(4, 6)},
            {2, shares(7, 8, "3.3.3.3")}};
}

struct Fault {
    StorageError::Kind kind;
    Moment moment;
    bool restarts; // after every error, or only after those that do not go away
};

// Sends what is not acknowledged until it is, as a client does, and starts the role again where an operator would.
class Trial {
  public:
    // `faulty` is the number of the call that fails, from 0 on.
    Trial(const Fault& fault, int faulty) : fault_{fault}, faulty_{faulty} {}

    void run() {
        start();
        for (const Step& step : script()) send(step);
        start();
    }
    [[nodiscard]] bool has_failed() const { return calls_ > faulty_; }

    // Everything that the store has, but for epochs.
    [[nodiscard]] std::vector<protocol::StoredRecord> log() const {
        std::vector<protocol::StoredRecord> log;
        const auto entries = engine_->read(1, 1000, 1000).value();
        for (const auto& entry : entries) {
            const auto streams = engine_->load()->streams;
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

  private:
    void start() {
        store_.reset();
        attachments_.clear();
        for (int attempt = 0; attempt < 3 && !store_; ++attempt) {
            auto opened =
                LogStore::open(std::make_unique<FaultyEngine>(
                                   engine_, [this](std::string_view call, Moment moment) { return at(call, moment); }),
                               4);
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

    std::optional<StorageError> at(std::string_view, Moment moment) {
        if (moment == Moment::before) ++calls_;
        if (moment == fault_.moment && calls_ == faulty_ + 1) return error(fault_.kind);
        return std::nullopt;
    }

    void recover(const StorageError& from) {
        if (fault_.restarts || !from.may_recover()) start();
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
            const auto outcomes =
                store_->commit(std::vector{submission(attachments_.at(step.stream_id), first, records)});
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
    std::shared_ptr<MemoryEngine> engine_ = std::make_shared<MemoryEngine>();
    std::unique_ptr<LogStore> store_;
    std::map<std::uint64_t, Attachment> attachments_;
    std::map<std::uint64_t, std::uint64_t> acknowledged_;
    std::map<std::uint64_t, protocol::B0_16M> last_;
};

} // namespace

TEST_CASE("whichever call of the engine fails, every acknowledged record is there once") {
    Trial undisturbed{{StorageError::Kind::full, Moment::before, false}, 1'000'000};
    undisturbed.run();
    REQUIRE(undisturbed.log().size() == 12);
    REQUIRE(undisturbed.totals().shares_duplicate == 2);

    using enum StorageError::Kind;
    for (const auto& [kind, moment] :
         {std::pair{full, Moment::before}, std::pair{unavailable, Moment::before}, std::pair{unknown, Moment::before},
          std::pair{poisoned, Moment::before}, std::pair{unknown, Moment::after}, std::pair{poisoned, Moment::after}}) {
        for (const bool restarts : {false, true}) {
            for (int faulty = 0;; ++faulty) {
                CAPTURE(to_text(kind));
                CAPTURE(static_cast<int>(moment));
                CAPTURE(restarts);
                CAPTURE(faulty);
                Trial trial{{kind, moment, restarts}, faulty};
                trial.run();
                CHECK(trial.log() == undisturbed.log());
                CHECK(trial.totals() == undisturbed.totals());
                if (!trial.has_failed()) {
                    CHECK(faulty > 20);
                    break;
                }
            }
        }
    }
}
