// What a pool reports of its channels, beside what its records add up to.
#include "tests/conformance/records.hpp"
#include "tests/conformance/scene.hpp"
#include "tests/conformance/text.hpp"
#include "tests/conformance/writer.hpp"

#include <doctest/doctest.h>
#include <functional>
#include <limits>

namespace conformance {

namespace {

storage::Accounting accounting(const Scene& scene, const std::string& channel_id) {
    scene.compare_accounting(pool, channel_id);
    return scene.store().accounting(pool, channel_id).value().value();
}

std::vector<std::string> drifting(const Scene& scene) {
    scene.compare_names(pool, 100);
    std::vector<std::string> names;
    const auto drift = scene.store().drift(pool, "", 100).value();
    for (const auto& each : drift) names.push_back(each.channel_id);
    return names;
}

} // namespace

TEST_CASE("Before any report the accounting of a channel is what its records add up to") {
    Scene scene;
    Writer writer{scene, stream, pool};
    writer.store_all(noon, share("a", 1), rejected(share("a", 2)));
    CHECK(accounting(scene, "a").derived.shares_accepted == 1);
    CHECK(accounting(scene, "a").derived.shares_rejected == 1);
    CHECK(!accounting(scene, "a").reported);
}

TEST_CASE("The last report stands beside the totals, and changes none of them") {
    Scene scene;
    Writer writer{scene, stream, pool};
    protocol::Totals claimed;
    claimed.shares_accepted = 50;
    claimed.share_work_sum_low = 1'000'000;
    writer.store_all(noon, share("a", 1), report("a", claimed), share("a", 2));
    const auto both = accounting(scene, "a");
    CHECK(both.derived.shares_accepted == 2);
    CHECK(both.reported.value().record.position == 2);
    CHECK(both.reported.value().record.record == sent(report("a", claimed)));
    CHECK(both.reported.value().derived_before.shares_accepted == 1);

    // The last by position, whatever its time.
    writer.store(report("a", {}, noon - day));
    CHECK(accounting(scene, "a").reported.value().record.position == 4);
    CHECK(accounting(scene, "a").reported.value().derived_before.shares_accepted == 2);
    scene.compare_answers();
    scene.drop_and_reopen();
    scene.compare_answers();
}

TEST_CASE("A deletion takes back the reports before it, and nothing else") {
    Scene scene;
    Writer writer{scene, stream, pool};
    writer.store_all(noon, share("a", 1), report("a", {}), report("a", {}), report("b", {}), accounting_deleted("a"));
    CHECK(!accounting(scene, "a").reported);
    CHECK(accounting(scene, "a").derived.shares_accepted == 1);
    CHECK(accounting(scene, "b").reported);
    CHECK(drifting(scene).empty());
    scene.compare_answers(); // the reports are still listed

    writer.store(report("a", {}));
    CHECK(accounting(scene, "a").reported.value().record.position == 6);
    scene.compare_answers();
    scene.reopen();
    scene.compare_answers();
}

TEST_CASE("A deletion makes its channel known, and a report does") {
    Scene scene;
    Writer writer{scene, stream, pool};
    writer.store_all(noon, accounting_deleted("a"), report("b", {}));
    CHECK(!accounting(scene, "a").reported);
    CHECK(accounting(scene, "b").reported);
    CHECK(scene.store().channels(pool, "", 9).value() == std::vector<std::string>{"a", "b"});
    scene.compare_answers();
}

TEST_CASE("Each figure of a report that differs from the records up to it is a drift, and only the last counts") {
    using Report = protocol::ShareAccounting;
    const struct {
        const char* what;
        std::function<void(Report&)> change;
    } drifts[] = {
        {"shares_accepted", [](Report& report) { ++report.shares_accepted; }},
        {"share_work_sum", [](Report& report) { ++report.share_work_sum; }},
        {"best_difficulty", [](Report& report) { ++report.best_difficulty; }},
        {"blocks_found", [](Report& report) { ++report.blocks_found; }},
        {"last_share_sequence_number", [](Report& report) { ++report.last_share_sequence_number; }},
        {"rejects", [](Report& report) { report.rejects.items.pop_back(); }},
    };
    Scene scene;
    Writer writer{scene, stream, pool};
    writer.store_all(noon, numbered(share("a", 1), 5), rejected(share("a", 2)), rejected(share("a", 3)),
                     with_block(share("a", 4)), rejected(share("b", 4)));
    const auto right = report("a", accounting(scene, "a").derived);
    writer.store(right);
    CHECK(drifting(scene).empty());
    for (const auto& [what, change] : drifts) {
        INFO(what);
        Report wrong = right;
        change(wrong);
        writer.store(wrong);
        CHECK(drifting(scene) == std::vector<std::string>{"a"});
        writer.store(right);
        CHECK(drifting(scene).empty());
    }
    // Duplicates and blocks that others told of before are not the channel's.
    writer.store_all(noon, share("b", 1), block("b", 4));
    writer.store(report("b", accounting(scene, "b").derived));
    CHECK(drifting(scene).empty());
    // What comes later is none of a report's.
    writer.store(share("a", 9));
    CHECK(drifting(scene).empty());
    writer.store_all(noon, right);
    CHECK(drifting(scene) == std::vector<std::string>{"a"});
    writer.store(accounting_deleted("a"));
    CHECK(drifting(scene).empty());
    scene.compare_answers();
}

TEST_CASE("Drift is told of work past 64 bits, which no report can say, and of rejects past them") {
    Scene scene;
    Writer writer{scene, stream, pool};
    auto most = share("a", 1);
    most.share_work = std::numeric_limits<std::uint64_t>::max();
    auto one_more = share("a", 2);
    one_more.share_work = 1;
    writer.store_all(noon, most, one_more); // 2^64: the lower half is 0
    writer.store(report("a", accounting(scene, "a").derived));
    CHECK(drifting(scene) == std::vector<std::string>{"a"});

    writer.store(rejected(share("b", 3)));
    auto wrapped = report("b", accounting(scene, "b").derived);
    wrapped.rejects.items.clear();
    for (const auto& [code, count] : {std::pair{"one", std::numeric_limits<std::uint64_t>::max()}, {"two", 2UL}}) {
        wrapped.rejects.items.push_back(
            {.bytes = protocol::encode(protocol::RejectCount{.error_code = {code}, .count = count}).value()});
    }
    writer.store(wrapped);
    CHECK(drifting(scene) == std::vector<std::string>{"a", "b"});
    scene.reopen();
    scene.compare_answers();
}

TEST_CASE("Drifting channels come in the order of their bytes, page after page") {
    Scene scene;
    Writer writer{scene, stream, pool};
    Writer elsewhere{scene, {.identity = "bob", .stream_id = 1}, "another pool"};
    protocol::Totals wrong;
    wrong.blocks_found = 1;
    for (const std::string channel_id : {"b", "\xc3\xa9", "a", "aa", "Z"}) writer.store(report(channel_id, wrong));
    writer.store(report("right", {}));
    elsewhere.store(report("c", wrong));
    CHECK(drifting(scene) == std::vector<std::string>{"Z", "a", "aa", "b", "\xc3\xa9"});
    for (const std::size_t limit : {1, 2, 4, 5, 6}) scene.compare_names(pool, limit);
    CHECK(scene.store().drift(pool, "a0", 1).value().front().channel_id == "aa");
    CHECK(scene.store().drift("nobody's pool", "", 9).value().empty());
}

} // namespace conformance
