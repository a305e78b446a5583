// What LogStore answers from its state, and from sums.
#include "storage/checked_reads.hpp"
#include "storage/counted_share.hpp"
#include "storage/hours.hpp"
#include "storage/integrity.hpp"
#include "storage/log_store.hpp"
#include "storage/range_sums.hpp"

#include <algorithm>
#include <iterator>
#include <limits>
#include <mutex>
#include <shared_mutex>

namespace storage {

namespace {

bool is_everything(const Range& range) {
    return !range.start && !range.end;
}

// The names after `after`, without the empty one.
std::vector<std::string> names_after(const std::map<std::string, std::uint32_t, std::less<>>& all,
                                     const std::string& after, std::size_t limit) {
    std::vector<std::string> names;
    for (auto next = all.upper_bound(after); next != all.end() && names.size() < limit; ++next) {
        names.push_back(next->first);
    }
    return names;
}

} // namespace

Position LogStore::position() const {
    const std::shared_lock lock{mutex_};
    return state_.head().position;
}

LogStore::View LogStore::view() const {
    const std::shared_lock lock{mutex_};
    return {.cut = state_.head().position, .gone = state_.head().removed, .interrupts = interrupts_};
}

Result<void> LogStore::go_on(const View& view) const {
    if (interrupts_ == view.interrupts) return {};
    return std::unexpected(StorageError{.kind = StorageError::Kind::unavailable, .detail = "interrupted"});
}

Result<std::vector<bool>> LogStore::are_shares_seen(const std::string& pool, const std::string& channel_id,
                                                    std::span<const protocol::U256> hashes) const {
    const auto is_asked_for = [&](std::uint32_t number) {
        const std::shared_lock lock{mutex_};
        const Channel* const channel = state_.channel(number);
        return channel != nullptr && channel->row.pool == pool &&
               (channel_id.empty() || channel->row.channel_id == channel_id);
    };
    return undisturbed([&]() -> Result<std::vector<bool>> {
        const View seen = view();
        std::vector<bool> answers;
        answers.reserve(hashes.size());
        for (const protocol::U256& hash : hashes) {
            if (const auto on = go_on(seen); !on) return std::unexpected(on.error());
            const auto fingerprint = fingerprint_of(fingerprint_key_, pool, hash);
            const auto channels = channels_that_count(*engine_, fingerprint, hash, seen.cut, seen.gone);
            if (!channels) return std::unexpected(channels.error());
            answers.push_back(std::ranges::any_of(*channels, is_asked_for));
        }
        return answers;
    });
}

Result<std::optional<Accounting>> LogStore::accounting(const std::string& pool, const std::string& channel_id) const {
    if (channel_id.empty()) return std::nullopt; // what belongs to no channel adds up to nothing
    for (;;) {
        Accounting accounting;
        std::optional<KnownReport> known;
        std::uint32_t number = 0;
        const View seen = view();
        {
            const std::shared_lock lock{mutex_};
            const Channel* const channel = state_.channel(pool, channel_id);
            if (channel == nullptr) return std::nullopt;
            accounting.derived = channel->tally.totals;
            known = channel->report;
            number = channel->row.number;
        }
        if (!known) return accounting;
        if (const auto on = go_on(seen); !on) return std::unexpected(on.error());
        auto report = read_report(number, *known);
        if (!report) return std::unexpected(report.error());
        if (!*report) continue;
        accounting.reported = *std::move(report);
        return accounting;
    }
}

Result<std::vector<Drift>> LogStore::drift(const std::string& pool, const std::string& after, std::size_t limit) const {
    struct Found {
        std::string channel_id;
        std::uint32_t number = 0;
        KnownReport report;
    };
    const View seen = view();
    for (;;) {
        std::vector<Found> found;
        {
            const std::shared_lock lock{mutex_};
            const Pool* const known = state_.pool(pool);
            if (known == nullptr) return std::vector<Drift>{};
            for (auto next = known->channels.upper_bound(after); next != known->channels.end() && found.size() < limit;
                 ++next) {
                const auto& report = state_.channel(next->second)->report;
                if (report && report->is_drifting) found.push_back({next->first, next->second, *report});
            }
        }
        std::vector<Drift> drifts;
        for (const Found& channel : found) {
            if (const auto on = go_on(seen); !on) return std::unexpected(on.error());
            const auto read = read_report(channel.number, channel.report);
            if (!read) return std::unexpected(read.error());
            const std::optional<Report>& report = *read;
            if (report) drifts.push_back({.channel_id = channel.channel_id, .report = *report});
        }
        if (drifts.size() == found.size()) return drifts;
    }
}

Result<std::optional<Report>> LogStore::read_report(std::uint32_t channel, const KnownReport& known) const {
    auto read = read_one(*engine_, known.position);
    if (!read) return noticed(read.error());
    std::optional<LogEntry>& entry = *read;
    if (entry)
        return Report{.record = stored_record(*entry, std::move(entry->bytes)), .derived_before = known.derived_before};
    {
        const std::shared_lock lock{mutex_};
        const auto& last = state_.channel(channel)->report;
        if (!last || last->position != known.position) return std::nullopt; // it was taken out, as it may be now
    }
    return noticed(corrupt_at(known.position, "it is missing"));
}

Result<RangeTotals> LogStore::channel_stats(const std::string& pool, const std::string& channel_id,
                                            const Range& range) const {
    return undisturbed([&]() -> Result<RangeTotals> {
        const View seen = view();
        std::optional<RangeSums> sums;
        {
            const std::shared_lock lock{mutex_};
            const Channel* const channel = state_.channel(pool, channel_id);
            if (channel == nullptr) return RangeTotals{.range = range, .totals = {}};
            if (is_everything(range)) return RangeTotals{.range = range, .totals = channel->tally.totals};
            sums.emplace(state_, *engine_, range, [this, seen] { return go_on(seen); });
            sums->ask_for(state_, *channel);
        }
        auto answer = sums->add_up();
        if (!answer) return std::unexpected(answer.error());
        return answer->in_range;
    });
}

Result<PoolTotals> LogStore::totals(const std::string& pool, const Range& range) const {
    return undisturbed([&]() -> Result<PoolTotals> {
        PoolTotals answer{.in_range = {.range = range, .totals = {}}};
        const View seen = view();
        std::optional<RangeSums> sums;
        {
            const std::shared_lock lock{mutex_};
            answer.position = state_.head().position;
            const Pool* const known = state_.pool(pool);
            if (known == nullptr) return answer;
            Tally sum;
            sums.emplace(state_, *engine_, range, [this, seen] { return go_on(seen); });
            for (const auto& [channel_id, number] : known->channels) {
                if (channel_id.empty()) continue;
                const Channel& channel = *state_.channel(number);
                if (!is_everything(range)) {
                    sums->ask_for(state_, channel);
                    continue;
                }
                add(sum, channel.tally);
                ++answer.channels;
            }
            answer.in_range.totals = sum.totals;
            if (is_everything(range)) return answer;
        }
        auto in_range = sums->add_up();
        if (!in_range) return std::unexpected(in_range.error());
        answer.in_range = in_range->in_range;
        answer.channels = in_range->channels;
        return answer;
    });
}

Result<std::vector<Hour>> LogStore::hours(const HoursQuery& query) const {
    HourScan scan{.subject = query.subject,
                  .number = 0,
                  .first_hour = hour_of(query.range.start.value_or(0)),
                  .last_hour = hour_of(query.range.end.value_or(std::numeric_limits<Milliseconds>::max())),
                  .first_run = 1,
                  .last_run = 0};
    std::vector<Hour> hours;
    if (query.range.start && query.range.end && *query.range.start > *query.range.end) return hours;
    if (query.after) {
        if (*query.after >= scan.last_hour) return hours;
        scan.first_hour = std::max(scan.first_hour, *query.after + 1);
    }
    const View seen = view();
    std::map<std::uint32_t, Tally> sums;
    {
        const std::shared_lock lock{mutex_};
        const Pool* const pool = state_.pool(query.pool);
        if (pool == nullptr) return hours;
        const auto& names = query.subject == protocol::Subject::channel ? pool->channels : pool->users;
        const auto named = names.find(query.subject_id);
        if (named == names.end()) return hours;
        scan.number = named->second;
        scan.last_run = state_.saved_position();
        const auto& tail = state_.tail().hours().sums();
        const auto named_hour = [&](std::uint32_t hour) {
            return HourSums::Name{.subject = scan.subject, .number = scan.number, .hour = hour};
        };
        for (auto next = tail.lower_bound(named_hour(scan.first_hour));
             next != tail.end() && next->first <= named_hour(scan.last_hour); ++next) {
            sums.emplace(next->first.hour, next->second);
        }
    }
    // In slices of hours, longer after each that is empty.
    const std::uint64_t last = scan.last_hour;
    std::uint64_t width = 31 * std::uint64_t{24};
    for (std::uint64_t first = scan.first_hour; scan.last_run > 0 && first <= last;) {
        // Those before the slice are whole.
        const auto whole = std::distance(sums.begin(), sums.lower_bound(static_cast<std::uint32_t>(first)));
        if (static_cast<std::size_t>(whole) >= query.limit) break;
        if (const auto on = go_on(seen); !on) return std::unexpected(on.error());
        scan.first_hour = static_cast<std::uint32_t>(first);
        scan.last_hour = static_cast<std::uint32_t>(std::min(first + width - 1, last));
        const auto rows = read_hours_of(*engine_, scan);
        if (!rows) return noticed(rows.error());
        for (const HourRow& row : *rows) add(sums[row.hour], row.tally);
        first += width;
        if (rows->empty()) width *= 2;
    }
    for (const auto& [number, tally] : sums) {
        if (hours.size() == query.limit) break;
        hours.push_back({.number = number, .totals = tally.totals});
    }
    return hours;
}

Result<std::vector<std::string>> LogStore::channels(const std::string& pool, const std::string& after,
                                                    std::size_t limit) const {
    const std::shared_lock lock{mutex_};
    const Pool* const known = state_.pool(pool);
    return known == nullptr ? std::vector<std::string>{} : names_after(known->channels, after, limit);
}

Result<std::vector<std::string>> LogStore::users(const std::string& pool, const std::string& after,
                                                 std::size_t limit) const {
    const std::shared_lock lock{mutex_};
    const Pool* const known = state_.pool(pool);
    return known == nullptr ? std::vector<std::string>{} : names_after(known->users, after, limit);
}

Result<std::vector<protocol::StreamState>>
LogStore::streams(const std::string& pool, const std::optional<StreamName>& after, std::size_t limit) const {
    std::vector<protocol::StreamState> states;
    const std::shared_lock lock{mutex_};
    const auto& names = state_.stream_names();
    for (auto next = after ? names.upper_bound(*after) : names.begin(); next != names.end() && states.size() < limit;
         ++next) {
        const StreamRow& row = state_.stream(next->second)->row;
        if (row.pool != pool) continue;
        states.push_back({.identity = {row.name.identity},
                          .stream_id = row.name.stream_id,
                          .epoch = row.epoch,
                          .durable_sequence = row.durable_sequence});
    }
    return states;
}

Health LogStore::health() const {
    const std::shared_lock lock{mutex_};
    Health health{.is_healthy = !failure_, .last_commit = last_commit_, .error_message = {}, .damage = damage_};
    if (failure_) {
        health.error_message = to_text(failure_->kind);
        if (!failure_->detail.empty()) health.error_message.append(": ").append(failure_->detail);
    }
    return health;
}

} // namespace storage
