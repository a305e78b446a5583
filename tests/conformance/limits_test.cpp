// The largest, the smallest and the longest that there is, of every kind.
#include "tests/conformance/records.hpp"
#include "tests/conformance/scene.hpp"
#include "tests/conformance/text.hpp"
#include "tests/conformance/writer.hpp"

#include <bit>
#include <doctest/doctest.h>
#include <limits>

namespace conformance {

namespace {

using protocol::Verdict;

constexpr auto u32_max = std::numeric_limits<std::uint32_t>::max();
constexpr auto u64_max = std::numeric_limits<std::uint64_t>::max();

std::uint64_t bits(double value) {
    return std::bit_cast<std::uint64_t>(value);
}

// Every field that is a number is the largest that it can be, every text as long as can be.
template <protocol::Record R> R largest(R record) {
    const auto enlarge = []<class T>(T& field) {
        if constexpr (std::same_as<T, std::uint32_t> || std::same_as<T, std::uint64_t>) {
            field = std::numeric_limits<T>::max();
        } else if constexpr (std::same_as<T, protocol::Str0_255>) {
            field.text.assign(255, 'x');
        } else if constexpr (std::same_as<T, protocol::B0_255>) {
            field.bytes.assign(255, 0xff);
        } else if constexpr (std::same_as<T, protocol::U256>) {
            field.bytes.fill(0xff);
        } else if constexpr (std::same_as<T, protocol::Option<std::uint64_t>>) {
            field = std::numeric_limits<std::uint64_t>::max();
        }
    };
    R::fields(record)([&](const auto&... field) { (enlarge(field.value), ...); });
    record.timestamp = noon;
    if constexpr (requires { record.difficulty; }) record.difficulty = bits(std::numeric_limits<double>::max());
    if constexpr (requires { record.best_difficulty; })
        record.best_difficulty = bits(std::numeric_limits<double>::max());
    return record;
}

} // namespace

TEST_CASE("Numbers may be the largest that there are, in every kind of record") {
    Scene scene;
    Writer writer{scene, {.identity = "alice", .stream_id = u64_max}, pool};
    CHECK(writer.store(largest(share("a", 1))) == Verdict::stored);
    CHECK(writer.store(largest(block("a", 1))) == Verdict::stored);
    CHECK(writer.store(largest(block_status(1, protocol::BlockState::confirmed))) == Verdict::stored);
    auto reported = largest(report("a", {}));
    reported.rejects.items.push_back(
        {.bytes =
             protocol::encode(protocol::RejectCount{.error_code = {std::string(255, 'e')}, .count = u64_max}).value()});
    CHECK(writer.store(reported) == Verdict::stored);
    CHECK(writer.store(largest(batch_acknowledgment("a"))) == Verdict::stored);
    auto job = largest(declared_job(1));
    job.error_code.text.clear();
    CHECK(writer.store(job) == Verdict::stored);
    CHECK(writer.store(largest(solution(1, 1))) == Verdict::stored);
    CHECK(writer.store(largest(accounting_deleted("a"))) == Verdict::stored);
    for (int i = 0; i < 2; ++i) {
        scene.compare_answers();
        if (!scene.is_volatile()) scene.reopen();
    }
    const auto totals = scene.store().accounting(pool, std::string(255, 'x')).value().value().derived;
    CHECK(totals.last_sequence_number == u32_max);
    CHECK(totals.best_difficulty == bits(std::numeric_limits<double>::max()));
    CHECK(totals.share_work_sum_low == u64_max);
}

TEST_CASE("Names are 1 to 255 bytes, and all of them count") {
    Scene scene;
    const std::string longest(255, 'n');
    const std::string nearly = std::string(254, 'n') + "m";
    Writer writer{scene, {.identity = longest, .stream_id = 1}, longest};
    Writer other{scene, {.identity = nearly, .stream_id = 1}, nearly};
    Writer shortest{scene, {.identity = "i", .stream_id = 0}, "p"};
    for (Writer* const each : {&writer, &other, &shortest}) {
        std::uint64_t hash = 0;
        for (const std::string& channel_id : {longest, nearly, std::string{"c"}}) {
            for (const std::string& user : {longest, nearly, std::string{"u"}}) {
                auto next = of_user(share(channel_id, ++hash), user);
                next.label.text = longest;
                CHECK(each->store(next) == Verdict::stored);
            }
        }
    }
    CHECK(scene.store().channels(longest, "", 9).value() == std::vector<std::string>{"c", nearly, longest});
    CHECK(scene.store().users(nearly, "", 9).value() == std::vector<std::string>{nearly, longest, "u"});
    scene.compare_answers();
    scene.reopen();
    scene.compare_answers();
}

TEST_CASE("Texts with control characters, or that are no UTF-8, are refused in every field of every kind") {
    Scene scene;
    Writer writer{scene, {.identity = "alice", .stream_id = 1}, pool};
    const auto with_label = [](auto record, const std::string& label) {
        record.label.text = label;
        return record;
    };
    for (const std::string& bad : {std::string{"\0", 1}, std::string{"\x1f"}, std::string{"a\tb"}, std::string{"\x7f"},
                                   std::string{"\xc2\x80"}, std::string{"\xc2\x9f"}, std::string{"\x80"},
                                   std::string{"\xed\xa0\x80"}, std::string{"\xc0\xaf"}, std::string{"a\xe2\x82"}}) {
        INFO(support::to_hex(std::span{reinterpret_cast<const std::uint8_t*>(bad.data()), bad.size()}));
        CHECK(writer.store(share(bad, 1)) == Verdict::invalid_text);
        CHECK(writer.store(of_user(share("a", 1), bad)) == Verdict::invalid_text);
        CHECK(writer.store(with_label(share("a", 1), bad)) == Verdict::invalid_text);
        CHECK(writer.store(block(bad, 1)) == Verdict::invalid_text);
        CHECK(writer.store(with_label(block("a", 1), bad)) == Verdict::invalid_text);
        CHECK(writer.store(with_label(block_status(1, protocol::BlockState::orphaned), bad)) == Verdict::invalid_text);
        CHECK(writer.store(report(bad, {})) == Verdict::invalid_text);
        CHECK(writer.store(with_label(report("a", {}), bad)) == Verdict::invalid_text);
        auto rejecting = report("a", {});
        rejecting.rejects.items.push_back(
            {.bytes = protocol::encode(protocol::RejectCount{.error_code = {bad}, .count = 1}).value()});
        CHECK(writer.store(rejecting) == Verdict::invalid_text);
        CHECK(writer.store(batch_acknowledgment(bad)) == Verdict::invalid_text);
        CHECK(writer.store(with_label(batch_acknowledgment("a"), bad)) == Verdict::invalid_text);
        CHECK(writer.store(with_label(declared_job(1), bad)) == Verdict::invalid_text);
        auto job = declared_job(1);
        job.user_identity.text = bad;
        CHECK(writer.store(job) == Verdict::invalid_text);
        auto refused = declared_job(1);
        refused.accepted = 0;
        refused.new_mining_job_token.bytes.clear();
        refused.error_code.text = bad;
        CHECK(writer.store(refused) == Verdict::invalid_text);
        CHECK(writer.store(with_label(solution(1, 1), bad)) == Verdict::invalid_text);
        CHECK(writer.store(accounting_deleted(bad)) == Verdict::invalid_text);
        CHECK(writer.store(with_label(accounting_deleted("a"), bad)) == Verdict::invalid_text);
        auto failed = rejected(share("a", 1));
        failed.outcome_data.bytes = protocol::encode(protocol::FailedOutcome{.error_code = {bad}}).value();
        CHECK(writer.store(failed) == Verdict::invalid_text);
    }
    CHECK(writer.store(share("\xc2\xa0 \xf4\x8f\xbf\xbf", 1)) == Verdict::stored); // the first and last that may be
    CHECK(scene.store().channels(pool, "", 9).value().size() == 1);
    scene.compare_answers();
}

TEST_CASE("A difficulty may be 0, and the smallest and largest there are; no NaN, no infinity, and none below 0") {
    Scene scene;
    Writer writer{scene, {.identity = "alice", .stream_id = 1}, pool};
    std::uint64_t hash = 0;
    const auto verdict_on = [&](double difficulty) {
        auto of_share = share("a", ++hash);
        of_share.difficulty = bits(difficulty);
        auto of_block = block("a", hash);
        of_block.difficulty = bits(difficulty);
        auto of_report = report("a", {});
        of_report.best_difficulty = bits(difficulty);
        const auto verdict = writer.store(of_share);
        CHECK(writer.store(of_block) == verdict);
        CHECK(writer.store(of_report) == verdict);
        return verdict;
    };
    using Double = std::numeric_limits<double>;
    for (const double fine : {0.0, Double::denorm_min(), Double::min(), 1.0, Double::max()}) {
        INFO(fine);
        CHECK(verdict_on(fine) == Verdict::stored);
    }
    for (const double bad : {-0.0, -1.0, -Double::denorm_min(), Double::infinity(), -Double::infinity(),
                             Double::quiet_NaN(), -Double::quiet_NaN(), Double::signaling_NaN()}) {
        INFO(bad);
        CHECK(verdict_on(bad) == Verdict::invalid_record);
    }
    scene.compare_answers();
}

TEST_CASE("Times reach from 0 to the end of the year 9999, in records, arrivals and questions") {
    Scene scene;
    Writer writer{scene, {.identity = "alice", .stream_id = 1}, pool};
    constexpr auto last = protocol::last_timestamp;
    writer.store_all(0, share("a", 1, 0), block("a", 2, 0), report("a", {}, 0));
    writer.store_all(last, share("a", 3, last), block("a", 4, last),
                     block_status(4, protocol::BlockState::submitted, last), batch_acknowledgment("a", last),
                     declared_job(1, last), solution(1, 4, last), accounting_deleted("a", last));
    CHECK(writer.store(share("a", 5, last + 1), last) == Verdict::invalid_timestamp);
    CHECK(writer.store(solution(1, 5, u64_max), last) == Verdict::invalid_timestamp);
    scene.compare_answers();
    for (const storage::Range& range : {storage::Range{.start = 0, .end = 0},
                                        {.start = 0, .end = last},
                                        {.start = 1, .end = last - 1},
                                        {.start = last, .end = last},
                                        {.start = last, .end = u64_max},
                                        {.start = last + 1, .end = u64_max},
                                        {.start = u64_max, .end = u64_max},
                                        {.start = u64_max, .end = 0}}) {
        scene.compare_totals(pool, "", range);
        scene.compare_totals(pool, "a", range);
        scene.compare_hours(pool, protocol::Subject::channel, "a", range, 9);
        scene.compare_pages(
            storage::BlockQuery{.pool = pool, .channel_id = {}, .range = range, .after = {}, .limit = no_limit});
    }
    scene.reopen();
    scene.compare_answers();
    scene.clean_up(last); // all that arrived at 0
    scene.compare_answers();
    scene.clean_up(u64_max);
    scene.compare_answers();
}

TEST_CASE("Limits of pages may be 1 and the largest that there are") {
    Scene scene;
    Writer writer{scene, {.identity = "alice", .stream_id = 1}, pool};
    for (std::uint64_t i = 0; i < 5; ++i) writer.store(with_block(share("a", i)));
    for (const std::size_t items : {std::size_t{0}, std::size_t{1}, std::size_t{u32_max}, std::size_t{u64_max}}) {
        for (const std::size_t bytes : {std::size_t{0}, std::size_t{u32_max}, std::size_t{u64_max}}) {
            scene.compare_pages(storage::RecordQuery{.pool = pool,
                                                     .kind = protocol::RecordKind::share,
                                                     .channel_id = "a",
                                                     .range = {},
                                                     .after = {},
                                                     .limit = {.items = items, .bytes = bytes}});
            scene.compare_pages(storage::BlockQuery{
                .pool = pool, .channel_id = {}, .range = {}, .after = {}, .limit = {.items = items, .bytes = bytes}});
        }
    }
    for (const std::size_t limit : {std::size_t{1}, std::size_t{u32_max}, std::size_t{u64_max}}) {
        scene.compare_names(pool, limit);
        scene.compare_hours(pool, protocol::Subject::channel, "a", {}, limit);
    }
    CHECK(scene.store().channels(pool, "", 0).value().empty());
}

TEST_CASE("A cursor that no page has given is no reason to fail") {
    Scene scene;
    Writer writer{scene, {.identity = "alice", .stream_id = 1}, pool};
    for (std::uint64_t i = 0; i < 5; ++i) writer.store(with_block(share("a", i)));
    for (const storage::RecordCursor& cursor : {storage::RecordCursor{.cut = 0, .time = 0, .position = 0},
                                                {.cut = u64_max, .time = u64_max, .position = u64_max},
                                                {.cut = 3, .time = noon, .position = 5},
                                                {.cut = 2, .time = noon + 1, .position = 0}}) {
        const auto records = scene.store().records({.pool = pool,
                                                    .kind = protocol::RecordKind::share,
                                                    .channel_id = "a",
                                                    .range = {},
                                                    .after = cursor,
                                                    .limit = no_limit});
        const auto blocks =
            scene.store().blocks({.pool = pool, .channel_id = {}, .range = {}, .after = cursor, .limit = no_limit});
        const auto up_to = std::min<std::uint64_t>(cursor.cut, 5);
        REQUIRE(records.has_value());
        CHECK(records->records.size() == (cursor.time == 0 ? 0 : std::min(up_to, cursor.time == noon ? 4 : up_to)));
        REQUIRE(blocks.has_value());
        CHECK(blocks->blocks.size() == records->records.size());
    }
}

} // namespace conformance
