#include "tests/conformance/records.hpp"
#include "tests/conformance/scene.hpp"
#include "tests/conformance/text.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <doctest/doctest.h>
#include <iostream>
#include <map>
#include <random>
#include <utility>

namespace conformance {

namespace {

std::uint64_t seed() {
    const char* const told = std::getenv("CONFORMANCE_SEED");
    return told == nullptr ? 20'261'122 : std::stoull(told);
}

// One random sequence of operations, over alphabets so small that all that can collide does.
class Sequence {
  public:
    explicit Sequence(std::uint64_t seed) : random_{seed} {}

    // What was done so far.
    [[nodiscard]] const std::string& history() const { return history_; }

    void run() {
        constexpr int operations = 40;
        for (int i = 1; i <= operations; ++i) {
            operate();
            if (i % 10 == 0) compare();
        }
    }

  private:
    struct Session {
        storage::StreamName name;
        storage::Attachment attachment;
    };
    using Sent = std::map<storage::StreamName, std::vector<protocol::B0_16M>>;

    // 0 to count - 1, the same on every platform.
    std::uint64_t any(std::uint64_t count) { return random_() % count; }
    bool in_percent(std::uint64_t share) { return any(100) < share; }
    template <class T, std::size_t size> const T& one_of(const std::array<T, size>& values) {
        return values.at(any(size));
    }

    void operate() {
        if (sessions_.empty() || in_percent(15)) {
            attach();
        } else if (in_percent(6)) {
            reopen();
        } else {
            commit();
        }
    }

    void attach() {
        const storage::StreamName name{.identity = one_of(std::array<std::string, 2>{"alice", "bob"}),
                                       .stream_id = 1 + any(2)};
        // Rarely for another pool than before.
        std::string pool{name.identity == "alice" || name.stream_id == 1 ? "p" : "q"};
        if (in_percent(5)) pool = std::string{"q"};
        history_.append("attach ").append(text(name)).append(" for ").append(pool).append("\n");
        sessions_.push_back({.name = name, .attachment = scene_.attach(name, pool)});
    }

    // Sessions end with the role.
    void reopen() {
        const bool is_closed = in_percent(50);
        history_.append(is_closed ? "close, open\n" : "open again\n");
        if (is_closed) {
            scene_.reopen();
        } else {
            scene_.drop_and_reopen();
        }
        sessions_.clear();
    }

    void commit() {
        Sent sent;
        for (const auto& entry : scene_.model().log()) sent[entry.stream].push_back({entry.bytes});
        std::vector<storage::Submission> submissions;
        history_.append("commit\n");
        for (std::uint64_t count = 1 + any(4); count > 0; --count) {
            submissions.push_back(submit(sent));
            history_.append("  ").append(text(submissions.back())).append("\n");
        }
        scene_.commit(submissions);
    }

    // Mostly of the newest session of a stream, and in order.
    storage::Submission submit(Sent& sent) {
        Session session = sessions_.at(any(sessions_.size()));
        if (!in_percent(7)) {
            for (const Session& each : sessions_) {
                if (each.name == session.name) session = each;
            }
        }
        auto& before = sent[session.name];
        std::uint64_t first = before.size() + 1;
        std::vector<protocol::B0_16M> records;
        if (in_percent(4)) {
            first = one_of(std::array{std::uint64_t{0}, first + 1, ~std::uint64_t{0}});
        } else if (in_percent(25)) {
            first -= any(std::min(first, std::uint64_t{5}));
            for (auto number = first; number <= before.size() && !in_percent(10); ++number) {
                records.push_back(before[number - 1]);
            }
            if (!records.empty() && in_percent(10)) records.at(any(records.size())) = record();
        }
        const bool is_at_end = first - 1 + records.size() >= before.size();
        if (records.empty() || is_at_end) {
            for (auto count = records.empty() ? 1 + any(3) : any(3); count > 0; --count) records.push_back(record());
        }
        for (auto number = before.size() + 1; first > 0 && number < first + records.size() && number >= first;
             ++number) {
            before.push_back(records[number - first]);
        }
        return submission(session.attachment, first, std::move(records), noon + any(3) * day);
    }

    protocol::B0_16M record() {
        const auto channel_id = one_of(std::array<std::string, 3>{"a", "b", "c"});
        const auto hash = any(10);
        const auto timestamp = one_of(std::array{noon, noon + 1, noon + 2, noon + day, noon + 2 * day, noon + 2 * hour,
                                                 noon + 2 * hour + 1, noon - 31 * day, noon - 31 * day - 1,
                                                 storage::Milliseconds{0}, protocol::last_timestamp});
        protocol::Share share =
            numbered(conformance::share(channel_id, hash, timestamp), static_cast<std::uint32_t>(any(100)));
        share.share_work = one_of(std::array{std::uint64_t{0}, std::uint64_t{1}, ~std::uint64_t{0}});
        share.difficulty = std::bit_cast<std::uint64_t>(static_cast<double>(any(8)) / 2);
        share.target =
            one_of(std::array{protocol::U256{}, protocol::U256{}, u256(4), power_of_2(200), power_of_2(130)});
        const auto choice = any(100);
        if (choice < 55) return sent(share);
        if (choice < 65) return sent(rejected(share));
        if (choice < 75) return sent(with_block(share));
        if (choice < 85) return sent(block(channel_id, hash, timestamp));
        if (choice < 90) return sent(batch_acknowledgment(channel_id, timestamp));
        if (choice < 93) return sent(share, protocol::Bytes{1, 2, 3});
        if (choice < 96) return sent(cut_short(share));
        share.timestamp = protocol::last_timestamp + 1;
        return choice < 98 ? sent(share) : sent(protocol::Bytes{static_cast<std::uint8_t>(any(256))});
    }

    void compare() {
        scene_.compare_answers();
        for (const std::string pool : {"p", "q"}) {
            const auto channel_id = one_of(std::array<std::string, 3>{"a", "b", "c"});
            scene_.compare_pages({.pool = pool,
                                  .channel_id = channel_id,
                                  .range = {},
                                  .after = {},
                                  .max_shares = any(4),
                                  .max_bytes = 200 + any(1000)},
                                 scene_.model().shares(pool, channel_id, {}));
        }
    }

    std::mt19937_64 random_;
    Scene scene_;
    std::vector<Session> sessions_; // since the store was opened
    std::string history_;
};

} // namespace

TEST_CASE("Whatever is done, in whatever order, the store says what the model says") {
    constexpr std::uint64_t sequences = 300;
    const std::uint64_t first = seed();
    std::cout << "# CONFORMANCE_SEED=" << first << '\n';
    for (std::uint64_t i = 0; i < sequences; ++i) {
        Sequence sequence{first + i}; // to repeat this one as the first
        INFO("CONFORMANCE_SEED=" << first + i << "\n" << sequence.history());
        sequence.run();
    }
}

} // namespace conformance
