#include "tests/conformance/scene.hpp"

#include "protocol/codec.hpp"
#include "tests/conformance/backend.hpp"
#include "tests/conformance/text.hpp"

#include <algorithm>
#include <limits>
#include <set>

namespace conformance {

namespace {

using storage::Milliseconds;

template <class T> T value_of(storage::Result<T> result) {
    if (!result) {
        throw Difference{std::string{to_text(result.error().kind)} + ": " + result.error().detail};
    }
    if constexpr (!std::is_void_v<T>) return *std::move(result);
}

// `question...` is what was asked.
template <class T, class... Question> void compare(const T& actual, const T& expected, const Question&... question) {
    if (same(actual, expected)) return;
    std::string what;
    (what.append(text(question)).append(" "), ...);
    throw Difference{what + "\nstore: " + text(actual) + "\nmodel: " + text(expected)};
}

// As in a list: with the 3 bytes of its length.
template <class T> std::size_t encoded_size(const T& item) {
    return 3 + protocol::encode(item).value().size();
}

// A page of the query must be as many of the front of `left` as it may hold.
template <class Query, class T>
void compare_items(const Query& query, const std::vector<T>& items, const std::optional<storage::RecordCursor>& next,
                   const std::vector<Listed<T>>& left, storage::Position position) {
    std::vector<T> expected;
    std::size_t bytes = 0;
    for (const auto& each : left) {
        if (query.limit.items != 0 && expected.size() == query.limit.items) break;
        bytes += encoded_size(each.item);
        if (!expected.empty() && bytes > query.limit.bytes) break;
        expected.push_back(each.item);
    }
    std::optional<storage::RecordCursor> behind;
    if (expected.size() < left.size()) {
        const auto& last = left[expected.size() - 1];
        behind = {.cut = query.after ? query.after->cut : position, .time = last.time, .position = last.position};
    }
    compare(items, expected, "a page of", query.pool, query.channel_id, query.range, "behind", query.after);
    compare(next, behind, "the cursor of a page of", query.pool, query.channel_id, query.range, "behind", query.after);
}

// All of a list that comes in pages of `limit`. `fetch` gets one behind the last item of the page before.
template <class T, class Fetch>
void compare_list(const std::string& question, const std::vector<T>& expected, std::size_t limit, const Fetch& fetch) {
    std::vector<T> all;
    for (;;) {
        const std::vector<T> page = fetch(all.empty() ? nullptr : &all.back());
        compare(page.size() <= limit, true, question, "in pages no longer than", limit);
        all.insert(all.end(), page.begin(), page.end());
        if (page.size() < limit) break;
    }
    compare(all, expected, question, "in pages of", limit);
}

// Everything, and cuts through the times that the log has.
std::vector<storage::Range> ranges_over(const std::vector<Entry>& log) {
    std::set<Milliseconds> distinct;
    for (const auto& entry : log) {
        if (entry.record) distinct.insert(entry.time);
    }
    std::vector<storage::Range> ranges{{}};
    if (distinct.empty()) return ranges;
    const std::vector<Milliseconds> times{distinct.begin(), distinct.end()};
    const auto first = times.front();
    const auto middle = times[times.size() / 2];
    const auto last = times.back();
    const auto whole = middle / hour * hour;
    ranges.push_back({.start = middle, .end = {}});
    ranges.push_back({.start = {}, .end = middle});
    ranges.push_back({.start = middle, .end = middle});
    ranges.push_back({.start = first + 1, .end = last - 1});
    ranges.push_back({.start = last + 1, .end = {}});
    ranges.push_back({.start = whole, .end = whole + hour - 1});
    ranges.push_back({.start = whole + 1, .end = last / hour * hour});
    ranges.push_back({.start = 0, .end = std::numeric_limits<Milliseconds>::max()});
    ranges.push_back({.start = last, .end = first == 0 ? 0 : first - 1});
    return ranges;
}

} // namespace

Scene::Scene(storage::Position save_interval)
    : folder_{std::filesystem::is_directory("/dev/shm") ? "/dev/shm" : std::filesystem::temp_directory_path()},
      save_interval_{save_interval} {
    open();
}

void Scene::open() {
    store_ = value_of(open_store(folder_.path(), save_interval_));
    if (is_volatile()) {
        model_ = Model{};
        pools_.clear();
        is_cleaning_.reset();
    }
}

void Scene::reopen() {
    value_of(store_->close());
    drop_and_reopen();
}

void Scene::reopen(storage::Position save_interval) {
    save_interval_ = save_interval;
    reopen();
}

void Scene::drop_and_reopen() {
    store_.reset();
    open();
}

void Scene::begin_anew() {
    if (is_volatile()) return drop_and_reopen();
    clean_up(std::numeric_limits<Milliseconds>::max());
    model_ = Model{store_->position()};
    pools_.clear();
}

storage::Attachment Scene::attach(const storage::StreamName& name, const std::string& pool) {
    const auto attachment = value_of(store_->attach(name, pool));
    compare(attachment, model_.attach(name, pool, attachment.stream), "attach", name, pool);
    if (std::ranges::find(pools_, pool) == pools_.end()) pools_.push_back(pool);
    return attachment;
}

std::vector<storage::Outcome> Scene::commit(const std::vector<storage::Submission>& submissions) {
    auto outcomes = value_of(store_->commit(submissions));
    compare(outcomes.size(), submissions.size(), "as many outcomes as submissions");
    for (std::size_t i = 0; i < outcomes.size(); ++i) {
        compare(text(outcomes[i]), text(model_.commit(submissions[i])), "commit", text(submissions[i]));
    }
    compare(store_->position(), model_.position(), "the position after a commit");
    return outcomes;
}

bool Scene::clean_up_step(Milliseconds older_than) {
    const auto step = value_of(store_->clean_up(older_than));
    is_cleaning_ = is_cleaning_.value_or(0) + step.removed_shares;
    if (!step.is_done) return true;
    compare(*is_cleaning_, model_.clean_up(older_than), "shares removed that arrived before", older_than);
    is_cleaning_.reset();
    return false;
}

void Scene::clean_up(Milliseconds older_than) {
    constexpr int enough = 100'000;
    int steps = 0;
    while (clean_up_step(older_than)) compare(++steps < enough, true, "that cleaning up comes to an end");
}

bool Scene::compare_page(storage::RecordQuery& query) const {
    const auto page = value_of(store_->records(query));
    compare_items(query, page.records, page.next, model_.records(query), model_.position());
    query.after = page.next;
    return page.next.has_value();
}

bool Scene::compare_page(storage::BlockQuery& query) const {
    const auto page = value_of(store_->blocks(query));
    compare_items(query, page.blocks, page.next, model_.blocks(query), model_.position());
    query.after = page.next;
    return page.next.has_value();
}

// Totals are true of the range that they say they cover. Which that may be is not certain during a clean-up.
storage::Range Scene::covered(const std::string& pool, const std::string& channel_id, const storage::Range& asked,
                              const storage::Range& actual) const {
    if (!is_cleaning_) return model_.covered(pool, channel_id, asked);
    storage::Range covered = asked;
    if (asked.start && covered.start != actual.start) *covered.start -= *asked.start % hour;
    if (asked.end && covered.end != actual.end) *covered.end += hour - 1 - *asked.end % hour;
    return covered;
}

void Scene::compare_totals(const std::string& pool, const std::string& channel_id, const storage::Range& range) const {
    using enum protocol::Subject;
    if (!channel_id.empty()) {
        const auto actual = value_of(store_->channel_stats(pool, channel_id, range));
        const auto in = covered(pool, channel_id, range, actual.range);
        compare(actual, {.range = in, .totals = model_.totals(pool, channel, channel_id, in)}, "stats of", pool,
                channel_id, range);
        return;
    }
    const auto actual = value_of(store_->totals(pool, range));
    const auto in = covered(pool, "", range, actual.in_range.range);
    compare(actual,
            {.position = model_.position(),
             .channels = model_.names(pool, channel, in).size(),
             .in_range = {.range = in, .totals = model_.totals(pool, channel, "", in)}},
            "totals of", pool, range);
}

void Scene::compare_hours(const std::string& pool, protocol::Subject subject, const std::string& subject_id,
                          const storage::Range& range, std::size_t limit) const {
    compare_list("hours of " + pool + " " + subject_id + " " + text(range),
                 model_.hours(pool, subject, subject_id, range), limit, [&](const storage::Hour* last) {
                     storage::HoursQuery query{.pool = pool,
                                               .subject = subject,
                                               .subject_id = subject_id,
                                               .range = range,
                                               .after = {},
                                               .limit = limit};
                     if (last != nullptr) query.after = last->number;
                     return value_of(store_->hours(query));
                 });
}

void Scene::compare_accounting(const std::string& pool, const std::string& channel_id) const {
    compare(value_of(store_->accounting(pool, channel_id)), model_.accounting(pool, channel_id), "accounting of", pool,
            channel_id);
}

void Scene::compare_names(const std::string& pool, std::size_t limit) const {
    const auto after = [](const std::string* last) { return last == nullptr ? std::string{} : *last; };
    compare_list("channels of " + pool, model_.names(pool, protocol::Subject::channel), limit,
                 [&](const std::string* last) { return value_of(store_->channels(pool, after(last), limit)); });
    compare_list("users of " + pool, model_.names(pool, protocol::Subject::user), limit,
                 [&](const std::string* last) { return value_of(store_->users(pool, after(last), limit)); });
    compare_list("drift of " + pool, model_.drift(pool), limit, [&](const storage::Drift* last) {
        return value_of(store_->drift(pool, last == nullptr ? std::string{} : last->channel_id, limit));
    });
    compare_list("streams of " + pool, model_.streams(pool), limit, [&](const protocol::StreamState* last) {
        std::optional<storage::StreamName> behind;
        if (last != nullptr) behind = {.identity = last->identity.text, .stream_id = last->stream_id};
        return value_of(store_->streams(pool, behind, limit));
    });
}

void Scene::compare_seen(const std::string& pool, const std::string& channel_id) const {
    if (is_cleaning_) return;
    std::vector<protocol::U256> hashes{{.bytes = {0xee, 0xee}}};
    for (const auto& entry : model_.log()) {
        if (const auto* const share = entry.as<protocol::Share>()) hashes.push_back(share->share_hash);
    }
    std::vector<bool> expected;
    for (const auto& hash : hashes) expected.push_back(model_.is_share_seen(pool, channel_id, hash));
    compare(value_of(store_->are_shares_seen(pool, channel_id, hashes)), expected, "seen in", pool, channel_id, hashes);
}

void Scene::compare_answers() const {
    compare_answers(ranges_over(model_.log()));
}

void Scene::compare_answers(const std::vector<storage::Range>& ranges) const {
    compare(store_->position(), model_.position(), "the position");
    compare(store_->health().is_healthy, true, "health");
    for (const auto& pool : pools_) compare_pool(pool, ranges);
    compare_pool("nobody's pool", {{}});
}

void Scene::compare_pool(const std::string& pool, const std::vector<storage::Range>& ranges) const {
    compare_names(pool, std::numeric_limits<std::uint32_t>::max());
    for (const auto& range : ranges) {
        compare_totals(pool, "", range);
        compare_pages(
            storage::BlockQuery{.pool = pool, .channel_id = {}, .range = range, .after = {}, .limit = no_limit});
        for (const auto& user : model_.names(pool, protocol::Subject::user)) {
            compare_hours(pool, protocol::Subject::user, user, range, std::numeric_limits<std::uint32_t>::max());
        }
    }
    for (const auto& channel_id : model_.names(pool, protocol::Subject::channel))
        compare_channel(pool, channel_id, ranges);
    compare_channel(pool, "nobody's channel", {{}});
    compare_channel(pool, "", ranges); // of the pool as a whole
}

void Scene::compare_channel(const std::string& pool, const std::string& channel_id,
                            const std::vector<storage::Range>& ranges) const {
    using enum protocol::RecordKind;
    compare_seen(pool, channel_id);
    compare_accounting(pool, channel_id);
    for (const auto& range : ranges) {
        if (!is_cleaning_) {
            for (const auto kind : {share, share_accounting, block, block_status, batch_acknowledgment, declared_job,
                                    solution, accounting_deleted}) {
                compare_pages(storage::RecordQuery{.pool = pool,
                                                   .kind = kind,
                                                   .channel_id = channel_id,
                                                   .range = range,
                                                   .after = {},
                                                   .limit = no_limit});
            }
        }
        if (channel_id.empty()) continue;
        compare_totals(pool, channel_id, range);
        compare_pages(storage::BlockQuery{
            .pool = pool, .channel_id = channel_id, .range = range, .after = {}, .limit = no_limit});
        compare_hours(pool, protocol::Subject::channel, channel_id, range, std::numeric_limits<std::uint32_t>::max());
    }
}

} // namespace conformance
