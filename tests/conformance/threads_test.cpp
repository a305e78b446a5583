// Questions from two threads while a third commits.
#include "tests/conformance/records.hpp"
#include "tests/conformance/scene.hpp"
#include "tests/conformance/text.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <doctest/doctest.h>
#include <exception>
#include <limits>
#include <stop_token>
#include <thread>

namespace conformance {

namespace {

constexpr std::uint64_t commits = 400;
constexpr std::uint64_t records_each = 3;
constexpr std::uint64_t records = commits * records_each;
const storage::Range range{.start = noon + 3, .end = noon + 40};

// Two shares and a block or a duplicate, in two channels, at changing times.
storage::Submission nth_submission(const storage::Attachment& attachment, std::uint64_t n) {
    const auto time = noon + n * 37 % 50;
    auto third = n % 2 == 0 ? sent(block("b", n, time)) : sent(share("b", 2 * n, time));
    return submission(attachment, records_each * n + 1,
                      {sent(share("a", 2 * n, time)), sent(share("a", 2 * n + 1, time / 2 * 2)), std::move(third)});
}

// What the model says at every position at which a commit ends.
struct Expected {
    std::vector<std::string> totals;
    std::vector<std::string> range_totals;
    std::vector<std::string> accounting;

    void add(const Model& model) {
        totals.push_back(text(model.totals(pool, protocol::Subject::channel, "", {})));
        range_totals.push_back(text(model.totals(pool, protocol::Subject::channel, "", range)));
        accounting.push_back(text(model.accounting(pool, "a")));
    }
};

class Reader {
  public:
    Reader(const storage::Store& store, const Expected& expected) : store_{store}, expected_{expected} {}

    // Until it is told to stop, or an answer is wrong.
    void run(const std::stop_token& stop) {
        try {
            while (!stop.stop_requested() && failure_.empty()) ask();
        } catch (const std::exception& error) { // the store gave no answer
            expect(false, error.what());
        }
        rounds_ = std::numeric_limits<std::uint64_t>::max(); // nobody need wait for it
    }
    [[nodiscard]] std::uint64_t rounds() const { return rounds_; }
    // Only once run() has returned.
    [[nodiscard]] const std::string& failure() const { return failure_; }

  private:
    void ask() {
        for (int i = 0; i < 50; ++i) { // the quick ones meet more commits halfway
            ask_totals({}, expected_.totals);
            ask_accounting();
        }
        ask_totals(range, expected_.range_totals);
        ask_shares();
        ask_seen();
        ++rounds_;
    }

    void expect(bool holds, const std::string& what) {
        if (!holds && failure_.empty()) failure_ = what;
    }

    void ask_totals(const storage::Range& in, const std::vector<std::string>& expected) {
        const auto before = store_.position();
        const auto totals = store_.totals(pool, in).value();
        expect(totals.position >= before, "totals are of a position before the question");
        expect(totals.position % records_each == 0, "totals show half a commit");
        const std::string actual = text(totals.in_range.totals);
        expect(actual == expected.at(totals.position / records_each), actual);
    }

    void ask_accounting() {
        const auto before = store_.position();
        const std::string actual = text(store_.accounting(pool, "a").value());
        const auto after = store_.position();
        const auto at = [&](storage::Position position) {
            return expected_.accounting.begin() + static_cast<std::ptrdiff_t>(position / records_each);
        };
        const auto end = at(after) + 1;
        expect(std::find(at(before), end, actual) != end, actual);
    }

    // Of "a" are two of each three positions.
    void ask_shares() {
        const auto before = store_.position();
        storage::RecordQuery query{.pool = pool,
                                   .kind = protocol::RecordKind::share,
                                   .channel_id = "a",
                                   .range = {},
                                   .after = {},
                                   .limit = {.items = 70, .bytes = no_limit.bytes}};
        std::vector<storage::Position> positions;
        do {
            const auto page = store_.records(query).value();
            for (const auto& share : page.records) positions.push_back(share.position);
            query.after = page.next;
            if (positions.empty()) break;
        } while (query.after);
        std::ranges::sort(positions);
        bool is_each_once = positions.size() % 2 == 0;
        for (std::size_t i = 0; i < positions.size(); ++i) {
            is_each_once = is_each_once && positions[i] == records_each * (i / 2) + i % 2 + 1;
        }
        expect(is_each_once, "pages skip, repeat or show half a commit");
        expect(positions.size() >= before / records_each * 2, "pages do not show what was stored");
    }

    void ask_seen() {
        std::vector<protocol::U256> hashes;
        for (std::uint64_t hash = 0; hash < 2 * commits; ++hash) hashes.push_back(u256(hash));
        const auto before = store_.position() / records_each * 2;
        const auto seen = store_.are_shares_seen(pool, "", hashes).value();
        const auto after = store_.position() / records_each * 2;
        const auto first_unseen = static_cast<std::uint64_t>(std::ranges::find(seen, false) - seen.begin());
        expect(first_unseen >= before && first_unseen <= after && first_unseen % 2 == 0, "seen is not what was stored");
        expect(std::find(seen.begin() + static_cast<std::ptrdiff_t>(first_unseen), seen.end(), true) == seen.end(),
               "seen beyond what was stored");
    }

    const storage::Store& store_;
    const Expected& expected_;
    std::atomic<std::uint64_t> rounds_ = 0;
    std::string failure_;
};

} // namespace

TEST_CASE("Every answer that is given while others commit is that of one position, not before the question") {
    Scene scene;
    const auto alice = scene.attach({.identity = "alice", .stream_id = 1}, pool);
    Model model = scene.model();
    Expected expected;
    expected.add(model);
    for (std::uint64_t n = 0; n < commits; ++n) {
        model.commit(nth_submission(alice, n));
        expected.add(model);
    }

    std::array<Reader, 2> readers{Reader{scene.store(), expected}, Reader{scene.store(), expected}};
    {
        std::vector<std::jthread> threads;
        for (Reader& reader : readers) {
            threads.emplace_back([&reader](const std::stop_token& stop) { reader.run(stop); });
        }
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{30};
        for (std::uint64_t n = 0; n < commits; ++n) {
            REQUIRE(scene.store().commit(std::vector{nth_submission(alice, n)}).has_value());
            // So that they ask all the while, however the threads are scheduled.
            for (const Reader& reader : readers) {
                while (reader.rounds() < n / 10 && std::chrono::steady_clock::now() < deadline) {
                    std::this_thread::yield();
                }
            }
        }
    }
    for (const Reader& reader : readers) CHECK(reader.failure() == "");
    CHECK(scene.store().position() == records);
    CHECK(text(scene.store().totals(pool, {}).value().in_range.totals) == expected.totals.back());
}

} // namespace conformance
