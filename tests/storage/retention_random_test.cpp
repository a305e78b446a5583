// Whatever is sent, in whatever order it goes: every sum is that of all that was ever sent, and every record is there
// that should be.

#include "storage/hours.hpp"
#include "tests/storage/scene.hpp"
#include "tests/storage/trial_stride.hpp"

#include <random>

using namespace fixtures;
using namespace storage;
using protocol::RecordKind;
using protocol::Subject;

namespace {

class Sequence {
  public:
    explicit Sequence(std::uint32_t seed) : random_{seed}, scene_{2 + upto(9)} {}

    void run() {
        for (int i = 0; i < 60; ++i) {
            switch (upto(12)) {
            case 0: scene_.reopen(); break;
            case 1:
                if (upto(1) == 0) REQUIRE(scene_.store().close().has_value());
                if (upto(1) == 0) scene_.damage_derived();
                scene_.reopen();
                break;
            case 2: clean_up(); break;
            case 3: check(); break;
            default: send(); break;
            }
        }
        clean_up();
        check();
    }

  private:
    std::uint64_t upto(std::uint64_t last) { return std::uniform_int_distribution<std::uint64_t>{0, last}(random_); }
    Milliseconds time() { return today + upto(6) * one_hour / 2 - upto(2); }
    std::string channel() { return upto(1) == 0 ? "a" : "b"; }

    protocol::B0_16M record() {
        switch (upto(13)) {
        case 0: return at_some_time(finder(upto(9), channel()));
        case 1: return at_some_time(block(upto(9), channel()));
        case 2: return at_some_time(status(upto(9), static_cast<protocol::BlockState>(1 + upto(2))));
        case 3: return at_some_time(report(upto(9), channel()));
        case 4: return at_some_time(deletion(channel()));
        case 5: return at_some_time(acknowledgment(channel()));
        case 6: return at_some_time(job());
        case 7: return at_some_time(solution());
        case 8: return no_record;
        default: break;
        }
        auto next = share(upto(40), channel());
        next.accepted = upto(4) > 0 ? 1 : 0;
        next.user_identity.text = std::string(upto(2) == 0 ? 0 : 1, upto(1) == 0 ? 'u' : 'v');
        return at_some_time(next);
    }
    template <class R> protocol::B0_16M at_some_time(R record) {
        record.timestamp = time();
        return bytes(record);
    }

    void send() {
        const auto count = upto(7);
        for (std::uint64_t i = 0; i <= count; ++i) {
            if (upto(9) == 0) ++now_;
            scene_.send(record(), now_ + (upto(19) == 0 ? 5 : 0));
        }
    }

    void clean_up() {
        const Milliseconds bound = now_ - upto(6);
        for (;;) {
            if (scene_.step(bound).is_done) break;
            if (upto(3) == 0) scene_.send(at_some_time(share(next_fresh_++, channel())), now_ + 10);
            if (upto(9) == 0) scene_.reopen();
        }
        removed_ = std::max(removed_, scene_.recount.older_than(bound));
        CHECK(scene_.engine->load()->head.removed == removed_);
        for (const Position position : scene_.recount.left(removed_)) {
            CHECK(scene_.engine->read(position, position, 1)->size() == 1);
        }
    }

    void check() {
        Store& store = scene_.store();
        const Recount& recount = scene_.recount;
        CHECK(totals(store) == recount.pool().totals);
        for (int i = 0; i < 4; ++i) {
            const Range range{.start = upto(3) == 0 ? std::nullopt : std::optional{time()},
                              .end = upto(3) == 0 ? std::nullopt : std::optional{time()}};
            const auto sums = store.totals(pool, range);
            REQUIRE(sums.has_value());
            const Range& covered = sums->in_range.range;
            CHECK(sums->in_range.totals == recount.pool(covered).totals);
            CHECK(sums->channels == recount.channels(covered).size());
            if (range.start) CHECK(hour_of(*covered.start) == hour_of(*range.start));
            if (range.end) CHECK(hour_of(*covered.end) == hour_of(*range.end));
            const auto one = store.channel_stats(pool, "a", range);
            CHECK(one->totals == recount.channel("a", one->range).totals);
        }
        for (const std::string id : {"a", "b", ""}) check_records(id);
        check_hours(Subject::channel, "a");
        check_hours(Subject::user, "u");
    }

    void check_records(const std::string& channel) {
        std::set<Position> expected;
        for (const Position position : scene_.recount.left(removed_)) {
            const auto& entry = scene_.recount.log()[position - 1];
            if (entry.content && channel_id_of(entry.content->record) == channel) expected.insert(position);
        }
        std::set<Position> found;
        for (std::uint8_t kind = 1; kind <= 8; ++kind) {
            for (const auto& record : records(scene_.store(), static_cast<RecordKind>(kind), channel)) {
                found.insert(record.position);
            }
        }
        CHECK(found == expected);
        if (channel.empty()) return;
        const auto accounting = scene_.store().accounting(pool, channel).value();
        const Position last = scene_.recount.last_report(channel);
        if (!accounting) return;
        CHECK(accounting->derived == scene_.recount.channel(channel).totals);
        REQUIRE(accounting->reported.has_value() == (last != 0));
        if (last != 0) CHECK(accounting->reported->record.position == last);
    }

    void check_hours(Subject subject, const std::string& id) {
        const auto hours = scene_.store().hours(
            {.pool = pool, .subject = subject, .subject_id = id, .range = {}, .after = std::nullopt, .limit = 100});
        REQUIRE(hours.has_value());
        std::uint64_t accepted = 0;
        for (const Hour& hour : *hours) {
            const Range range{.start = first_of_hour(hour.number), .end = last_of_hour(hour.number)};
            CHECK(hour.totals == (subject == Subject::channel ? scene_.recount.channel(id, range).totals
                                                              : scene_.recount.user(id, range).totals));
            accepted += hour.totals.shares_accepted;
        }
        const auto all = subject == Subject::channel ? scene_.recount.channel(id) : scene_.recount.user(id);
        CHECK(accepted == all.totals.shares_accepted);
    }

    std::mt19937 random_;
    Scene scene_;
    Milliseconds now_ = today;
    Position removed_ = 0;
    std::uint64_t next_fresh_ = 1000;
};

} // namespace

TEST_CASE("sums and records are right after any sequence of commits, removals and crashes") {
    for (std::uint32_t seed = 1; seed <= 150; seed += static_cast<std::uint32_t>(trial_stride())) {
        CAPTURE(seed);
        Sequence{seed}.run();
    }
}
