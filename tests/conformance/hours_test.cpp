// Sums by the hour, and ranges that cut hours.
#include "tests/conformance/records.hpp"
#include "tests/conformance/scene.hpp"
#include "tests/conformance/text.hpp"
#include "tests/conformance/writer.hpp"

#include <doctest/doctest.h>
#include <limits>

namespace conformance {

namespace {

using protocol::Subject;

std::vector<std::uint32_t> hours(const Scene& scene, Subject subject, const std::string& subject_id,
                                 const storage::Range& range = {}) {
    for (const std::size_t limit : {1, 2, 3, 100}) scene.compare_hours(pool, subject, subject_id, range, limit);
    std::vector<std::uint32_t> numbers;
    const auto list =
        scene.store()
            .hours(
                {.pool = pool, .subject = subject, .subject_id = subject_id, .range = range, .after = {}, .limit = 100})
            .value();
    for (const auto& each : list) numbers.push_back(each.number - static_cast<std::uint32_t>(top / hour));
    return numbers;
}

using Numbers = std::vector<std::uint32_t>;

} // namespace

TEST_CASE("An hour holds its first and its last millisecond, and hours without records are left out") {
    Scene scene;
    Writer writer{scene, stream, pool};
    const auto received = top + 5 * hour;
    writer.store_all(received, share("a", 1, top + 3 * hour), share("a", 2, top), share("a", 3, top + hour - 1),
                     share("b", 4, top + hour), share("a", 5, top + 3 * hour + 1), rejected(share("a", 6, top)));
    CHECK(hours(scene, Subject::channel, "a") == Numbers{0, 3});
    CHECK(hours(scene, Subject::channel, "b") == Numbers{1});
    CHECK(hours(scene, Subject::channel, "c").empty());
    if (!scene.is_volatile()) scene.reopen();
    CHECK(hours(scene, Subject::channel, "a") == Numbers{0, 3});
    scene.compare_answers();
}

TEST_CASE("Records of any kind and verdict make an hour of their channel, also where nothing adds up") {
    Scene scene;
    Writer writer{scene, stream, pool};
    const auto received = top + 9 * hour;
    writer.store_all(received, share("a", 1, top), share("a", 1, top + hour), batch_acknowledgment("a", top + 2 * hour),
                     report("a", {}, top + 3 * hour), accounting_deleted("a", top + 4 * hour),
                     with_target(share("a", 9, top + 5 * hour), u256(1)), block("a", 9, top + 6 * hour));
    CHECK(hours(scene, Subject::channel, "a") == Numbers{0, 1, 2, 3, 4, 5, 6});
    scene.compare_answers();
}

TEST_CASE("Hours that overlap a range are given whole") {
    Scene scene;
    Writer writer{scene, stream, pool};
    for (std::uint64_t i = 0; i < 6; ++i) writer.store(share("a", i, top + i * hour + hour / 2), top + 6 * hour);
    constexpr auto most = std::numeric_limits<storage::Milliseconds>::max();
    const auto in = [&](std::optional<storage::Milliseconds> start, std::optional<storage::Milliseconds> end) {
        return hours(scene, Subject::channel, "a", {.start = start, .end = end});
    };
    CHECK(in({}, {}) == Numbers{0, 1, 2, 3, 4, 5});
    CHECK(in(top + 2 * hour - 1, top + 3 * hour) == Numbers{1, 2, 3});
    CHECK(in(top + 2 * hour, top + 3 * hour - 1) == Numbers{2});
    CHECK(in(top + 5 * hour - 1, {}) == Numbers{4, 5});
    CHECK(in({}, top) == Numbers{0});
    CHECK(in(top, top) == Numbers{0}); // before the record, in its hour
    CHECK(in({}, top - 1).empty());
    CHECK(in(top + 6 * hour, {}).empty());
    CHECK(in(0, most) == Numbers{0, 1, 2, 3, 4, 5});
    CHECK(in(most, most).empty());
    CHECK(in(top + 3 * hour, top + 2 * hour).empty()); // upside down
    CHECK(in(top + 1, top).empty());
}

TEST_CASE("A user's hours are those of the shares that name it, over all channels") {
    Scene scene;
    Writer writer{scene, stream, pool};
    const auto received = top + 5 * hour;
    writer.store_all(received, of_user(share("a", 1, top), "ann"), of_user(share("b", 2, top + 1), "ann"),
                     of_user(rejected(share("b", 3, top + hour)), "ann"), of_user(share("b", 1, top + hour), "ann"),
                     of_user(with_block(share("a", 4, top + 2 * hour)), "ben"), share("a", 5, top + 3 * hour),
                     of_user(with_block(share("a", 6, top + 2 * hour)), "ann"),
                     of_user(with_target(share("b", 9, top + 3 * hour), u256(8)), "eve"), block("a", 7, top));
    CHECK(hours(scene, Subject::user, "ann") == Numbers{0, 1, 2});
    CHECK(hours(scene, Subject::user, "ben") == Numbers{2});
    CHECK(hours(scene, Subject::user, "eve") == Numbers{3});
    CHECK(hours(scene, Subject::user, "a").empty());
    CHECK(scene.store().users(pool, "", 9).value() == std::vector<std::string>{"ann", "ben", "eve"});
    scene.compare_answers();
    scene.drop_and_reopen();
    scene.compare_answers();
}

TEST_CASE("A channel and a user of one name are two") {
    Scene scene;
    Writer writer{scene, stream, pool};
    Writer elsewhere{scene, {.identity = "bob", .stream_id = 1}, "another pool"};
    writer.store_all(top, of_user(share("x", 1, top), "y"), of_user(share("y", 2, top + hour), "x"));
    elsewhere.store(of_user(share("x", 1, top - hour), "x"), top);
    CHECK(hours(scene, Subject::channel, "x") == Numbers{0});
    CHECK(hours(scene, Subject::user, "x") == Numbers{1});
    CHECK(scene.store().users("another pool", "", 9).value() == std::vector<std::string>{"x"});
    scene.compare_answers();
}

TEST_CASE("Users come in the order of their bytes, page after page") {
    Scene scene;
    Writer writer{scene, stream, pool};
    std::uint64_t hash = 0;
    for (const std::string user : {"b", "\xc3\xa9", "a", "", "aa", "Z", "a"}) {
        writer.store(of_user(share("x", ++hash), user));
    }
    CHECK(scene.store().users(pool, "", 9).value() == std::vector<std::string>{"Z", "a", "aa", "b", "\xc3\xa9"});
    for (const std::size_t limit : {1, 2, 4, 5, 6}) scene.compare_names(pool, limit);
    CHECK(scene.store().users(pool, "a0", 1).value() == std::vector<std::string>{"aa"}); // that there is none
    if (!scene.is_volatile()) scene.reopen();
    Writer again{scene, stream, pool};
    again.store_all(noon, of_user(share("x", 100), "m"), of_user(share("x", 101), "a"));
    scene.compare_names(pool, 2);
}

TEST_CASE("A range answers exactly, wherever it cuts the hours and however what is in them was saved") {
    for (const storage::Position interval : {1, 3, 7, 1000}) {
        INFO("saved every " << interval);
        Scene scene{interval};
        Writer writer{scene, stream, pool};
        const auto received = top + 4 * hour;
        for (std::uint64_t i = 0; i < 30; ++i) {
            const auto time = top + i * 7 % 10 * hour / 3;
            auto each = numbered(share(i % 3 == 0 ? "b" : "a", i, time), static_cast<std::uint32_t>(i));
            each.share_work = i;
            writer.store(i % 7 == 0 ? with_block(each) : each, received);
        }
        for (std::uint64_t i = 0; i <= 12; ++i) {
            for (std::uint64_t j = i; j <= 12; ++j) {
                for (const auto off : {0, 1}) {
                    const storage::Range range{.start = top + i * hour / 3 + static_cast<std::uint64_t>(off),
                                               .end = top + j * hour / 3 - static_cast<std::uint64_t>(off)};
                    scene.compare_totals(pool, "", range);
                    scene.compare_totals(pool, "a", range);
                }
            }
        }
    }
}

} // namespace conformance
