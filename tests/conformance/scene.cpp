#include "tests/conformance/scene.hpp"

#include "protocol/codec.hpp"
#include "storage/open.hpp"
#include "tests/conformance/text.hpp"

#include <algorithm>
#include <cstdlib>
#include <doctest/doctest.h>
#include <set>
#include <stdexcept>

namespace conformance {

namespace {

constexpr std::size_t no_limit = std::size_t{1} << 40U;

template <class T> T value_of(storage::Result<T> result) {
    if (!result) {
        throw std::runtime_error{std::string{to_text(result.error().kind)} + ": " + result.error().detail};
    }
    if constexpr (!std::is_void_v<T>) return *std::move(result);
}

void compare(const std::string& question, const std::string& actual, const std::string& expected) {
    INFO(question);
    REQUIRE(actual == expected); // the first difference explains those behind it
}

// As in a list of records: with the 3 bytes of its length.
std::size_t encoded_size(const protocol::StoredRecord& record) {
    return 3 + protocol::encode(record).value().size();
}

// Everything, and cuts through the times that the log has.
std::vector<storage::Range> ranges_over(const std::vector<Model::Entry>& log) {
    std::set<storage::Milliseconds> distinct;
    for (const auto& entry : log) {
        if (entry.record) distinct.insert(entry.time);
    }
    std::vector<storage::Range> ranges{{}};
    if (distinct.empty()) return ranges;
    const std::vector<storage::Milliseconds> times{distinct.begin(), distinct.end()};
    const auto first = times.front();
    const auto middle = times[times.size() / 2];
    const auto last = times.back();
    ranges.push_back({.start = middle, .end = {}});
    ranges.push_back({.start = {}, .end = middle});
    ranges.push_back({.start = middle, .end = middle});
    ranges.push_back({.start = first + 1, .end = last - 1});
    ranges.push_back({.start = last + 1, .end = {}});
    return ranges;
}

} // namespace

std::string backend() {
    const char* const name = std::getenv("STORE_BACKEND");
    const auto known = storage::backends();
    if (name == nullptr || std::ranges::find(known, name) == known.end()) {
        throw std::runtime_error{"STORE_BACKEND names no backend"};
    }
    return name;
}

Scene::Scene() {
    open();
}

void Scene::open() {
    store_ = value_of(storage::open({.backend = backend(), .database_path = folder_.path() / "store"}));
    if (is_volatile()) {
        model_ = {};
        pools_.clear();
    }
}

void Scene::reopen() {
    value_of(store_->close());
    drop_and_reopen();
}

void Scene::drop_and_reopen() {
    store_.reset();
    open();
}

storage::Attachment Scene::attach(const storage::StreamName& name, const std::string& pool) {
    const auto attachment = value_of(store_->attach(name, pool));
    compare("attach " + text(name), text(attachment), text(model_.attach(name, pool, attachment.stream)));
    if (std::ranges::find(pools_, pool) == pools_.end()) pools_.push_back(pool);
    return attachment;
}

std::vector<storage::Outcome> Scene::commit(const std::vector<storage::Submission>& submissions) {
    auto outcomes = value_of(store_->commit(submissions));
    const auto expected = model_.commit(submissions);
    REQUIRE(outcomes.size() == expected.size());
    for (std::size_t i = 0; i < outcomes.size(); ++i) {
        compare("commit " + text(submissions[i]), text(outcomes[i]), text(expected[i]));
    }
    REQUIRE(store_->position() == model_.position());
    return outcomes;
}

bool Scene::compare_page(storage::ShareQuery& query, std::vector<protocol::StoredRecord>& expected) const {
    const auto page = value_of(store_->shares(query));
    std::size_t count = 0;
    std::size_t bytes = 0;
    while (count < expected.size() && (query.max_shares == 0 || count < query.max_shares)) {
        bytes += encoded_size(expected[count]);
        if (count > 0 && bytes > query.max_bytes) break;
        ++count;
    }
    const auto behind = expected.begin() + static_cast<std::ptrdiff_t>(count);
    compare("a page of shares of " + query.pool + " " + query.channel_id + " " + text(query.range), text(page.shares),
            text(std::vector(expected.begin(), behind)));
    REQUIRE((page.shares == std::vector(expected.begin(), behind)));
    expected.erase(expected.begin(), behind);
    REQUIRE(page.next.has_value() == !expected.empty());
    query.after = page.next;
    return page.next.has_value();
}

void Scene::compare_pages(const storage::ShareQuery& query, const std::vector<protocol::StoredRecord>& expected) const {
    storage::ShareQuery next = query;
    std::vector<protocol::StoredRecord> left = expected;
    while (compare_page(next, left)) {
    }
}

void Scene::compare_answers() const {
    const auto ranges = ranges_over(model_.log());
    REQUIRE(store_->position() == model_.position());
    REQUIRE(store_->health().is_healthy);
    for (const auto& pool : pools_) compare_pool(pool, ranges);
    compare_pool("nobody's pool", {{}});
}

void Scene::compare_pool(const std::string& pool, const std::vector<storage::Range>& ranges) const {
    for (const auto& range : ranges) {
        compare("totals of " + pool + " " + text(range), text(value_of(store_->totals(pool, range))),
                text(model_.totals(pool, range)));
    }
    const auto channels = model_.channels(pool);
    compare("channels of " + pool, text(value_of(store_->channels(pool, "", no_limit))), text(channels));
    compare("streams of " + pool, text(value_of(store_->streams(pool, {}, no_limit))), text(model_.streams(pool)));
    for (const auto& channel_id : channels) compare_channel(pool, channel_id, ranges);
    compare_channel(pool, "nobody's channel", {{}});
    compare_seen(pool, "");
}

void Scene::compare_channel(const std::string& pool, const std::string& channel_id,
                            const std::vector<storage::Range>& ranges) const {
    const std::string name = pool + " " + channel_id;
    compare("accounting of " + name, text(value_of(store_->accounting(pool, channel_id))),
            text(model_.accounting(pool, channel_id)));
    for (const auto& range : ranges) {
        compare("stats of " + name + " " + text(range), text(value_of(store_->channel_stats(pool, channel_id, range))),
                text(model_.channel_stats(pool, channel_id, range)));
        compare_pages({.pool = pool,
                       .channel_id = channel_id,
                       .range = range,
                       .after = {},
                       .max_shares = 0,
                       .max_bytes = no_limit},
                      model_.shares(pool, channel_id, range));
    }
    compare_seen(pool, channel_id);
}

void Scene::compare_seen(const std::string& pool, const std::string& channel_id) const {
    std::vector<protocol::U256> hashes{{.bytes = {0xee, 0xee}}};
    for (const auto& entry : model_.log()) {
        if (const auto* const share = entry.share()) hashes.push_back(share->share_hash);
    }
    const auto seen = value_of(store_->are_shares_seen(pool, channel_id, hashes));
    REQUIRE(seen.size() == hashes.size());
    for (std::size_t i = 0; i < hashes.size(); ++i) {
        INFO("seen in " << pool << " '" << channel_id << "': " << support::to_hex(hashes[i].bytes));
        REQUIRE(seen[i] == model_.is_share_seen(pool, channel_id, hashes[i]));
    }
}

} // namespace conformance
